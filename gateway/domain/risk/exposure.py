"""How much money is at stake, were everything that is open to execute: MAX_GROSS_EXPOSURE and MAX_NET_EXPOSURE.

Every unit is valued at its symbol's reference price, in the currency that the configuration names. Gross adds up what
each symbol's position could become, either way; for the firm, what each account's could. Net lets long and short
positions of different symbols offset each other, and takes what the order's side could lead to.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.domain.money import ZERO, add, multiply, subtract, trim
from gateway.domain.risk import parsing
from gateway.domain.risk.control import Control, Figures, Reads, exceeds
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.limit import Limit
from gateway.domain.risk.terms import UNPRICED, OrderTerms, Snapshot
from gateway.domain.risk.worth import Worth
from gateway.domain.totals import Total, worst_of
from gateway.domain.values import OrdRejReason, Side


class Exposure(NamedTuple):
    """What is read: the scope's total of each symbol, and the one of the order's symbol that the order changes.

    worth: of the firm, which trades every symbol: its gross, and what each side could lead to, kept as orders come.
    """

    symbols: Mapping[str, Total]
    own: Total
    worth: Mapping[str, Worth] | None = None


def gross_qty(total: Total) -> Decimal:
    """What each account could come to hold, either way."""
    return total.gross


def long_qty(total: Total) -> Decimal:
    """Held, were all that is open to be bought."""
    return add(total.position, total.open_buy)


def short_qty(total: Total) -> Decimal:
    """Sold short, were all that is open to be sold."""
    return subtract(total.open_sell, total.position)


def _worst_qty(total: Total) -> Decimal:
    return worst_of(total.position, total.open_buy, total.open_sell)


def _sum(source: Exposure, of_firm: str, qty_of: Callable[[Total], Decimal], snapshot: Snapshot) -> tuple[Any, str]:
    """(what it is worth, ""); or what stands for a price that is missing, and the symbol."""
    if source.worth is not None:
        return source.worth[of_firm].reckon(snapshot)
    result = ZERO
    for symbol, total in source.symbols.items():
        qty = qty_of(total)
        if qty:
            unit: Any = snapshot.unit(symbol)
            if unit.__class__ is not Decimal:
                return unit, symbol
            result = add(result, multiply(qty, unit))
    return result, ""


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
    gross, missing = _sum(source, "gross", _worst_qty, snapshot)
    if missing:
        return gross, more, missing
    unit: Any = snapshot.unit(order.symbol)
    return (gross, more, unit) if unit.__class__ is Decimal else (unit, more, order.symbol)


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
    is_buy = order.side is Side.BUY
    net, missing = _sum(source, "long" if is_buy else "short", long_qty if is_buy else short_qty, snapshot)
    if missing:
        return net, missing
    unit: Any = snapshot.unit(order.symbol)
    return (net, unit) if unit.__class__ is Decimal else (unit, order.symbol)


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
