"""What each trading and account method does, by its WebSocket API name; REST shares them."""

from collections.abc import Callable, Reversible
from itertools import islice
from typing import Any, TypeVar

from gateway.simulator import answers, errors, filters, new_order
from gateway.simulator.accounts import Account
from gateway.simulator.errors import ApiError
from gateway.simulator.exchange import Exchange
from gateway.simulator.new_order import market_of
from gateway.simulator.orders import Order, Trade
from gateway.simulator.params import Params

_T = TypeVar("_T", Order, Trade)
_RESTRICTIONS = ("ONLY_NEW", "ONLY_PARTIALLY_FILLED")
_MODES = ("STOP_ON_FAILURE", "ALLOW_FAILURE")
_BAD_RESTRICTION = ApiError(-1145, "Invalid cancelRestrictions")
_BAD_MODE = ApiError(-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
_DEFAULT_LIMIT, _MAX_LIMIT = 500, 1000


def place(exchange: Exchange, account: Account, params: Params, now: int) -> Any:
    order = new_order.read(exchange, account, params, now)
    response_type = new_order.response_type(params, order.type)
    order.order_id = exchange.next_order_id()
    exchange.place(order, now)
    return answers.placed(order, response_type, now)


def test(exchange: Exchange, account: Account, params: Params, now: int) -> Any:
    order = new_order.read(exchange, account, params, now)
    new_order.response_type(params, order.type)
    if not params.flag("computeCommissionRates"):
        return {}
    rates = {"maker": str(exchange.fees.maker), "taker": str(exchange.fees.taker)}
    return {
        "standardCommissionForOrder": rates,
        "taxCommissionForOrder": {"maker": "0.00000000", "taker": "0.00000000"},
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": "0.00000000",
        },
    }


def status(exchange: Exchange, account: Account, params: Params, now: int) -> Any:  # noqa: ARG001 - one signature
    market = market_of(exchange, params)
    order_id, client_id = params.integer("orderId"), params.text("origClientOrderId")
    if order_id is None and client_id is None:
        raise errors.either("origClientOrderId", "orderId")
    order = _find(account, market.symbol.name, order_id, client_id)
    if order is None:
        raise errors.no_such_order()
    return answers.queried(order)


def cancel(exchange: Exchange, account: Account, params: Params, now: int) -> Any:
    return _cancel(exchange, account, params, now, ("orderId", "origClientOrderId", "newClientOrderId"))


def _cancel(
    exchange: Exchange, account: Account, params: Params, now: int, names: tuple[str, str, str]
) -> dict[str, Any]:
    market = market_of(exchange, params)
    order_id, client_id = params.integer(names[0]), params.text(names[1])
    new_id = params.client_id(names[2])
    restriction = params.choice("cancelRestrictions", _RESTRICTIONS, _BAD_RESTRICTION)
    if order_id is None and client_id is None:
        raise errors.either(names[1], names[0])
    order = _find(account, market.symbol.name, order_id, client_id)
    if order is None or not order.is_open:
        raise errors.cancel_rejected()
    if restriction is not None and order.status != restriction.removeprefix("ONLY_"):
        raise errors.cancel_rejected("Order was not canceled due to cancel restrictions.")
    old_id = exchange.cancel(order, now, new_id)
    return answers.canceled(order, old_id, now)


def cancel_replace(exchange: Exchange, account: Account, params: Params, now: int) -> Any:
    """Cancel, then place. The filters are checked before either happens; the two are not one transaction."""
    mode = params.choice("cancelReplaceMode", _MODES, _BAD_MODE)
    if mode is None:
        raise errors.mandatory("cancelReplaceMode")
    order = new_order.read(exchange, account, params, now)
    response_type = new_order.response_type(params, order.type)
    names = ("cancelOrderId", "cancelOrigClientOrderId", "cancelNewClientOrderId")
    canceled, cancel_answer = True, {}
    try:
        cancel_answer = _cancel(exchange, account, params, now, names)
    except ApiError as error:
        if error.code != errors.cancel_rejected().code:
            raise
        canceled, cancel_answer = False, _as_json(error)
    if not canceled and mode == "STOP_ON_FAILURE":
        raise _replace_failed(-2022, 400, cancel_answer, "FAILURE", None, "NOT_ATTEMPTED")
    try:
        order.order_id = exchange.next_order_id()
        exchange.place(order, now)
    except ApiError as error:
        if canceled:
            exchange.reject(order, now)
        code, http = (-2021, 409) if canceled else (-2022, 400)
        outcome = "SUCCESS" if canceled else "FAILURE"
        raise _replace_failed(code, http, cancel_answer, outcome, _as_json(error), "FAILURE") from error
    placed = answers.placed(order, response_type, now)
    if not canceled:
        raise _replace_failed(-2021, 409, cancel_answer, "FAILURE", placed, "SUCCESS")
    return {
        "cancelResult": "SUCCESS",
        "newOrderResult": "SUCCESS",
        "cancelResponse": cancel_answer,
        "newOrderResponse": placed,
    }


