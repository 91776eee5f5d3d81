"""Why an order cannot be gone through once more: what made its story is neither a client's message nor a recorded word
of the venue, or it came of something that a gateway beside the real one does not have.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.compliance.inject.other_causes import Comings
from gateway.compliance.inject.steps import Passed
from gateway.domain import events as e
from gateway.domain.session_names import OWN_SESSION

GONE = "CANCEL_ON_DISCONNECT "

UNAVAILABLE = "VENUE_UNAVAILABLE"
_OF_ITS_OWN_TIME = frozenset(
    {"DRAINING", "REFUSED_BEFORE", "REPLACE_TOO_LATE", "TEST_SESSION", "TOO_MANY_WAITING", UNAVAILABLE}
)

REPEATED_EXECUTION = "REPEATED_EXECUTION"
"""The limit that the gateway itself sets anew when it is reached: only where the span has the record's beginning."""

REDUCE_ONLY = "REDUCE_ONLY"
_OF_HISTORY = frozenset({REPEATED_EXECUTION, REDUCE_ONLY})  # the latter asks what is held, and is no limit with figures
_VENUE_BUDGET = "ORDER_RATE venue="  # of requests, which the host's other venue accounts have used too

_BY_ITSELF = {
    e.TradeCanceled: "an execution was taken back",
    e.TradeCorrected: "an execution was corrected",
    e.OrderDoneForDay: "the venue laid it down for the day",
}
_WITHOUT_INSTRUMENT = ("UNKNOWN_SYMBOL ", UNAVAILABLE + " ")
_WISHES = ("MASS_CANCEL ", "KILL_SWITCH ", GONE)
"""How the reasons begin for which the gateway withdraws orders, of those that can be had again."""

_RESTART = "the gateway restarted"
_FIRST_WORD = re.compile(r"[A-Z][A-Z_]+\b")


class ThereIs(NamedTuple):
    """What the scratch gateway has: sessions that trade, by SessionID.

    known_since: from which journal position on a venue account's symbol is recorded as it was.
    left: sessions whose orders do not outlive their connection. throttled: what they send is counted, whatever it is.
    is_one_account: all orders go to one venue account.
    """

    sessions: frozenset[str]
    known_since: Mapping[tuple[str, str], int] = {}
    left: frozenset[str] = frozenset()
    throttled: frozenset[str] = frozenset()
    is_one_account: bool = True


@dataclass(slots=True)
class OrderStory:
    """What the journal has of an order in the span. asked: when the venue was asked for no reason of the order's own.

    passed: what the gateway did when a time had come, with its place. position: where it begins. stem: what its ids at
    the venue begin with, which tells of which database they are.
    """

    received: e.OrderReceived | None = None
    position: int = 0
    stem: str = ""
    trades: set[str] = field(default_factory=set)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    passed: list[tuple[int, Passed]] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _last_at: int = 0

    def heard(self, event: e.Event, position: int = 0) -> None:
        """The next event."""
        reason = _BY_ITSELF.get(type(event))
        if reason is not None:
            self.reasons.append(reason)
        match event:
            case e.OrderReceived():
                self.received, self.position = event, position
            case e.LegSubmitted() if not self.stem:
                self.stem = event.client_id.rpartition("-")[0].rpartition("-")[0]
            case e.OrderFilled():
                self.trades.add(event.trade_id)
            case e.OrderRejected() | e.RequestRejected() | e.RequestRefused() | e.NewOrderRefused():
                self.refusals.append((event.at, event.text))
            case e.OutcomeUnknown() if event.text.startswith(_RESTART):
                self.asked.append(event.at)
            case e.SettlementRequested() if event.at != self._last_at:
                self.asked.append(event.at)
            case e.ExpiryRequested():
                self._came(event, position, must=True)
            case e.CancelRetried():
                self._came(event, position, must=False)
            case e.WithdrawalRequested():
                if not event.text.startswith(_WISHES):
                    self.reasons.append("the gateway withdrew it")
                elif event.text.startswith(GONE):
                    self._came(event, position, must=True)
        self._last_at = event.at

    def _came(self, event: e.Event, position: int, *, must: bool) -> None:
        name = type(event).__name__
        self._counts[name] += 1
        step = Passed(event.at, event.order_id, name, self._counts[name]) if must else Passed(event.at, event.order_id)
        self.passed.append((position, step))


def why_not(
    story: OrderStory, told_trades: Collection[str], there_is: ThereIs, comings: Comings, *, with_history: bool
) -> str:
    """The reason; empty for an order that can be gone through. told_trades: ids in the venue's recorded words.

    with_history: the span has the record's beginning, and leaves nothing out.
    """
    order = story.received
    if order is None:
        return "it is older than the span"
    if order.session == OWN_SESSION:
        return "it is the gateway's own"
    if order.session not in there_is.sessions:
        return f"session {order.session} is not in the configuration"
    if not _is_instrument_known(story, order, there_is):
        return f"what {order.symbol} was at the venue then is not recorded"
    if story.reasons:
        return story.reasons[0]
    for at, text in story.refusals:
        code = of_its_own_time(text, with_history=with_history)
        if code and not (code == UNAVAILABLE and comings.was_away(order.venue_account, at)):
            return f"refused by {code}, which the scratch gateway does not have"
    if not all(comings.is_compared(order.venue_account, at) for at in story.asked):
        return "the venue was asked about it because of a comparison"
    if story.trades - set(told_trades):
        return "an execution was learned otherwise than by the venue's words"
    return ""


def _is_instrument_known(story: OrderStory, order: e.OrderReceived, there_is: ThereIs) -> bool:
    """Nothing is said of what the venue never listed, nor of orders that were refused before that mattered."""
    if any(at == order.at and text.startswith(_WITHOUT_INSTRUMENT) for at, text in story.refusals):
        return True
    since = there_is.known_since.get((order.venue_account, order.symbol))
    return since is not None and since <= story.position


def of_its_own_time(text: str, *, with_history: bool = True) -> str:
    """The code with which a refusal begins, if it came of what the scratch gateway does not have; else empty."""
    found = _FIRST_WORD.match(text)
    if text.startswith(_VENUE_BUDGET):
        return _VENUE_BUDGET.rstrip("=")
    missing = _OF_ITS_OWN_TIME if with_history else _OF_ITS_OWN_TIME | _OF_HISTORY
    return found[0] if found is not None and found[0] in missing else ""
