"""The trading rules of a symbol, checked before an order reaches matching (Binance: filters.md)."""

from decimal import Decimal

from gateway.simulator import errors
from gateway.simulator.market import Market
from gateway.simulator.orders import MARKET_TYPES, STOP_TYPES, Order
from gateway.simulator.symbols import Symbol


def check_order(market: Market, order: Order) -> None:
    """All filters for a new order. Raises -1013 naming the filter that failed."""
    symbol = market.symbol
    if order.price:
        check_price(symbol, order.price)
        _check_percent_price(market, order)
    if order.stop_price:
        check_price(symbol, order.stop_price)
    if not order.quote_order_qty:
        check_quantity(symbol, order.qty)
        if order.type in MARKET_TYPES and order.qty > symbol.market_max_qty:
            raise errors.filter_failure("MARKET_LOT_SIZE")
    _check_notional(market, order)
    _check_counts(market, order)


def check_price(symbol: Symbol, price: Decimal) -> None:
    """PRICE_FILTER. Raises -1013."""
    if not symbol.min_price <= price <= symbol.max_price or price % symbol.tick:
        raise errors.filter_failure("PRICE_FILTER")


def check_quantity(symbol: Symbol, qty: Decimal) -> None:
    """LOT_SIZE. Raises -1013."""
    if not symbol.min_qty <= qty <= symbol.max_qty or qty % symbol.step:
        raise errors.filter_failure("LOT_SIZE")


def _check_percent_price(market: Market, order: Order) -> None:
    reference, symbol = market.reference_price, market.symbol
    if reference is None:
        return
    if not reference * symbol.percent_down <= order.price <= reference * symbol.percent_up:
        raise errors.filter_failure("PERCENT_PRICE_BY_SIDE")


def _check_notional(market: Market, order: Order) -> None:
    symbol = market.symbol
    price = order.price or order.stop_price or market.last_price
    notional = order.quote_order_qty or order.qty * price
    if notional < symbol.min_notional:
        raise errors.filter_failure("NOTIONAL")
    if order.type not in MARKET_TYPES and notional > symbol.max_notional:
        raise errors.filter_failure("NOTIONAL")


def _check_counts(market: Market, order: Order) -> None:
    symbol = market.symbol
    open_orders = order.account.open_orders(order.symbol)
    if len(open_orders) >= symbol.max_orders:
        raise errors.filter_failure("MAX_NUM_ORDERS")
    if order.type in STOP_TYPES:
        waiting = sum(1 for other in open_orders.values() if other.awaits_trigger)
        if waiting >= symbol.max_algo_orders:
            raise errors.filter_failure("MAX_NUM_ALGO_ORDERS")
