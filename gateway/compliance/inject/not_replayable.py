"""Why an order cannot be gone through once more: what made its story is neither a client's message nor a recorded word
of the venue, or it came of something that a gateway beside the real one does not have.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.domain import events as e
from gateway.domain.session_names import OWN_SESSION

NEVER_GIVEN = frozenset(
    {
        "BUYING_POWER",
        "CANCEL_RATIO",
        "DUPLICATE_ORDER",
        "MARKET_HOURS",
        "MAX_DAILY_LOSS",
        "MAX_GROSS_EXPOSURE",
        "MAX_NET_EXPOSURE",
        "ORDER_RATE",
        "PRICE_COLLAR",
        "REPEATED_EXECUTION",
    }
)
"""Limits that need what only the real gateway had: prices, balances, the time of day, the real pace."""

OF_HISTORY = frozenset(
    {"FAT_FINGER", "MAX_OPEN_ORDERS", "MAX_ORDERS_PER_DAY", "MAX_POSITION", "SELF_TRADE", "SHORT_SALE"}
)
"""Limits that reckon with all orders before: they can be given where the record is gone through from its beginning."""

_OF_ITS_OWN_TIME = NEVER_GIVEN | {
    "DRAINING",
    "MAX_ORDER_AGE",
    "MESSAGE_RATE",
    "NO_REFERENCE_PRICE",
    "TOO_MANY_WAITING",
    "TRADING_HALTED",
    "VENUE_UNAVAILABLE",
}

_BY_ITSELF = {
    e.ExpiryRequested: "the gateway ended it when its time was over",
    e.WithdrawalRequested: "the gateway withdrew it",
    e.OutcomeUnknown: "what became of a request was unknown",
    e.SettlementRequested: "the venue was asked what had become of it",
    e.CancelReturned: "a cancel had to be sent again",
    e.CancelRetried: "a cancel had to be sent again",
    e.TradeCanceled: "an execution was taken back",
    e.TradeCorrected: "an execution was corrected",
    e.OrderDoneForDay: "the venue laid it down for the day",
}
_FIRST_WORD = re.compile(r"[A-Z][A-Z_]+\b")


class ThereIs(NamedTuple):
    """What the scratch gateway has: sessions that trade, by SessionID, and symbols."""

    sessions: frozenset[str]
    symbols: frozenset[str]


@dataclass(slots=True)
class OrderStory:
    """What the journal has of an order in the span. legs: how many requests to place it there were."""

    received: e.OrderReceived | None = None
    legs: int = 0
    trades: set[str] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def heard(self, event: e.Event) -> None:
        """The next event."""
        if isinstance(event, e.OrderReceived):
            self.received = event
        elif isinstance(event, e.LegSubmitted):
            self.legs += 1
        elif isinstance(event, e.OrderFilled):
            self.trades.add(event.trade_id)
        elif isinstance(event, e.OrderRejected | e.RequestRejected):
            self.refusals.append(event.text)
        reason = _BY_ITSELF.get(type(event))
        if reason is not None:
            self.reasons.append(reason)


def why_not(story: OrderStory, told_trades: Iterable[str], there_is: ThereIs, now: int, *, with_history: bool) -> str:
    """The reason; empty for an order that can be gone through. told_trades: ids in the venue's recorded events.

    now: nanoseconds UTC. with_history: the limits OF_HISTORY are given.
    """
    order = story.received
    if order is None:
        return "it is older than the span"
    if order.session == OWN_SESSION:
        return "it is the gateway's own"
    if order.session not in there_is.sessions:
        return f"session {order.session} is not in the configuration"
    if order.symbol not in there_is.symbols:
        return f"the simulated exchange has no {order.symbol}"
    if order.expire_time is not None and order.expire_time <= now:
        return "its ExpireTime(126) is over by now"
    if story.reasons:
        return story.reasons[0]
    for text in story.refusals:
        if code := of_its_own_time(text, with_history=with_history):
            return f"refused by {code}, which the scratch gateway does not have"
    if story.trades - set(told_trades):
        return "an execution was learned otherwise than by the venue's events"
    return ""


def of_its_own_time(text: str, *, with_history: bool = True) -> str:
    """The code with which a refusal begins, if it came of what the scratch gateway does not have; else empty."""
    found = _FIRST_WORD.match(text)
    missing = _OF_ITS_OWN_TIME if with_history else _OF_ITS_OWN_TIME | OF_HISTORY
    return found[0] if found is not None and found[0] in missing else ""
