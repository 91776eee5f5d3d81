"""What happened, past tense and frozen: the journal is a list of these, and an order is what they add up to.

`order_id` is empty for what happened to no order (a duplicate ClOrdID, a cancel of an unknown order).
"""

from decimal import Decimal

from gateway.domain.commands import Echo
from gateway.domain.frozen import frozen
from gateway.domain.money import ZERO
from gateway.domain.order import REPLACE_MAX_AGE, RequestKind
from gateway.domain.values import (
    CxlRejReason,
    LiquidityInd,
    MassCancelRejectReason,
    OrdRejReason,
    OrdType,
    Side,
    TimeInForce,
)
from gateway.domain.venue_reports import CloseReason, Operation


@frozen
class Event:
    """at: when the gateway decided it, nanoseconds UTC."""

    order_id: str
    at: int


@frozen
class OrderReceived(Event):
    """A NewOrderSingle became an order of ours."""

    session: str
    cl_ord_id: str
    account: str
    venue_account: str
    symbol: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    order_qty: Decimal
    price: Decimal | None
    stop_px: Decimal | None
    expire_time: int | None
    post_only: bool
    remainder_expires: bool
    report_pending_new: bool
    echo: Echo
    market_px: Decimal | None = None  # what a market order to buy was valued at, where its cost matters


@frozen
class OrderRejected(Event):
    """By our checks or by the venue: over before it worked."""

    reason: OrdRejReason
    text: str
    by_venue: bool


@frozen
class LegSubmitted(Event):
    """A venue order is to be placed."""

    leg: int
    client_id: str
    qty: Decimal
    price: Decimal | None
    stop_px: Decimal | None


@frozen
class LegAccepted(Event):
    """The venue has it. For the first leg this is the order's acknowledgment."""

    leg: int
    venue_order_id: str | None


@frozen
class LegClosing(Event):
    """The venue order no longer works, and has executed more than we know of: its trades are being fetched."""

    leg: int
    reason: CloseReason
    cum_qty: Decimal
    text: str


@frozen
class LegClosed(Event):
    """The venue order no longer works, and all its trades are here."""

    leg: int
    reason: CloseReason
    text: str


@frozen
class OutcomeUnknown(Event):
    """A request may or may not have reached the venue's matching engine."""

    leg: int
    operation: Operation
    text: str


@frozen
class SettlementRequested(Event):
    """The venue is to be asked what became of a leg."""

    leg: int


@frozen
class OrderFilled(Event):
    """An execution, whole or partial."""

    leg: int
    trade_id: str
    venue_order_id: str
    last_qty: Decimal
    last_px: Decimal
    commission: Decimal
    commission_currency: str
    liquidity: LiquidityInd | None
    transact_time: int


@frozen
class TradeCanceled(Event):
    """An execution reported before is void (150=H). exec_ref: its journal position."""

    exec_ref: int
    last_qty: Decimal
    last_px: Decimal
    text: str


@frozen
class TradeCorrected(Event):
    """An execution reported before has other figures (150=G). exec_ref: its journal position."""

    exec_ref: int
    old_qty: Decimal
    old_px: Decimal
    last_qty: Decimal
    last_px: Decimal
    text: str


@frozen
class CancelRequested(Event):
    """The client wants it canceled."""

    cl_ord_id: str
    orig_cl_ord_id: str


@frozen
class ReplaceRequested(Event):
    """The client wants other terms. max_age: nanoseconds within which an order may be placed for them."""

    cl_ord_id: str
    orig_cl_ord_id: str
    order_qty: Decimal
    price: Decimal | None
    stop_px: Decimal | None
    max_age: int = REPLACE_MAX_AGE


@frozen
class ExpiryRequested(Event):
    """Its time is over; the gateway wants it canceled at the venue."""


@frozen
class WithdrawalRequested(Event):
    """It must not rest any longer; the gateway wants it canceled at the venue. text: why, as the client is told."""

    text: str


