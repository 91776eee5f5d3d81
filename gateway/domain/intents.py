"""Requests the gateway means to send to a venue. An intent is committed before it is released.

`timestamp_ms` is the venue's clock at the decision; together with `recv_window_ms` it bounds how long the venue can
still accept the signed request, so it is committed and never stamped again on release.
"""

from dataclasses import dataclass
from decimal import Decimal

from gateway.domain.frozen import frozen
from gateway.domain.values import OrdType, Side, TimeInForce


@frozen
class Intent:
    """What every request to a venue carries.

    leg names the venue order of `order_id` that is meant; client_id is the venue client order id of that leg and is
    sent again with cancels and amends, since some venues replace it otherwise.
    """

    intent_id: int  # the journal position of the event that asked for it
    order_id: str
    leg: int
    venue_account: str
    symbol: str
    client_id: str
    timestamp_ms: int
    recv_window_ms: int


@frozen
class PlaceIntent(Intent):
    """A new order at the venue, for `qty` base units."""

    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce  # as the venue is to see it: GTC where the gateway expires the order itself
    qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    post_only: bool = False


@frozen
class CancelIntent(Intent):
    """Cancel what is left of a venue order."""

    venue_order_id: str | None = None  # None while the venue has not told it: cancel by client_id


@dataclass(frozen=True, slots=True)
class CancelAll:
    """Cancels of all that we have open in one symbol of a venue account, to be sent as one request.

    No intent itself: what is committed are its parts, each of which is reported on.
    """

    cancels: tuple[CancelIntent, ...]


@frozen
class AmendIntent(Intent):
    """Reduce the venue order's total quantity (what was executed included) to `qty`, keeping its priority."""

    venue_order_id: str | None
    qty: Decimal


@frozen
class SettleIntent(Intent):
    """Find out what became of a venue order: its status, its quantity, and every trade of it. Changes nothing there.

    `accepted_until_ms`: the venue's time after which an order that it does not know can no longer turn up; before it,
    "does not exist" proves nothing (timestamp + recvWindow + the venue's own engine timeout).
    `placed_ms`: the venue's time when the order was submitted; it is no older there. Side, quantity and price are as
    they were submitted, to recognise it if its id was replaced.
    """

    venue_order_id: str | None
    accepted_until_ms: int
    placed_ms: int
    side: Side
    qty: Decimal
    price: Decimal | None


Request = Intent | CancelAll
"""What is released to a venue."""
