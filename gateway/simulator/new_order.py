"""From request parameters to an Order, with the refusals Binance documents for malformed ones."""

from decimal import Decimal

from gateway.simulator import errors, filters, matching
from gateway.simulator.accounts import Account
from gateway.simulator.exchange import Exchange
from gateway.simulator.market import Market
from gateway.simulator.orders import MARKET_TYPES, STOP_TYPES, ZERO, Order
from gateway.simulator.params import Params
from gateway.simulator.symbols import DEFAULT_STP, ORDER_TYPES, STP_MODES

_SIDES = ("BUY", "SELL")
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK")
_RESPONSE_TYPES = ("ACK", "RESULT", "FULL")
_MIN_STRATEGY_TYPE = 1_000_000
_LIMIT_WITH_TIF = frozenset({"LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
_UNSUPPORTED = frozenset({"icebergQty", "trailingDelta"})
_BAD_SIDE = errors.ApiError(-1117, "Invalid side.")
_BAD_TYPE = errors.ApiError(-1116, "Invalid orderType.")
_BAD_TIF = errors.ApiError(-1115, "Invalid timeInForce.")
_BAD_STP = errors.ApiError(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")
_BAD_RESPONSE = errors.ApiError(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
_BAD_STRATEGY = errors.ApiError(-1134, "`strategyType` was less than 1000000.")


def response_type(params: Params, order_type: str) -> str:
    """ACK, RESULT or FULL; MARKET and LIMIT default to FULL, the others to ACK."""
    asked = params.choice("newOrderRespType", _RESPONSE_TYPES, _BAD_RESPONSE)
    return asked or ("FULL" if order_type in ("MARKET", "LIMIT") else "ACK")


def market_of(exchange: Exchange, params: Params) -> Market:
    market = exchange.markets.get(params.symbol())
    if market is None:
        raise errors.bad_symbol()
    return market


def read(exchange: Exchange, account: Account, params: Params, now: int) -> Order:
    """Read and check a new order, all filters included; it has no order id yet. Raises ApiError."""
    market = market_of(exchange, params)
    side = params.choice("side", _SIDES, _BAD_SIDE)
    if side is None:
        raise errors.mandatory("side")
    kind = params.choice("type", ORDER_TYPES, _BAD_TYPE)
    if kind is None:
        raise errors.mandatory("type")
    _refuse_unsupported(params)
    order = Order(
        order_id=0,
        account=account,
        symbol=market.symbol.name,
        client_order_id=params.client_id("newClientOrderId") or exchange.random_client_order_id(),
        side=side,
        type=kind,
        time_in_force=_time_in_force(params, kind),
        price=_positive(params, "price", kind not in MARKET_TYPES, "Invalid price."),
        qty=ZERO,
        time_ms=now,
        update_ms=now,
        stop_price=_positive(params, "stopPrice", kind in STOP_TYPES, "Invalid stop price."),
        stp_mode=params.choice("selfTradePreventionMode", STP_MODES, _BAD_STP) or DEFAULT_STP,
    )
    _read_strategy(params, order)
    _read_quantity(market, params, order)
    if kind in STOP_TYPES:
        order.stop_above = (side == "BUY") == kind.startswith("STOP_LOSS")
    filters.check_order(market, order)
    return order


def _refuse_unsupported(params: Params) -> None:
    if params.values.keys().isdisjoint(_UNSUPPORTED):
        return
    if params.decimal("icebergQty"):
        raise errors.order_rejected("Iceberg orders are not supported for this symbol.")
    if params.integer("trailingDelta"):
        raise errors.order_rejected("Trailing stop orders are not supported for this symbol.")


def _time_in_force(params: Params, kind: str) -> str:
    value = params.text("timeInForce")
    if kind not in _LIMIT_WITH_TIF:
        if value is not None:
            raise errors.not_required("timeInForce")
        return "GTC"
    if value is None:
        raise errors.mandatory("timeInForce")
    if value not in _TIMES_IN_FORCE:
        raise _BAD_TIF
    return value


def _positive(params: Params, name: str, needed: bool, refusal: str) -> Decimal:
    """A price that the order type needs, or must not have."""
    value = params.decimal(name)
    if value is None:
        if needed:
            raise errors.mandatory(name)
        return ZERO
    if not needed:
        raise errors.not_required(name)
    if not value:
        raise errors.ApiError(-1013, refusal)
    return value


def _read_strategy(params: Params, order: Order) -> None:
    order.strategy_id = params.integer("strategyId")
    order.strategy_type = params.integer("strategyType")
    if order.strategy_type is not None and order.strategy_type < _MIN_STRATEGY_TYPE:
        raise _BAD_STRATEGY


def _read_quantity(market: Market, params: Params, order: Order) -> None:
    quantity, quote = params.decimal("quantity"), params.decimal("quoteOrderQty")
    if order.type == "MARKET" and quantity is None:
        if quote is None:
            raise errors.either("quantity", "quoteOrderQty")
        if not quote:
            raise errors.ApiError(-1013, "Invalid quote order quantity.")
        order.quote_order_qty = quote
        order.qty = _quantity_for_quote(market, order)
        return
    if quote is not None:
        raise errors.not_required("quoteOrderQty")
    if quantity is None:
        raise errors.mandatory("quantity")
    if not quantity:
        raise errors.ApiError(-1013, "Invalid quantity.")
    order.qty = quantity


def _quantity_for_quote(market: Market, order: Order) -> Decimal:
    step = market.symbol.step
    if market.manual:
        qty = order.quote_order_qty // (market.last_price * step) * step
    elif matching.crosses(market.book, order):
        qty = matching.quantity_for_quote(market.book, order, step)
    else:
        raise errors.order_rejected("Order book liquidity is less than symbol minimum quantity.")
    if qty < market.symbol.min_qty:
        raise errors.order_rejected("Order book liquidity is less than `LOT_SIZE` filter minimum quantity.")
    return qty