def _as_json(error: ApiError) -> dict[str, Any]:
    return {"code": error.code, "msg": error.msg}


def _replace_failed(
    code: int, http: int, cancel_answer: dict[str, Any], cancel_result: str, new: dict[str, Any] | None, result: str
) -> ApiError:
    text = "Order cancel-replace partially failed." if code == -2021 else "Order cancel-replace failed."
    data: dict[str, object] = {
        "cancelResult": cancel_result,
        "newOrderResult": result,
        "cancelResponse": cancel_answer,
        "newOrderResponse": new,
    }
    return ApiError(code, text, http, data)


def amend(exchange: Exchange, account: Account, params: Params, now: int) -> Any:
    market = market_of(exchange, params)
    order_id, client_id = params.integer("orderId"), params.text("origClientOrderId")
    new_qty, new_id = params.need_decimal("newQty"), params.client_id("newClientOrderId")
    if order_id is None and client_id is None:
        raise errors.either("origClientOrderId", "orderId")
    order = _find(account, market.symbol.name, order_id, client_id)
    if order is None or not order.is_open:
        raise errors.no_such_order()
    if new_qty == order.qty:
        raise errors.amend_rejected("The requested action would change no state; rejecting")
    if new_qty > order.qty:
        raise errors.amend_rejected("Order amend (quantity increase) is not supported.")
    filters.check_quantity(market.symbol, new_qty)
    if new_qty <= order.executed:
        raise errors.filter_failure("LOT_SIZE")  # the documentation names no error for this one
    if order.amends >= market.symbol.max_amends:
        raise errors.amend_rejected("Filter failure: MAX_NUM_ORDER_AMENDS")
    old_id = exchange.amend(order, new_qty, now, new_id or exchange.random_client_order_id())
    return answers.amended(order, old_id, exchange.last_execution_id, now)


def open_orders(exchange: Exchange, account: Account, params: Params, now: int) -> Any:  # noqa: ARG001 - one signature
    if params.text("symbol") is None:
        orders = [order for name in exchange.markets for order in account.open_orders(name).values()]
    else:
        orders = list(account.open_orders(market_of(exchange, params).symbol.name).values())
    return [answers.queried(order) for order in sorted(orders, key=lambda order: order.order_id)]


def cancel_all(exchange: Exchange, account: Account, params: Params, now: int) -> Any:
    orders = list(account.open_orders(market_of(exchange, params).symbol.name).values())
    if not orders:
        raise errors.cancel_rejected()
    return [answers.canceled(order, exchange.cancel(order, now), now) for order in orders]


def all_orders(exchange: Exchange, account: Account, params: Params, now: int) -> Any:  # noqa: ARG001 - one signature
    name = market_of(exchange, params).symbol.name
    from_id, start, end = params.integer("orderId"), params.integer("startTime"), params.integer("endTime")

    def wanted(order: Order) -> bool:
        return (
            order.symbol == name
            and (from_id is None or order.order_id >= from_id)
            and (start is None or order.time_ms >= start)
            and (end is None or order.time_ms <= end)
        )

    newest = from_id is None and start is None
    orders = account.orders.values()
    return [answers.queried(order) for order in _page(orders, wanted, newest, params)]


def my_trades(exchange: Exchange, account: Account, params: Params, now: int) -> Any:  # noqa: ARG001 - one signature
    name = market_of(exchange, params).symbol.name
    order_id, from_id = params.integer("orderId"), params.integer("fromId")
    start, end = params.integer("startTime"), params.integer("endTime")

    def wanted(item: Trade) -> bool:
        return (
            item.order.symbol == name
            and (from_id is None or item.trade_id >= from_id)
            and (start is None or item.time_ms >= start)
            and (end is None or item.time_ms <= end)
        )

    trades = account.trades
    if order_id is not None:
        order = account.orders.get(order_id)
        trades = order.trades if order is not None else []
    newest = from_id is None and start is None
    return [answers.trade(item) for item in _page(trades, wanted, newest, params)]


def _page(items: Reversible[_T], wanted: Callable[[_T], bool], newest: bool, params: Params) -> list[_T]:
    """At most `limit` of the wanted items, oldest first: the newest ones, or else the oldest ones."""
    limit = _limit(params)
    if newest:
        return list(islice(filter(wanted, reversed(items)), limit))[::-1]
    return list(islice(filter(wanted, items), limit))


def account_status(exchange: Exchange, account: Account, params: Params, now: int) -> Any:  # noqa: ARG001 - one signature
    return answers.account(account, exchange.fees, params.flag("omitZeroBalances"))


def _limit(params: Params) -> int:
    limit = params.integer("limit")
    return _DEFAULT_LIMIT if limit is None else max(1, min(limit, _MAX_LIMIT))


def _find(account: Account, symbol: str, order_id: int | None, client_id: str | None) -> Order | None:
    """By order id when given (both must then fit), else the newest order with the client id."""
    if order_id is None:
        return account.by_client_id.get((symbol, client_id or ""))
    order = account.orders.get(order_id)
    if order is None or order.symbol != symbol:
        return None
    return order if client_id in (None, order.client_order_id) else None
