"""How large one order may be, and how small: MAX_ORDER_QTY, MAX_ORDER_NOTIONAL, MIN_ORDER_NOTIONAL."""

from decimal import Decimal
from typing import Any

from gateway.domain.money import multiply
from gateway.domain.risk import parsing
from gateway.domain.risk.collar import market_px
from gateway.domain.risk.control import Control, Figures, exceeds
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.terms import UNPRICED, OrderTerms, Snapshot, grows
from gateway.domain.values import OrdRejReason


def _nothing(order: OrderTerms, source: None, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    return ()


def _max_qty(order: OrderTerms, limit: Limit, value: Decimal, figures: Figures) -> Denial | None:  # noqa: ARG001 - one signature
    if order.order_qty > value and grows(order):
        return exceeds(limit, value, order=order.order_qty)
    return None


def _px(order: OrderTerms, source: None, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    px = order.value_px
    return (px if px is not None else market_px(order, snapshot),)


def _max_notional(order: OrderTerms, limit: Limit, value: Decimal, figures: Figures) -> Denial | None:
    px: Any = figures[0]
    if px == UNPRICED:
        return None
    if px is None:
        return _no_price(order, limit, value)
    notional = multiply(order.order_qty, px)
    if notional <= value or (not order.is_new and notional <= multiply(order.old_qty, order.old_price or px)):
        return None
    return exceeds(limit, value, order=notional)


def _min_notional(order: OrderTerms, limit: Limit, value: Decimal, figures: Figures) -> Denial | None:
    px: Any = figures[0]
    if px == UNPRICED:
        return None
    if px is None:
        return _no_price(order, limit, value)
    notional = multiply(order.order_qty, px)
    return exceeds(limit, value, order=notional) if notional < value else None


def _no_price(order: OrderTerms, limit: Limit, value: Decimal) -> Denial:
    figures = {limit.code.lower(): value, "ord_type": order.ord_type.name}
    return deny("NO_REFERENCE_PRICE", OrdRejReason.OTHER, **figures, **limit.where)


MAX_ORDER_QTY = Control(
    code="MAX_ORDER_QTY",
    about="the most that one order may be for, in base units",
    value=parsing.amount,
    figures=(),
    measure=_nothing,
    judge=_max_qty,
    part=parsing.part_of_amount,
    tightest=min,
)
MAX_ORDER_NOTIONAL = Control(
    code="MAX_ORDER_NOTIONAL",
    about="the most that one order may be worth, in quote currency",
    value=parsing.amount,
    figures=("px",),
    measure=_px,
    judge=_max_notional,
    part=parsing.part_of_amount,
    tightest=min,
)
MIN_ORDER_NOTIONAL = Control(
    code="MIN_ORDER_NOTIONAL",
    about="the least that one order may be worth, in quote currency",
    value=parsing.amount,
    figures=("px",),
    measure=_px,
    judge=_min_notional,
    tightest=max,
)
