"""What requests are answered with: the JSON objects of orders, trades and accounts, field names as Binance's."""

from typing import Any

from gateway.simulator.accounts import Account
from gateway.simulator.orders import Order, Trade
from gateway.simulator.settlement import Fees
from gateway.simulator.symbols import text

_ZERO = "0.00000000"


def _add_conditional(answer: dict[str, Any], order: Order) -> dict[str, Any]:
    """Add the fields that appear only where they mean something."""
    if order.stop_price:
        answer["stopPrice"] = text(order.stop_price)
    if order.strategy_id is not None:
        answer["strategyId"] = order.strategy_id
    if order.strategy_type is not None:
        answer["strategyType"] = order.strategy_type
    if order.prevented_match_id is not None:
        answer["preventedMatchId"] = order.prevented_match_id
        answer["preventedQuantity"] = text(order.prevented_qty)
    return answer


def _terms(order: Order) -> dict[str, Any]:
    return {
        "price": text(order.price),
        "origQty": text(order.qty),
        "executedQty": text(order.executed),
        "origQuoteOrderQty": text(order.quote_order_qty),
        "cummulativeQuoteQty": text(order.cum_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
    }


def placed(order: Order, response_type: str, now: int) -> dict[str, Any]:
    """The answer to a new order: ACK, RESULT or FULL."""
    if response_type == "ACK":
        return {
            "symbol": order.symbol,
            "orderId": order.order_id,
            "orderListId": -1,
            "clientOrderId": order.client_order_id,
            "transactTime": now,
        }
    answer: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": now,
        "price": f"{order.price:.8f}",
        "origQty": f"{order.qty:.8f}",
        "executedQty": f"{order.executed:.8f}",
        "origQuoteOrderQty": f"{order.quote_order_qty:.8f}",
        "cummulativeQuoteQty": f"{order.cum_quote:.8f}",
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
        "selfTradePreventionMode": order.stp_mode,
    }
    if order.working_ms >= 0:
        answer["workingTime"] = order.working_ms
    _add_conditional(answer, order)
    if response_type == "FULL":
        answer["fills"] = [
            {
                "price": text(trade.price),
                "qty": text(trade.qty),
                "commission": text(trade.commission),
                "commissionAsset": trade.commission_asset,
                "tradeId": trade.trade_id,
            }
            for trade in order.trades
        ]
    return answer


def canceled(order: Order, orig_client_order_id: str, now: int) -> dict[str, Any]:
    answer = {
        "symbol": order.symbol,
        "origClientOrderId": orig_client_order_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": now,
        **_terms(order),
        "selfTradePreventionMode": order.stp_mode,
    }
    return _add_conditional(answer, order)


def amended(order: Order, orig_client_order_id: str, execution_id: int, now: int) -> dict[str, Any]:
    return {
        "transactTime": now,
        "executionId": execution_id,
        "amendedOrder": {
            "symbol": order.symbol,
            "orderId": order.order_id,
            "orderListId": -1,
            "origClientOrderId": orig_client_order_id,
            "clientOrderId": order.client_order_id,
            "price": text(order.price),
            "qty": text(order.qty),
            "executedQty": text(order.executed),
            "preventedQty": text(order.prevented_qty),
            "quoteOrderQty": text(order.quote_order_qty),
            "cumulativeQuoteQty": text(order.cum_quote),
            "status": order.status,
            "timeInForce": order.time_in_force,
            "type": order.type,
            "side": order.side,
            "workingTime": order.working_ms,
            "selfTradePreventionMode": order.stp_mode,
        },
    }


def queried(order: Order) -> dict[str, Any]:
    """An order as GET order, openOrders and allOrders show it."""
    answer = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        **_terms(order),
        "stopPrice": text(order.stop_price),
        "icebergQty": _ZERO,
        "time": order.time_ms,
        "updateTime": order.update_ms,
        "isWorking": order.is_working,
        "workingTime": order.working_ms,
        "selfTradePreventionMode": order.stp_mode,
    }
    return _add_conditional(answer, order)


def trade(item: Trade) -> dict[str, Any]:
    """A trade as myTrades shows it."""
    return {
        "symbol": item.order.symbol,
        "id": item.trade_id,
        "orderId": item.order.order_id,
        "orderListId": -1,
        "price": text(item.price),
        "qty": text(item.qty),
        "quoteQty": text(item.quote_qty),
        "commission": text(item.commission),
        "commissionAsset": item.commission_asset,
        "time": item.time_ms,
        "isBuyer": item.order.is_buy,
        "isMaker": item.is_maker,
        "isBestMatch": True,
    }


def account(owner: Account, fees: Fees, omit_zero: bool) -> dict[str, Any]:
    return {
        "makerCommission": int(fees.maker * 10_000),
        "takerCommission": int(fees.taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": text(fees.maker),
            "taker": text(fees.taker),
            "buyer": _ZERO,
            "seller": _ZERO,
        },
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": owner.update_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": text(b.free), "locked": text(b.locked)}
            for asset, b in sorted(owner.balances.items())
            if not omit_zero or b.free or b.locked
        ],
        "permissions": ["SPOT"],
        "uid": owner.number,
    }
