"""A refusal with a code and its figures."""

from dataclasses import dataclass
from decimal import Decimal

from gateway.domain.money import text_of
from gateway.domain.values import OrdRejReason


@dataclass(frozen=True, slots=True)
class Denial:
    """Why an order is refused: a code and its figures, the same in Text(58), in SQL and in the log."""

    code: str
    reason: OrdRejReason
    figures: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """As in Text(58): `MAX_ORDER_QTY limit=5 order=6 account=ACME`."""
        return " ".join([self.code, *(f"{name}={value}" for name, value in self.figures)])


def deny(code: str, reason: OrdRejReason, **figures: object) -> Denial:
    """A denial; decimals are written in plain digits."""
    shown = tuple((k, text_of(v) if isinstance(v, Decimal) else str(v)) for k, v in figures.items())
    return Denial(code, reason, shown)
