"""Answers to requests about orders, to the gateway's words. Pure: bytes in, reports out, PayloadError otherwise.

Source: Binance Spot API, web-socket-api.md (order.*, allOrders, myTrades); REST answers are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from gateway.domain.values import LiquidityInd, Side
from gateway.domain.venue_reports import CloseReason, VenueAccepted, VenueAmended, VenueClosed, VenueReport, VenueTraded
from gateway.venues.binance.payload import (
    CLOSED_STATUS,
    OPEN_STATUS,
    PayloadError,
    Raw,
    count_of,
    decode,
    less_prevented,
    number,
    time_ns,
    traded_figure,
)


class _Fill(msgspec.Struct, gc=False):
    price: str
    qty: str
    tradeId: int
    commission: str = "0"
    commissionAsset: str = ""


class _OrderResult(msgspec.Struct):
    """Answer to order.place and order.cancel. An ACK has no status: whatever became of the order, the stream tells."""

    orderId: int
    transactTime: int
    status: str = "NEW"
    executedQty: str = "0"
    fills: list[_Fill] = []


class _Order(msgspec.Struct):
    """An order as order.status and allOrders show it."""

    orderId: int
    clientOrderId: str
    status: str
    side: str
    price: str
    origQty: str
    executedQty: str
    time: int  # when it was accepted
    updateTime: int
    preventedQuantity: str = "0"


class _Trade(msgspec.Struct):
    id: int
    orderId: int
    price: str
    qty: str
    commission: str
    commissionAsset: str
    time: int
    isMaker: bool


class _AmendedOrder(msgspec.Struct):
    orderId: int
    qty: str


class _AmendResult(msgspec.Struct):
    transactTime: int
    amendedOrder: _AmendedOrder


_SIDE = {"BUY": Side.BUY, "SELL": Side.SELL}
_ORDER_RESULT = msgspec.json.Decoder(_OrderResult)
_ORDER = msgspec.json.Decoder(_Order)
_ORDERS = msgspec.json.Decoder(list[_Order])
_TRADES = msgspec.json.Decoder(list[_Trade])
_AMEND = msgspec.json.Decoder(_AmendResult)


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order as a query shows it. reason is None while it works."""

    venue_order_id: str
    client_id: str
    side: Side
    price: Decimal  # zero for a market order
    qty: Decimal
    cum_qty: Decimal
    reason: CloseReason | None
    created_ms: int
    transact_time: int


@dataclass(frozen=True, slots=True)
class OrderRef:
    """Whom the reports about an answer name: what the request knew."""

    venue_account: str
    symbol: str
    client_id: str


def placed(ref: OrderRef, raw: Raw) -> tuple[VenueReport, ...]:
    """Answer to a new order: accepted, its fills (always as taker, since on arrival), and its end if it ended."""
    result = decode(_ORDER_RESULT, raw)
    venue_order_id, transact_time = str(result.orderId), time_ns(result.transactTime)
    reports: list[VenueReport] = [
        VenueAccepted(
            venue_account=ref.venue_account,
            symbol=ref.symbol,
            client_id=ref.client_id,
            venue_order_id=venue_order_id,
            transact_time=transact_time,
        )
    ]
    reports.extend(
        VenueTraded(
            venue_account=ref.venue_account,
            symbol=ref.symbol,
            client_id=ref.client_id,
            venue_order_id=venue_order_id,
            transact_time=transact_time,
            trade_id=str(fill.tradeId),
            last_qty=traded_figure(fill.qty),
            last_px=traded_figure(fill.price),
            commission=number(fill.commission),
            commission_currency=fill.commissionAsset,
            liquidity=LiquidityInd.REMOVED,
        )
        for fill in result.fills
    )
    if result.status not in OPEN_STATUS:
        reports.append(_ended(ref, result))
    return tuple(reports)


def canceled(ref: OrderRef, raw: Raw) -> VenueClosed:
    """Answer to a cancel that was done."""
    return _ended(ref, decode(_ORDER_RESULT, raw))


def _ended(ref: OrderRef, result: _OrderResult) -> VenueClosed:
    reason = CLOSED_STATUS.get(result.status)
    if reason is None:
        raise PayloadError(f"order {result.orderId} is said to be closed with status {result.status!r}")
    return VenueClosed(
        venue_account=ref.venue_account,
        symbol=ref.symbol,
        client_id=ref.client_id,
        venue_order_id=str(result.orderId),
        transact_time=time_ns(result.transactTime),
        reason=reason,
        cum_qty=count_of(result.executedQty),
        text="self-trade prevention" if result.status == "EXPIRED_IN_MATCH" else "",
    )


def amended(ref: OrderRef, raw: Raw) -> VenueAmended:
    """Answer to a reduction of quantity in place."""
    result = decode(_AMEND, raw)
    return VenueAmended(
        venue_account=ref.venue_account,
        symbol=ref.symbol,
        client_id=ref.client_id,
        venue_order_id=str(result.amendedOrder.orderId),
        transact_time=time_ns(result.transactTime),
        qty=count_of(result.amendedOrder.qty),
    )


def order_state(raw: Raw) -> OrderState:
    """Answer to order.status."""
    return _state(decode(_ORDER, raw))


def order_states(raw: Raw) -> list[OrderState]:
    """Answer to allOrders."""
    return [_state(order) for order in decode(_ORDERS, raw)]


def _state(order: _Order) -> OrderState:
    reason = CLOSED_STATUS.get(order.status)
    if reason is None and order.status not in OPEN_STATUS:
        raise PayloadError(f"order {order.orderId} has the unknown status {order.status!r}")
    side = _SIDE.get(order.side)
    if side is None:
        raise PayloadError(f"order {order.orderId} has the unknown side {order.side!r}")
    return OrderState(
        venue_order_id=str(order.orderId),
        client_id=order.clientOrderId,
        side=side,
        price=number(order.price),
        qty=less_prevented(order.origQty, order.preventedQuantity if reason is None else "0"),
        cum_qty=count_of(order.executedQty),
        reason=reason,
        created_ms=order.time,
        transact_time=time_ns(order.updateTime),
    )


def trades(ref: OrderRef, raw: Raw) -> list[VenueTraded]:
    """Answer to myTrades of one order, with the same trade ids as the stream."""
    return [
        VenueTraded(
            venue_account=ref.venue_account,
            symbol=ref.symbol,
            client_id=ref.client_id,
            venue_order_id=str(trade.orderId),
            transact_time=time_ns(trade.time),
            trade_id=str(trade.id),
            last_qty=traded_figure(trade.qty),
            last_px=traded_figure(trade.price),
            commission=number(trade.commission),
            commission_currency=trade.commissionAsset,
            liquidity=LiquidityInd.ADDED if trade.isMaker else LiquidityInd.REMOVED,
        )
        for trade in decode(_TRADES, raw)
    ]


def highest_trade_id(found: Sequence[VenueTraded]) -> int:
    """For asking on from the last page."""
    return max((int(trade.trade_id) for trade in found), default=-1)
