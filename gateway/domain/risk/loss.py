"""How much may be lost in a day: MAX_DAILY_LOSS. Beyond it an account, or the firm, may only reduce its positions."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.domain.money import ZERO, add, multiply, subtract, trim
from gateway.domain.positions import Position
from gateway.domain.risk import parsing
from gateway.domain.risk.control import Control, Figures, Reads, exceeds
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.terms import UNPRICED, OrderTerms, Snapshot
from gateway.domain.totals import Total
from gateway.domain.values import OrdRejReason, Side


class Results(NamedTuple):
    """What is read: the scope's positions by symbol, and the account's total in the order's symbol."""

    positions: Mapping[str, Position]
    own: Total


def _earned(order: OrderTerms, source: Results, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    """(earned today, what the order may reduce): realized today, fees of today, and open positions against cost."""
    own = source.own
    held = own.position if order.side is Side.SELL else own.position.copy_negate()
    room = subtract(held, own.open_qty(order.side))
    earned = ZERO
    for symbol, position in source.positions.items():
        if not (position.qty or position.realized_today or position.fees_today):
            continue
        found = _of_symbol(symbol, position, snapshot)
        if not isinstance(found, Decimal):
            return found, room
        earned = add(earned, found)
    return earned, room


def _of_symbol(symbol: str, position: Position, snapshot: Snapshot) -> Decimal | str | None:
    in_quote = subtract(position.realized_today, position.cost)
    if position.qty:
        reference = snapshot.reference(symbol)
        if not isinstance(reference, Decimal):
            return reference
        in_quote = add(in_quote, multiply(position.qty, reference))
    rate = snapshot.quote_rate(symbol)
    if not isinstance(rate, Decimal):
        return rate
    earned = multiply(in_quote, rate)
    for asset, fee in position.fees_today.items():
        worth = snapshot.rate(asset)
        if not isinstance(worth, Decimal):
            return worth
        earned = subtract(earned, multiply(fee, worth))
    return earned


def _max_daily_loss(order: OrderTerms, limit: Limit, value: Decimal, figures: Figures) -> Denial | None:
    earned: Any = figures[0]
    room: Any = figures[1]
    if earned == UNPRICED or order.opens_qty <= room:  # it only reduces what is held
        return None
    if earned is None:
        shown = {limit.code.lower(): parsing.shown(limit.value)}
        return deny("NO_REFERENCE_PRICE", OrdRejReason.OTHER, **shown, **limit.where)
    loss = earned.copy_negate()
    return exceeds(limit, value, loss=trim(loss), may="reduce_only") if loss > value else None


MAX_DAILY_LOSS = Control(
    code="MAX_DAILY_LOSS",
    about="what an account or the firm may lose in a trading day, open positions against their cost and fees included; "
    "beyond it orders may only reduce positions",
    value=parsing.amount,
    figures=("earned", "room"),
    measure=_earned,
    judge=_max_daily_loss,
    reads=Reads.RESULTS,
    part=parsing.part_of_amount,
    kinds=((True, False, False), (False, False, False)),
)
