"""Trading stopped, for the firm or a part of it: what a person has forbidden, and how that denies an order.

Cancels are never asked here: they always pass.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.position import reduces
from gateway.domain.risk.terms import OrderTerms
from gateway.domain.totals import Scope, Totals
from gateway.domain.values import OrdRejReason, Value


class TradingState(Value):
    """ACTIVE: orders pass. REDUCING: only what cannot add to the account's position does. HALTED: none does."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class HaltScope(NamedTuple):
    """What can be stopped; an empty part stands for all.

    session: the client's CompID. venue_account: one of the configuration. venue: every venue account of that exchange.
    """

    account: str = ""
    session: str = ""
    symbol: str = ""
    venue_account: str = ""
    venue: str = ""

    def holds(self, other: "HaltScope") -> bool:
        """Whether the other, which names all parts, is in this one."""
        return _of_kind(other, _kind(self)) == self

    def __str__(self) -> str:
        """For people: `firm`, or `account:ACME,symbol:BTCUSDT`."""
        return ",".join(f"{name}:{value}" for name, value in self._asdict().items() if value) or "firm"


FIRM = HaltScope()
_Kind = tuple[bool, ...]  # which parts a scope names


class Halt(NamedTuple):
    """A scope's state as a person set it. at: nanoseconds UTC.

    uid: who set it; -1: the watchdog. armed_by_uid: who has asked for it to be armed again, and waits for a second
    person; -1: nobody.
    """

    scope: HaltScope
    state: TradingState
    reason: str
    uid: int
    who: str
    at: int
    armed_by_uid: int = -1
    armed_at: int = 0


class Halts:
    """What is stopped; a scope without an entry is active. Of those that hold an order the strictest counts."""

    def __init__(self, halts: Iterable[Halt] = ()) -> None:
        self._halts: dict[HaltScope, Halt] = {}
        self._kinds: frozenset[_Kind] = frozenset()
        for halt in halts:
            self.put(halt)

    def __bool__(self) -> bool:
        """Whether anything is stopped: most orders need look no further."""
        return bool(self._halts)

    def put(self, halt: Halt) -> None:
        """From now on."""
        if halt.state is TradingState.ACTIVE:
            self._halts.pop(halt.scope, None)
        else:
            self._halts[halt.scope] = halt
        self._kinds = frozenset(map(_kind, self._halts))

    def get(self, scope: HaltScope) -> Halt | None:
        """What stops exactly this scope, if anything does."""
        return self._halts.get(scope)

    def halted(self) -> list[HaltScope]:
        """Where nothing passes."""
        return [halt.scope for halt in self._halts.values() if halt.state is TradingState.HALTED]

    def denial(self, order: OrderTerms, scope: HaltScope, totals: Totals) -> Denial | None:
        """Why an order, or a replace, may not pass now. scope: where it is, with all parts."""
        found = [halt for kind in self._kinds if (halt := self._halts.get(_of_kind(scope, kind))) is not None]
        for halt in found:
            if halt.state is TradingState.HALTED:
                return deny("TRADING_HALTED", OrdRejReason.BROKER_OPTION, scope=halt.scope)
        for halt in found:
            total = totals.sum(Scope(scope.account, "", scope.symbol))
            if not reduces(order, total):
                return deny(
                    "REDUCE_ONLY",
                    OrdRejReason.BROKER_OPTION,
                    scope=halt.scope,
                    position=total.position,
                    open=total.open_qty(order.side),
                    order=order.opens_qty,
                )
        return None


def _kind(scope: HaltScope) -> _Kind:
    return tuple(map(bool, scope))


def _of_kind(scope: HaltScope, kind: _Kind) -> HaltScope:
    """The scope of this kind that holds the given one."""
    return HaltScope(*(part if named else "" for part, named in zip(scope, kind, strict=True)))