@frozen
class CancelSubmitted(Event):
    """A cancel of a leg is to be sent, for this request (empty: the gateway's own)."""

    leg: int
    cl_ord_id: str


@frozen
class AmendSubmitted(Event):
    """A reduction of a leg in place is to be sent, for this request. qty: the leg's new total."""

    leg: int
    cl_ord_id: str
    qty: Decimal


@frozen
class CancelReturned(Event):
    """The venue does not know the leg (yet), or could not be reached: the request is sent again until it is heard."""

    leg: int
    text: str


@frozen
class VenueRequestRefused(Event):
    """The venue refused a cancel or an amend of a leg. The client hears once the leg's true state is known."""

    leg: int
    operation: Operation
    text: str


@frozen
class CancelRetried(Event):
    """What was sent for this request certainly had no effect; it is to be sent again (amends as a cancel)."""

    cl_ord_id: str


@frozen
class RequestRejected(Event):
    """A cancel or replace is refused: OrderCancelReject(9). The order goes on as it was."""

    kind: RequestKind
    cl_ord_id: str
    orig_cl_ord_id: str
    reason: CxlRejReason
    text: str


@frozen
class OrderReplaced(Event):
    """A replace took effect."""

    cl_ord_id: str
    orig_cl_ord_id: str
    order_qty: Decimal
    price: Decimal | None
    stop_px: Decimal | None
    leg_qty: Decimal | None = None  # the working leg's new total, when it was amended in place


@frozen
class OrderCanceled(Event):
    """Over, by the client's cancel (cl_ord_id) or unasked (empty)."""

    cl_ord_id: str
    text: str


@frozen
class OrderExpired(Event):
    """Over: its time in force ended."""

    text: str


@frozen
class OrderRestated(Event):
    """Other terms, by the venue's own doing. reason: ExecRestatementReason(378)."""

    reason: str
    order_qty: Decimal
    price: Decimal | None
    leg_qty: Decimal | None
    text: str


@frozen
class OrderDoneForDay(Event):
    """Rests no more today."""


@frozen
class NewOrderRefused(Event):
    """A NewOrderSingle that never became an order: the id is taken, or its values cannot be read."""

    session: str
    cl_ord_id: str
    symbol: str
    side: str
    order_qty: Decimal
    reason: OrdRejReason
    text: str
    account: str = ""
    cum_qty: Decimal = ZERO


@frozen
class RequestRefused(Event):
    """A cancel or replace whose order we do not know, or whose values cannot be read."""

    session: str
    kind: RequestKind
    cl_ord_id: str
    orig_cl_ord_id: str
    reason: CxlRejReason
    text: str


@frozen
class VenueReportIgnored(Event):
    """A report that changes nothing and deserves a person's look: it contradicts what we know."""

    text: str


@frozen
class PositionSet(Event):
    """A person said what an account holds of a symbol; what executes from then on changes it. order_id is empty.

    cost: what the quantity was bought for, quote currency. action_id: of the operator's request.
    """

    account: str
    symbol: str
    qty: Decimal
    cost: Decimal
    action_id: int


@frozen
class StrayCancelSubmitted(Event):
    """Something works at the venue under our prefix that should not: a cancel of it is to be sent.

    order_id is empty, since no order of ours changes; of_order and leg name the one it once was (else "" and 0).
    """

    venue_account: str
    symbol: str
    client_id: str
    venue_order_id: str
    of_order: str
    leg: int


@frozen
class MassCancelRequested(Event):
    """A client has asked for the cancel of many orders; the events of each follow. affected: how many are open."""

    session: str
    cl_ord_id: str
    request_type: str
    affected: int
    account: str = ""
    symbol: str = ""
    side: Side | None = None
    text: str = ""


@frozen
class MassCancelRefused(Event):
    """A client's wish for the cancel of many orders that cannot be followed."""

    session: str
    cl_ord_id: str
    request_type: str
    reason: MassCancelRejectReason
    text: str
