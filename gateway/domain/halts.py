"""Trading stopped, for the firm or a part of it: what a person has forbidden, and how that denies an order.

Cancels are never asked here: they always pass.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.position import reduces
from gateway.domain.risk.terms import OrderTerms
from gateway.domain.totals import KINDS, Scope, Totals, part_of
from gateway.domain.values import OrdRejReason, Value


class TradingState(Value):
    """ACTIVE: orders pass. REDUCING: only what cannot add to the account's position does. HALTED: none does."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class Halt(NamedTuple):
    """A scope's state as a person set it. at: nanoseconds UTC.

    armed_by_uid: who has asked for it to be armed again, and waits for a second person; -1: nobody.
    """

    scope: Scope
    state: TradingState
    reason: str
    uid: int
    who: str
    at: int
    armed_by_uid: int = -1
    armed_at: int = 0


class Halts:
    """The state of every scope; one without an entry is active. Of those that hold an order the strictest counts."""

    def __init__(self, halts: Iterable[Halt] = ()) -> None:
        self._halts: dict[Scope, Halt] = {}
        for halt in halts:
            self.put(halt)

    def __bool__(self) -> bool:
        """Whether anything was ever set: most orders need look no further."""
        return bool(self._halts)

    def put(self, halt: Halt) -> None:
        """From now on."""
        self._halts[halt.scope] = halt

    def get(self, scope: Scope) -> Halt | None:
        """What was set for exactly this scope, if anything ever was."""
        return self._halts.get(scope)

    def denial(self, order: OrderTerms, scope: Scope, totals: Totals) -> Denial | None:
        """Why an order, or a replace, may not pass now. scope: its account, session (by CompID) and symbol."""
        found = [halt for kind in KINDS if (halt := self._halts.get(part_of(scope, kind))) is not None]
        for halt in found:
            if halt.state is TradingState.HALTED:
                return deny("TRADING_HALTED", OrdRejReason.BROKER_OPTION, scope=scope_text(halt.scope))
        for halt in found:
            if halt.state is TradingState.REDUCING:
                total = totals.sum(Scope(scope.account, "", scope.symbol))
                if not reduces(order, total):
                    return deny(
                        "REDUCE_ONLY",
                        OrdRejReason.BROKER_OPTION,
                        scope=scope_text(halt.scope),
                        position=total.position,
                        open=total.open_qty(order.side),
                        order=order.opens_qty,
                    )
        return None


def scope_text(scope: Scope) -> str:
    """For people: `firm`, or `account:ACME,symbol:BTCUSDT`."""
    parts = [f"{name}:{value}" for name, value in scope._asdict().items() if value]
    return ",".join(parts) or "firm"


def holds(scope: Scope, other: Scope) -> bool:
    """Whether this scope holds the other, which names all parts."""
    return part_of(other, scope.kind) == scope
