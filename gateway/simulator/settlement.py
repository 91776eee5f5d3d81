"""Money: what an order sets aside, and what changes hands when it trades."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from gateway.simulator import matching
from gateway.simulator.market import Market
from gateway.simulator.orders import MARKET_TYPES, ZERO, Order, Trade

_UNIT = Decimal("0.00000001")
_BNB = "BNB"


@dataclass(frozen=True, slots=True)
class Fees:
    """Commission rates as fractions, taken from the asset received; with bnb_price from BNB instead, worth so much of
    the quote asset each.
    """

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    bnb_price: Decimal | None = None


def pay_asset(market: Market, order: Order) -> str:
    """What the order spends."""
    return market.symbol.quote if order.is_buy else market.symbol.base


def reservation(market: Market, order: Order) -> Decimal:
    """What a new order sets aside, in the asset it pays with."""
    if not order.is_buy:
        return order.qty
    if order.type not in MARKET_TYPES:
        return order.qty * order.price
    if order.awaits_trigger:
        return order.qty * order.stop_price
    if market.manual:
        return order.qty * market.last_price
    return matching.cost(market.book, order)


def reserve(market: Market, order: Order) -> None:
    """Set the order's money aside. Raises -2010 when there is too little."""
    amount = reservation(market, order)
    order.account.lock(pay_asset(market, order), amount)
    order.locked = amount


def release(market: Market, order: Order, amount: Decimal | None = None) -> None:
    """Give back what is still set aside, or `amount` of it."""
    back = order.locked if amount is None else amount
    order.account.unlock(pay_asset(market, order), back)
    order.locked -= back


def shortfall(market: Market, order: Order, price: Decimal, qty: Decimal) -> Decimal:
    """How much free money a fill at this price would need beyond what the account has; at most 0 when enough."""
    if order.account.unlimited:
        return ZERO
    amount = qty * price if order.is_buy else qty
    free = order.account.balance(pay_asset(market, order)).free
    return amount - _set_aside(order, amount, qty) - free


def _set_aside(order: Order, amount: Decimal, qty: Decimal) -> Decimal:
    """The part of the order's lock that belongs to this fill."""
    if order.is_buy and order.type not in MARKET_TYPES:
        return min(order.locked, qty * order.price)
    return min(order.locked, amount)


def settle(
    market: Market, order: Order, price: Decimal, qty: Decimal, trade_id: int, maker: bool, fees: Fees, now: int
) -> Trade:
    """Book one side of an execution: pay, receive less commission, and keep the trade with the order."""
    symbol, account = market.symbol, order.account
    quote_qty = qty * price
    if order.is_buy:
        paid, received, asset = quote_qty, qty, symbol.base
    else:
        paid, received, asset = qty, quote_qty, symbol.quote
    rate = fees.maker if maker else fees.taker
    from_lock = _set_aside(order, paid, qty)
    account.pay(pay_asset(market, order), paid, from_lock)
    order.locked -= from_lock
    account.receive(asset, received)
    fee_asset, charged = (asset, received) if fees.bnb_price is None else (_BNB, quote_qty / fees.bnb_price)
    commission = (charged * rate).quantize(_UNIT, ROUND_DOWN)
    account.pay(fee_asset, commission, ZERO)
    trade = Trade(trade_id, order, price, qty, quote_qty, commission, fee_asset, maker, now)
    order.trades.append(trade)
    order.update_ms = now
    account.trades.append(trade)
    if not order.is_open:
        release(market, order)
    return trade
