"""What a venue said, in the gateway's own words. Adapters parse payloads into these; the engine decides on them.

A report about an order names it by the venue client order id we gave it (`client_id`), or, where the venue has
replaced that, by `venue_order_id`; the book resolves either. Times are integer nanoseconds UTC as the venue gives them.
"""

from decimal import Decimal

from gateway.domain.frozen import frozen
from gateway.domain.money import ZERO
from gateway.domain.values import LiquidityInd, OrdRejReason, Value


class CloseReason(Value):
    """Why a venue order is no longer working."""

    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"  # accepted for processing, then refused by the matching engine


class Operation(Value):
    """Which kind of request a refusal or an unknown outcome is about."""

    PLACE = "place"
    CANCEL = "cancel"
    AMEND = "amend"
    SETTLE = "settle"


@frozen
class VenueReport:
    """What every report carries: the venue account it came from, the order it is about, and the venue's time."""

    venue_account: str
    symbol: str
    client_id: str
    venue_order_id: str | None = None
    transact_time: int = 0


@frozen
class VenueAccepted(VenueReport):
    """The order works at the venue."""


@frozen
class VenueTraded(VenueReport):
    """One execution. Unique on (our order, trade_id, venue_order_id); it may be reported more than once."""

    trade_id: str
    last_qty: Decimal
    last_px: Decimal
    commission: Decimal = ZERO
    commission_currency: str = ""
    liquidity: LiquidityInd | None = None


@frozen
class VenueClosed(VenueReport):
    """The order is no longer working. cum_qty: all it executed; if that is more than we know, trades are missing."""

    reason: CloseReason
    cum_qty: Decimal
    text: str = ""


@frozen
class VenueAmended(VenueReport):
    """The order's total quantity at the venue is now `qty`: our amend, or the venue's own doing."""

    qty: Decimal


@frozen
class VenueRefused(VenueReport):
    """The venue certainly did not do what was asked. `text` has the venue's own code and words."""

    operation: Operation
    intent_id: int
    text: str
    reason: OrdRejReason = OrdRejReason.OTHER
    order_unknown: bool = False  # the venue does not know the order (cancel, amend)
    may_retry: bool = False  # nothing is wrong with the request: no connection, a ban, a clock off; a fresh one may do


@frozen
class VenueOutcomeUnknown(VenueReport):
    """Timeout, connection lost after the write, 5xx, an answer nobody can read: it may or may not have happened."""

    operation: Operation
    intent_id: int
    text: str


@frozen
class VenueOrderWorking(VenueReport):
    """Answer of a settlement: the order works, with this total quantity. Its trades were reported before this."""

    qty: Decimal
    cum_qty: Decimal


@frozen
class VenueOrderMissing(VenueReport):
    """Answer of a settlement: the venue has no such order, and none can turn up any more.

    Only sent once that is certain (SettleIntent.accepted_until_ms has passed, and history and trades agree).
    """


@frozen
class VenueTradeBusted(VenueReport):
    """A trade reported before is void."""

    trade_id: str
    text: str = ""


@frozen
class VenueTradeCorrected(VenueReport):
    """A trade reported before has other figures."""

    trade_id: str
    last_qty: Decimal
    last_px: Decimal
    text: str = ""


@frozen
class VenueRestated(VenueReport):
    """The venue restated the order for a reason of its own (ExecRestatementReason(378)): day roll, split, halt."""

    reason: str
    qty: Decimal | None = None
    price: Decimal | None = None
    text: str = ""


@frozen
class VenueDoneForDay(VenueReport):
    """The order rests no more today, and will again tomorrow (ExecType(150)=3)."""


@frozen
class VenueBalanceMoved(VenueReport):
    """A deposit, a withdrawal, a transfer: so much of the asset came, or, below zero, went. About no order."""

    symbol: str = ""
    client_id: str = ""
    asset: str
    qty: Decimal
