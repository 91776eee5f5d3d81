"""How many orders: MAX_OPEN_ORDERS, MAX_ORDERS_PER_DAY, and CANCEL_RATIO, which only alerts."""

from decimal import Decimal
from typing import Any, NamedTuple

from gateway.domain.risk import parsing
from gateway.domain.risk.control import Control, Figures, Reads, exceeds
from gateway.domain.risk.denial import Denial
from gateway.domain.risk.limit import BadLimitError, Limit
from gateway.domain.risk.terms import OrderTerms, Snapshot
from gateway.domain.totals import Total


def _open(order: OrderTerms, source: Total, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    return (source.open_orders,)


def _max_open(order: OrderTerms, limit: Limit, value: int, figures: Figures) -> Denial | None:
    opened: Any = figures[0]
    return exceeds(limit, value, open=opened) if order.is_new and opened + 1 > value else None


def _today(order: OrderTerms, source: Total, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    return (source.orders_today,)


def _max_today(order: OrderTerms, limit: Limit, value: int, figures: Figures) -> Denial | None:
    today: Any = figures[0]
    return exceeds(limit, value, today=today) if order.is_new and today + 1 > value else None


class Ratio(NamedTuple):
    """So many percent, looked at only from so many on."""

    percent: Decimal
    at_least: int

    def __str__(self) -> str:
        return f"{self.percent:f}%/{self.at_least}"


def parse_ratio(text: str) -> Ratio:
    """`90%/20`: from 20 orders on, at most 90 cancels to 100 orders."""
    percent, mark, orders = text.partition("%/")
    if not mark:
        raise BadLimitError(f"{text!r} is not a percentage and the orders it begins at, such as 90%/20")
    return Ratio(parsing.amount(percent), parsing.count(orders))


def _canceled(order: OrderTerms, source: Total, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    return source.orders_today, source.cancels_today


def _ratio(order: OrderTerms, limit: Limit, value: Ratio, figures: Figures) -> Denial | None:  # noqa: ARG001 - one signature
    orders: Any = figures[0]
    cancels: Any = figures[1]
    if orders < value.at_least or cancels * 100 <= value.percent * orders:
        return None
    return exceeds(limit, value, orders=orders, cancels=cancels)


MAX_OPEN_ORDERS = Control(
    code="MAX_OPEN_ORDERS",
    about="orders that can still execute, unknown ones included",
    value=parsing.count,
    figures=("open",),
    measure=_open,
    judge=_max_open,
    reads=Reads.SCOPE,
    part=parsing.part_of_count,
)
MAX_ORDERS_PER_DAY = Control(
    code="MAX_ORDERS_PER_DAY",
    about="new orders sent to the venue in a trading day",
    value=parsing.count,
    figures=("today",),
    measure=_today,
    judge=_max_today,
    reads=Reads.SCOPE,
    part=parsing.part_of_count,
)
CANCEL_RATIO = Control(
    code="CANCEL_RATIO",
    about="cancels to orders in a trading day, from so many orders on, such as 90%/20; alerts, and refuses nothing",
    value=parse_ratio,
    figures=("orders", "cancels"),
    measure=_canceled,
    judge=_ratio,
    reads=Reads.SCOPE,
    alerts_only=True,
)
