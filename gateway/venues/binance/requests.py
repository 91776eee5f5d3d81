"""Intents to the venue's parameters: the same for REST and the WebSocket API. Pure."""

from gateway.domain.instruments import Capabilities
from gateway.domain.intents import AmendIntent, CancelIntent, Intent, PlaceIntent
from gateway.domain.money import text_of
from gateway.domain.values import OrdType, Side, TimeInForce

Params = dict[str, str | int]

ORDER_PATH = "/api/v3/order"

CAPABILITIES = Capabilities(
    ord_types=frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT}),
    times_in_force=frozenset(TimeInForce),
    gateway_expires=frozenset({TimeInForce.DAY, TimeInForce.GTD}),
    post_only=True,
    snapshot=True,
    amend_qty_down=True,
    dead_man_timer=False,
    mass_cancel=True,
)

_SIDE = {Side.BUY: "BUY", Side.SELL: "SELL"}
_TYPE = {
    OrdType.MARKET: "MARKET",
    OrdType.LIMIT: "LIMIT",
    OrdType.STOP: "STOP_LOSS",
    OrdType.STOP_LIMIT: "STOP_LOSS_LIMIT",
}
_TIF = {
    TimeInForce.DAY: "GTC",  # the gateway ends it
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.GTD: "GTC",  # the gateway ends it
}


class UnsupportedOrderError(ValueError):
    """The venue has no such order; the text says which part of it."""


def place_params(intent: PlaceIntent, stp_mode: str) -> Params:
    """A new order. Raises UnsupportedOrderError for what the venue could only turn into something else.

    newOrderRespType is ACK: events come on the same connection as the answer, so FULL would tell every fill a second
    time without telling it earlier, for a third more work an order. That the stream tells nothing at all is noticed
    by silence.py.
    """
    ord_type, tif = intent.ord_type, intent.time_in_force
    params: Params = {
        "newClientOrderId": intent.client_id,
        "newOrderRespType": "ACK",
        "quantity": text_of(intent.qty),
        "recvWindow": intent.recv_window_ms,
        "selfTradePreventionMode": stp_mode,
        "side": _SIDE[intent.side],
        "symbol": intent.symbol,
        "timestamp": intent.timestamp_ms,
        "type": _TYPE[ord_type],
    }
    if ord_type.has_price:
        if intent.price is None:
            raise UnsupportedOrderError(f"{ord_type.name} needs a price")
        params["price"] = text_of(intent.price)
        params["timeInForce"] = _TIF[tif]
    elif tif is TimeInForce.FOK:
        raise UnsupportedOrderError(f"the venue has no {ord_type.name} order that fills completely or not at all")
    if ord_type.has_stop_px:
        if intent.stop_px is None:
            raise UnsupportedOrderError(f"{ord_type.name} needs a stop price")
        params["stopPrice"] = text_of(intent.stop_px)
    if intent.post_only:
        if ord_type is not OrdType.LIMIT or tif in (TimeInForce.IOC, TimeInForce.FOK):
            raise UnsupportedOrderError(f"post-only goes with a resting limit order, not {ord_type.name} {tif.name}")
        params["type"] = "LIMIT_MAKER"
        del params["timeInForce"]
    return params


def cancel_params(intent: CancelIntent) -> Params:
    """A cancel. Our client id is sent as the new one too: the venue would put a random one in its place."""
    return {
        "newClientOrderId": intent.client_id,
        **_target(intent, intent.venue_order_id),
        **_stamp(intent),
    }


def amend_params(intent: AmendIntent) -> Params:
    """A reduction of quantity in place; the client id is sent again as with cancels."""
    return {
        "newClientOrderId": intent.client_id,
        "newQty": text_of(intent.qty),
        **_target(intent, intent.venue_order_id),
        **_stamp(intent),
    }


def _target(intent: Intent, venue_order_id: str | None) -> Params:
    if venue_order_id is None:
        return {"origClientOrderId": intent.client_id}
    return {"orderId": int(venue_order_id)}


def _stamp(intent: Intent) -> Params:
    return {"recvWindow": intent.recv_window_ms, "symbol": intent.symbol, "timestamp": intent.timestamp_ms}
