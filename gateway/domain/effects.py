"""What an event asks of the venue: the intent that is committed with it and released after."""

from gateway.domain import events as e
from gateway.domain.instruments import Capabilities
from gateway.domain.intents import AmendIntent, CancelIntent, Intent, PlaceIntent, SettleIntent
from gateway.domain.order import Order
from gateway.domain.values import TimeInForce

VENUE_ENGINE_TIMEOUT_MS = 10_000
"""How long after its recvWindow a request may still sit in the venue's engine (Binance documents 10 s)."""


def intent_of(
    position: int, event: e.Event, order: Order, capabilities: Capabilities, timestamp_ms: int, recv_window_ms: int
) -> Intent | None:
    """The venue request that this event of the order asks for. timestamp_ms: the venue's clock now."""
    if not isinstance(event, (e.LegSubmitted, e.CancelSubmitted, e.AmendSubmitted, e.SettlementRequested)):
        return None
    leg = order.legs[event.leg - 1]
    common = {
        "intent_id": position,
        "order_id": order.order_id,
        "leg": leg.number,
        "venue_account": order.venue_account,
        "symbol": order.symbol,
        "client_id": leg.client_id,
        "timestamp_ms": timestamp_ms,
        "recv_window_ms": recv_window_ms,
    }
    match event:
        case e.LegSubmitted():
            rests = order.time_in_force in capabilities.gateway_expires
            return PlaceIntent(
                **common,  # type: ignore[arg-type]  # one mapping for four classes, each field's type is as above
                side=order.side,
                ord_type=order.ord_type,
                time_in_force=TimeInForce.GTC if rests else order.time_in_force,
                qty=event.qty,
                price=event.price,
                stop_px=event.stop_px,
                post_only=order.post_only,
            )
        case e.CancelSubmitted():
            return CancelIntent(**common, venue_order_id=leg.venue_order_id)  # type: ignore[arg-type]
        case e.AmendSubmitted():
            return AmendIntent(**common, venue_order_id=leg.venue_order_id, qty=event.qty)  # type: ignore[arg-type]
        case e.SettlementRequested():
            since_submitted_ms = (event.at - leg.submitted_at) // 1_000_000
            return SettleIntent(
                **common,  # type: ignore[arg-type]
                venue_order_id=leg.venue_order_id,
                accepted_until_ms=timestamp_ms + recv_window_ms + VENUE_ENGINE_TIMEOUT_MS,
                placed_ms=timestamp_ms - max(0, since_submitted_ms),  # negative: the host's clock was set back
                side=order.side,
                qty=leg.qty,
                price=leg.price,
            )
