"""Slips of the hand: FAT_FINGER, an order many times as large as the account's last ones in the symbol."""

from collections import deque
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.domain.events import Event, LegSubmitted
from gateway.domain.money import ZERO, add, avg_px, multiply, subtract
from gateway.domain.order import Order
from gateway.domain.risk import parsing
from gateway.domain.risk.control import Control, Figures, Reads, exceeds
from gateway.domain.risk.denial import Denial
from gateway.domain.risk.limit import BadLimitError, Limit
from gateway.domain.risk.terms import OrderTerms, Snapshot, grows


class Times(NamedTuple):
    """So many times the average of so many orders."""

    factor: Decimal
    orders: int

    def __str__(self) -> str:
        return f"{self.factor:f}x/{self.orders}"


def parse_times(text: str) -> Times:
    """`10x/20`: at most 10 times the average of the last 20 orders."""
    factor, mark, orders = text.partition("x/")
    if not mark or not 0 < parsing.count(orders) <= 1000:
        raise BadLimitError(f"{text!r} is not a factor and the orders to average, at most 1000, such as 10x/20")
    return Times(parsing.amount(factor), parsing.count(orders))


class Sizes:
    """The quantities of the last orders that passed, of one account and symbol, and their sum."""

    __slots__ = ("_last", "sum")

    def __init__(self, limit: Limit) -> None:
        times: Times = limit.value
        self._last: deque[Decimal] = deque(maxlen=times.orders)
        self.sum = ZERO

    @property
    def count(self) -> int:
        """How many are known."""
        return len(self._last)

    def add(self, qty: Decimal) -> None:
        """One order more."""
        if len(self._last) == self._last.maxlen:
            self.sum = subtract(self.sum, self._last[0])
        self._last.append(qty)
        self.sum = add(self.sum, qty)

    def record(self, event: Event | None, order: Order) -> None:  # noqa: ARG002 - as every tracker
        """A new order that passed."""
        if type(event) is LegSubmitted and event.leg == 1:
            self.add(event.qty)


def _sizes(order: OrderTerms, source: Sizes, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    return source.count, source.sum


def _fat_finger(order: OrderTerms, limit: Limit, value: Times, figures: Figures) -> Denial | None:
    known: Any = figures[0]
    total: Any = figures[1]
    if known < value.orders or not grows(order):
        return None
    if multiply(order.order_qty, Decimal(known)) <= multiply(value.factor, total):
        return None
    return exceeds(limit, value, average=avg_px(total, Decimal(known)), order=order.order_qty)


FAT_FINGER = Control(
    code="FAT_FINGER",
    about="how many times the average of the account's last orders in the symbol an order may be for, such as 10x/20; "
    "until there are so many, nothing is checked",
    value=parse_times,
    figures=("orders", "sum"),
    measure=_sizes,
    judge=_fat_finger,
    reads=Reads.TRACKER,
    tracker=Sizes,
    keeps=(True, False, True),
)
