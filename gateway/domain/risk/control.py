"""What a control is: how its limit is written, which figures it looks at, and what it makes of them.

Looking and judging are apart so that a decision can be derived again from the figures that were stored with it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Protocol

from gateway.domain.events import Event
from gateway.domain.order import Order
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.terms import OrderTerms, Snapshot
from gateway.domain.totals import KINDS, Kind
from gateway.domain.values import OrdRejReason

Figure = Decimal | int | str | None
Figures = tuple[Figure, ...]
"""What a control looked at, in the order of its `figures`; as it is stored with the decision."""


class Reads(Enum):
    """What of the running totals a control looks at; it is bound to that once, not looked up with every order."""

    NOTHING = "nothing"  # the order alone
    SCOPE = "scope"  # the total of the limit's scope
    SYMBOL = "symbol"  # the total of the limit's scope in the order's symbol
    SYMBOLS = "symbols"  # the totals of every symbol in the limit's scope
    FUNDS = "funds"  # balances, and what orders bind, of the limit's account or the account's venue account
    RESULTS = "results"  # what the limit's scope earned, and the account's total in the order's symbol
    TRACKER = "tracker"  # what the control itself keeps for the limit's scope


class Tracker(Protocol):
    """Something a control remembers of orders. It changes by events alone, so that the journal brings it back."""

    def record(self, event: Event | None, order: Order) -> str | None:
        """An event of an order in its scope, and the order after it; no event: an order that was open before.

        Returns what has to be stopped because of it, which no restart may forget.
        """


Measure = Callable[[OrderTerms, Any, Snapshot, Limit], Figures]
Judge = Callable[[OrderTerms, Limit, Any, Figures], Denial | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """measure reads the figures; judge decides on them and a limit's value, and does nothing else.

    times: those of the figures that are nanoseconds.
    value: what the limit's text is turned into, see parsing.py; raises BadLimitError.
    part: what so many percent of a value are, where a soft limit makes sense.
    tightest: of several limits that apply to one order, those that need be checked; None: each has figures of its own.
    keeps: the kind of scope whose total or tracker it reads; None: that of the limit.
    shrinking: whether it is also asked about a replace that only takes quantity away.
    alerts_only: what it finds is alerted and refuses nothing.
    renews: whether each version of its limit starts with a tracker that remembers nothing.
    kinds: of which kinds of scope its limits may be.
    rebuilds: whether its tracker is about open orders, and is made from them by recording each as it stands.
    """

    code: str
    about: str  # for people, with the form of the value
    value: Callable[[str], Any]
    figures: tuple[str, ...]
    measure: Measure
    judge: Judge
    times: tuple[str, ...] = ()
    reads: Reads = Reads.NOTHING
    tracker: Callable[[Limit], Tracker] | None = None
    part: Callable[[Any, int], Any] | None = None
    tightest: Callable[[Iterable[Any]], Any] | None = None
    keeps: Kind | None = None
    shrinking: bool = False
    alerts_only: bool = False
    renews: bool = False
    kinds: tuple[Kind, ...] = KINDS
    rebuilds: bool = False


def exceeds(limit: Limit, value: object, /, **figures: object) -> Denial:
    """A denial for too much of something."""
    return deny(limit.code, OrdRejReason.EXCEEDS_LIMIT, limit=value, **figures, **limit.where)


def forbids(limit: Limit, reason: OrdRejReason = OrdRejReason.BROKER_OPTION, /, **figures: object) -> Denial:
    """A denial of something that the account or session may not do."""
    return deny(limit.code, reason, **figures, **limit.where)
