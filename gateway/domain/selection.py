"""Which orders a request about many of them names."""

from dataclasses import dataclass

from gateway.domain.values import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """An empty account or symbol, and no side, stand for all."""

    account: str = ""
    symbol: str = ""
    side: Side | None = None

    @property
    def text(self) -> str:
        """For people: `account=ACME symbol=BTCUSDT side=1`, or `all`."""
        parts = {"account": self.account, "symbol": self.symbol, "side": self.side}
        return " ".join(f"{name}={value}" for name, value in parts.items() if value) or "all"
