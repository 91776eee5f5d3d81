"""How much may be held of a symbol, were everything that is open to execute: MAX_POSITION; and SHORT_SALE."""

from decimal import Decimal
from typing import Any

from gateway.domain.money import ZERO, add, subtract
from gateway.domain.risk import parsing
from gateway.domain.risk.control import Control, Figures, Reads, exceeds, forbids
from gateway.domain.risk.denial import Denial
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.terms import OrderTerms, Snapshot
from gateway.domain.totals import Total
from gateway.domain.values import Side


def _held(order: OrderTerms, source: Total, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    return source.position, source.open_buy if order.side is Side.BUY else source.open_sell


def _max_position(order: OrderTerms, limit: Limit, value: Decimal, figures: Figures) -> Denial | None:
    if order.opens_qty <= ZERO:
        return None
    position: Any = figures[0]
    opened: Any = figures[1]
    more = add(opened, order.opens_qty)
    worst = add(position, more) if order.side is Side.BUY else subtract(more, position)
    return exceeds(limit, value, worst=worst, position=position) if worst > value else None


def _short_sale(order: OrderTerms, limit: Limit, value: bool, figures: Figures) -> Denial | None:  # noqa: ARG001 - one signature
    if order.side is Side.BUY or order.opens_qty <= ZERO:
        return None
    position: Any = figures[0]
    opened: Any = figures[1]
    if add(opened, order.opens_qty) <= position:
        return None
    return forbids(limit, position=position, open=opened, order=order.opens_qty)


def reduces(order: OrderTerms, total: Total) -> bool:
    """Whether nothing of the order can add to a position, even if everything open on its side executes."""
    if order.opens_qty <= ZERO:
        return True
    held = total.position if order.side is Side.SELL else total.position.copy_negate()
    return add(total.open_qty(order.side), order.opens_qty) <= held


MAX_POSITION = Control(
    code="MAX_POSITION",
    about="the most that may be held of a symbol, either way, open orders included, in base units",
    value=parsing.amount,
    figures=("position", "open"),
    measure=_held,
    judge=_max_position,
    reads=Reads.SYMBOL,
    part=parsing.part_of_amount,
)
SHORT_SALE = Control(
    code="SHORT_SALE",
    about="yes: an account may not sell more than it holds",
    value=parsing.flag,
    figures=("position", "open"),
    measure=_held,
    judge=_short_sale,
    reads=Reads.SYMBOL,
    keeps=(True, False, True),
)
