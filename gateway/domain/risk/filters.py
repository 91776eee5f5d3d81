"""The venue's filters, so that it need not be asked for what it would refuse."""

from gateway.domain.instruments import Instrument
from gateway.domain.money import is_multiple, multiply, subtract
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.terms import OrderTerms
from gateway.domain.values import OrdRejReason


def check_instrument(order: OrderTerms, instrument: Instrument) -> Denial | None:
    """Whether the symbol trades, and price and quantity are on its grid and within its bounds."""
    if not instrument.tradable:
        return deny("SYMBOL_NOT_TRADING", OrdRejReason.EXCHANGE_CLOSED, symbol=order.symbol)
    for price in (order.price, order.stop_px):
        if price is None:
            continue
        if not is_multiple(price, instrument.tick_size):
            return deny("PRICE_TICK", OrdRejReason.OTHER, price=price, tick=instrument.tick_size)
        if price < instrument.min_price or (instrument.max_price and price > instrument.max_price):
            low, high = instrument.min_price, instrument.max_price
            return deny("PRICE_RANGE", OrdRejReason.OTHER, price=price, min=low, max=high)
    return _check_quantity(order, instrument)


def _check_quantity(order: OrderTerms, instrument: Instrument) -> Denial | None:
    """Of a replace, what counts is what it leaves to be placed: the venue sees no more than that."""
    wrong = OrdRejReason.INCORRECT_QUANTITY
    qty = subtract(order.order_qty, order.cum_qty)
    if qty <= 0:  # a replace to what has executed already: nothing is placed
        return None
    market = not order.ord_type.has_price
    step = instrument.market_qty_step if market else instrument.qty_step
    low = instrument.market_min_qty if market else instrument.min_qty
    high = instrument.market_max_qty if market else instrument.max_qty
    if not is_multiple(qty, step):
        return deny("LOT_SIZE", wrong, order=qty, step=step)
    if qty < low:
        return deny("MIN_QTY", wrong, limit=low, order=qty)
    if high and qty > high:
        return deny("MAX_QTY", wrong, limit=high, order=qty)
    if order.price is None:
        return None
    notional = multiply(qty, order.price)
    if notional < instrument.min_notional:
        return deny("MIN_NOTIONAL", OrdRejReason.OTHER, limit=instrument.min_notional, order=notional)
    if instrument.max_notional and notional > instrument.max_notional:
        return deny("MAX_NOTIONAL", OrdRejReason.OTHER, limit=instrument.max_notional, order=notional)
    return None
