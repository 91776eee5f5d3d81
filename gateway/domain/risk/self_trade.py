"""Trading with oneself: SELF_TRADE, an order that would meet a resting one of the firm."""

from decimal import Decimal
from heapq import heappop, heappush
from typing import Any

from gateway.domain.events import Event
from gateway.domain.order import Order
from gateway.domain.risk.control import Control, Figures, Reads, forbids
from gateway.domain.risk.denial import Denial
from gateway.domain.risk.limit import BadLimitError, Limit
from gateway.domain.risk.terms import OrderTerms, Snapshot
from gateway.domain.values import OrdType, Side, TimeInForce

_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


class PriceCounts:
    """The prices of one side's orders, of which the best is found at once: a heap, with a count for each price.

    What is gone stays in the heap until it comes up.
    """

    __slots__ = ("_counts", "_heap", "_highest_first")

    def __init__(self, side: Side) -> None:
        self._highest_first = side is Side.BUY
        self._counts: dict[Decimal, int] = {}
        self._heap: list[Decimal] = []

    def add(self, price: Decimal) -> None:
        """One order more at this price."""
        count = self._counts.get(price)
        if count is None:
            heappush(self._heap, price.copy_negate() if self._highest_first else price)
        self._counts[price] = (count or 0) + 1

    def remove(self, price: Decimal) -> None:
        """One order less."""
        self._counts[price] -= 1

    def best(self) -> Decimal | None:
        """The price that the other side meets first."""
        while self._heap:
            price = self._heap[0].copy_negate() if self._highest_first else self._heap[0]
            if self._counts[price]:
                return price
            del self._counts[price]
            heappop(self._heap)
        return None


class Resting:
    """At which prices orders of a symbol rest, or soon may: pending, unknown, and a pending replace's price as well.

    Stop orders wait outside the book, and immediate ones never rest.
    """

    __slots__ = ("_of_order", "_prices")

    def __init__(self, limit: Limit) -> None:  # noqa: ARG002 - as every tracker
        self._of_order: dict[str, tuple[Decimal, ...]] = {}
        self._prices = {side: PriceCounts(side) for side in Side}

    def best(self, side: Side) -> Decimal | None:
        """The best resting price of this side."""
        return self._prices[side].best()

    def record(self, event: Event | None, order: Order) -> None:  # noqa: ARG002 - as every tracker
        """Take note of the order as it stands."""
        if order.ord_type is not OrdType.LIMIT or order.time_in_force in _IMMEDIATE:
            return
        now = _prices_of(order)
        before = self._of_order.get(order.order_id, ())
        if now == before:
            return
        prices = self._prices[order.side]
        for price in now:
            prices.add(price)
        for price in before:
            prices.remove(price)
        if now:
            self._of_order[order.order_id] = now
        else:
            del self._of_order[order.order_id]


def _prices_of(order: Order) -> tuple[Decimal, ...]:
    price = order.terms.price
    if price is None or not order.exposed_qty:
        return ()
    if not order.requests:
        return (price,)
    return (price, *(r.terms.price for r in order.requests if r.terms is not None and r.terms.price is not None))


def _best(order: OrderTerms, source: Resting, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    return (source.best(Side.SELL if order.side is Side.BUY else Side.BUY),)


def _self_trade(order: OrderTerms, limit: Limit, value: str, figures: Figures) -> Denial | None:
    resting: Any = figures[0]
    if resting is None or value == "venue" or order.ord_type in (OrdType.STOP, OrdType.STOP_LIMIT):
        return None
    if order.price is not None and (order.price < resting if order.side is Side.BUY else order.price > resting):
        return None
    return forbids(limit, resting=resting, order=order.price if order.price is not None else "MARKET")


def _mode(text: str) -> str:
    if text not in ("refuse", "venue"):
        raise BadLimitError(f"{text!r} is neither refuse nor venue")
    return text


SELF_TRADE = Control(
    code="SELF_TRADE",
    about="refuse: no order that would meet a resting one of the firm; venue: left to the venue's own prevention",
    value=_mode,
    figures=("resting",),
    measure=_best,
    judge=_self_trade,
    reads=Reads.TRACKER,
    tracker=Resting,
    keeps=(False, False, True),
    rebuilds=True,
)
