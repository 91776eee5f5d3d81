"""How much money is at stake, were everything that is open to execute: MAX_GROSS_EXPOSURE and MAX_NET_EXPOSURE.

Every unit is valued at its symbol's reference price, in the currency that the configuration names. Gross adds up what
each symbol's position could become, either way; for the firm, what each account's could. Net lets long and short
positions of different symbols offset each other, and takes what the order's side could lead to.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.domain.money import ZERO, add, multiply, subtract, trim
from gateway.domain.risk import parsing
from gateway.domain.risk.control import Control, Figures, Reads, exceeds
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.terms import UNPRICED, OrderTerms, Snapshot
from gateway.domain.totals import Total, worst_of
from gateway.domain.values import OrdRejReason, Side


class Exposure(NamedTuple):
    """What is read: the scope's total of each symbol, and the one of the order's symbol that the order changes.

    by_account: whether accounts do not offset each other in a symbol, as for the whole firm's gross.
    """

    symbols: Mapping[str, Total]
    own: Total
    by_account: bool


def _gross(order: OrderTerms, source: Exposure, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    own = source.own
    before = worst_of(own.position, own.open_buy, own.open_sell)
    if order.side is Side.BUY:
        after = worst_of(own.position, add(own.open_buy, order.opens_qty), own.open_sell)
    else:
        after = worst_of(own.position, own.open_buy, add(own.open_sell, order.opens_qty))
    more = subtract(after, before)
    if more <= ZERO:
        return ZERO, ZERO, ZERO
    gross = ZERO
    unit: Any
    for symbol, total in source.symbols.items():
        qty = total.gross if source.by_account else worst_of(total.position, total.open_buy, total.open_sell)
        if qty:
            unit = snapshot.unit(symbol)
            if unit.__class__ is not Decimal:
                return unit, more, symbol
            gross = add(gross, multiply(qty, unit))
    unit = snapshot.unit(order.symbol)
    if unit is None or unit == UNPRICED:
        return unit, more, order.symbol
    return gross, more, unit


def _max_gross(order: OrderTerms, limit: Limit, value: Decimal, figures: Figures) -> Denial | None:
    gross: Any = figures[0]
    more: Any = figures[1]
    unit: Any = figures[2]
    if order.opens_qty <= ZERO or gross == UNPRICED:
        return None
    if gross is None:
        return _no_price(limit, unit)
    if not more:
        return None
    after = add(gross, multiply(more, unit))
    return exceeds(limit, value, worst=trim(after), now=trim(gross)) if after > value else None


def _net(order: OrderTerms, source: Exposure, snapshot: Snapshot, limit: Limit) -> Figures:  # noqa: ARG001 - one signature
    if order.opens_qty <= ZERO:
        return ZERO, ZERO
    net = ZERO
    for symbol, total in source.symbols.items():
        if order.side is Side.BUY:
            qty = add(total.position, total.open_buy)
        else:
            qty = subtract(total.open_sell, total.position)
        if qty:
            unit: Any = snapshot.unit(symbol)
            if unit.__class__ is not Decimal:
                return unit, symbol
            net = add(net, multiply(qty, unit))
    unit = snapshot.unit(order.symbol)
    return (net, unit) if unit is not None and unit != UNPRICED else (unit, order.symbol)


def _max_net(order: OrderTerms, limit: Limit, value: Decimal, figures: Figures) -> Denial | None:
    net: Any = figures[0]
    unit: Any = figures[1]
    if order.opens_qty <= ZERO or net == UNPRICED:
        return None
    if net is None:
        return _no_price(limit, unit)
    after = add(net, multiply(order.opens_qty, unit))
    return exceeds(limit, value, worst=trim(after), now=trim(net)) if after > value else None


def _no_price(limit: Limit, symbol: object) -> Denial:
    figures = {limit.code.lower(): parsing.shown(limit.value), "of": symbol}
    return deny("NO_REFERENCE_PRICE", OrdRejReason.OTHER, **figures, **limit.where)


MAX_GROSS_EXPOSURE = Control(
    code="MAX_GROSS_EXPOSURE",
    about="what all positions could come to be worth, either way, open orders included",
    value=parsing.amount,
    figures=("gross", "more", "unit"),
    measure=_gross,
    judge=_max_gross,
    reads=Reads.SYMBOLS,
    part=parsing.part_of_amount,
)
MAX_NET_EXPOSURE = Control(
    code="MAX_NET_EXPOSURE",
    about="what all positions could come to be worth, long less short, open orders of one side included",
    value=parsing.amount,
    figures=("net", "unit"),
    measure=_net,
    judge=_max_net,
    reads=Reads.SYMBOLS,
    part=parsing.part_of_amount,
)
