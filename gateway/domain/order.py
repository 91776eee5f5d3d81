"""An order as a set of facts. Its status, LeavesQty(151) and AvgPx(6) are derived from them and never stored.

Orders and their parts are named tuples: as frozen as a frozen dataclass, and several times cheaper to make a changed
copy of, which is what every event does.

One client order may need several venue orders one after the other (a replace that the venue cannot do in place is a
cancel and a new one): each is a `Leg`. Each pending cancel or replace of the client is a `Request` with ids of its own.
"""

from decimal import Decimal
from typing import NamedTuple

from gateway.domain.commands import Echo
from gateway.domain.money import ZERO, avg_px, subtract
from gateway.domain.values import OrdStatus, OrdType, Side, TimeInForce, Value


class Terms(NamedTuple):
    """What a replace may change."""

    order_qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None


class RequestKind(Value):
    """What a request asks for."""

    CANCEL = "cancel"
    REPLACE = "replace"
    EXPIRE = "expire"  # the gateway's own, for DAY and GTD; invisible to the client until it is done
    WITHDRAW = "withdraw"  # the gateway's own, for what must not rest any longer; likewise invisible

    @property
    def is_ours(self) -> bool:
        """Whether the gateway wants it, not the client: it must come true, so it is tried until it does."""
        return self in (RequestKind.EXPIRE, RequestKind.WITHDRAW)


class Phase(Value):
    """How far a request has come at the venue."""

    QUEUED = "queued"  # nothing sent for it yet
    CANCELING = "canceling"  # the working leg's cancel was sent
    AMENDING = "amending"  # an amend in place was sent
    PLACING = "placing"  # the old leg is gone, the new one was sent
    RETURNED = "returned"  # the venue does not know the leg yet: to be sent again
    DOUBTFUL = "doubtful"  # outcome unknown: a settlement is under way
    REFUSED = "refused"  # the venue said no: a settlement finds out what is true before the client is told


REPLACE_MAX_AGE = 60_000_000_000
"""Nanoseconds that a replace may wait for the venue where its session has no limit: more than cancels take that wait
for the next minute's rate budget or for an answer that was lost.
"""


class Request(NamedTuple):
    """One pending cancel, replace or expiry.

    asked_at, max_age: of a replace; longer after it was asked for, no order is placed for it.
    """

    kind: RequestKind
    cl_ord_id: str
    orig_cl_ord_id: str
    terms: Terms | None = None
    phase: Phase = Phase.QUEUED
    amend: bool = False  # the venue request under way, or refused, is an amend in place
    early: bool = False  # its cancel was sent before the venue was known to have the leg
    text: str = ""  # the venue's words when it refused
    why: str = ""  # of a withdrawal: what the client is told
    asked_at: int = 0
    max_age: int = REPLACE_MAX_AGE


class LegState(Value):
    """What we know of a venue order."""

    PENDING = "pending"  # its request is committed; no answer yet
    UNKNOWN = "unknown"  # it may or may not exist: a settlement is under way
    OPEN = "open"
    CLOSING = "closing"  # no longer working, but trades of it have not reached us yet
    CLOSED = "closed"


class Leg(NamedTuple):
    """One venue order of an order."""

    number: int
    client_id: str
    qty: Decimal
    state: LegState = LegState.PENDING
    venue_order_id: str | None = None
    cum_qty: Decimal = ZERO
    final_qty: Decimal | None = None  # CLOSING: all that it executed, as the venue says
    close_reason: str = ""
    text: str = ""
    price: Decimal | None = None  # as it was submitted
    submitted_at: int = 0

    @property
    def is_working(self) -> bool:
        """Whether it may still execute, as far as anybody can know."""
        return self.state in _WORKING


_WORKING = (LegState.PENDING, LegState.UNKNOWN, LegState.OPEN)


class Ended(Value):
    """Why an order is over without being filled."""

    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


_ENDED_STATUS = {
    Ended.CANCELED: OrdStatus.CANCELED,
    Ended.EXPIRED: OrdStatus.EXPIRED,
    Ended.REJECTED: OrdStatus.REJECTED,
}


class Order(NamedTuple):
    """A client's order and everything that is true of it."""

    order_id: str
    session: str
    cl_ord_id: str  # of the last accepted request: reports outside of requests carry it
    first_cl_ord_id: str  # of the NewOrderSingle
    account: str
    venue_account: str
    symbol: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    terms: Terms
    received_at: int
    expire_time: int | None = None
    post_only: bool = False
    remainder_expires: bool = False  # an IOC or FOK rest is reported as Expired instead of Canceled
    echo: Echo = ()
    acknowledged: bool = False
    ended: Ended | None = None
    done_for_day: bool = False
    cum_qty: Decimal = ZERO
    cum_notional: Decimal = ZERO
    requests: tuple[Request, ...] = ()
    legs: tuple[Leg, ...] = ()
    text: str = ""
    market_px: Decimal | None = None  # see OrderReceived

    @property
    def leg(self) -> Leg | None:
        """The latest venue order, the only one that can work."""
        return self.legs[-1] if self.legs else None

    @property
    def is_filled(self) -> bool:
        """Whether nothing is left to execute. A refused order is not filled, not even one for a quantity of zero."""
        return self.cum_qty >= self.terms.order_qty and self.ended is not Ended.REJECTED

    @property
    def is_open(self) -> bool:
        """Whether it can still execute."""
        return self.ended is None and not self.is_filled

    @property
    def leaves_qty(self) -> Decimal:
        """LeavesQty(151): what is open for execution; zero once the order is over, for a day order with its day."""
        over = not self.is_open or (self.done_for_day and self.time_in_force is TimeInForce.DAY)
        return ZERO if over else subtract(self.terms.order_qty, self.cum_qty)

    @property
    def avg_px(self) -> Decimal:
        """AvgPx(6)."""
        return avg_px(self.cum_notional, self.cum_qty)

    @property
    def is_unknown(self) -> bool:
        """Whether the venue has yet to tell what became of a request."""
        leg = self.leg
        return (leg is not None and leg.state in (LegState.UNKNOWN, LegState.CLOSING)) or any(
            request.phase is Phase.DOUBTFUL for request in self.requests
        )

    @property
    def ord_status(self) -> OrdStatus:
        """OrdStatus(39), the highest in precedence of what applies (FIX 4.4, "Order State Change Matrices")."""
        pending = self._pending_status()
        if pending is not None:
            return pending
        if self.done_for_day:
            return OrdStatus.DONE_FOR_DAY
        if self.is_filled:
            return OrdStatus.FILLED
        if self.ended is not None:
            return _ENDED_STATUS[self.ended]
        if self.cum_qty > 0:
            return OrdStatus.PARTIALLY_FILLED
        return OrdStatus.NEW if self.acknowledged else OrdStatus.PENDING_NEW

    def _pending_status(self) -> OrdStatus | None:
        replacing = None
        for request in self.requests:
            if request.kind is RequestKind.CANCEL:
                return OrdStatus.PENDING_CANCEL
            if request.kind is RequestKind.REPLACE:
                replacing = OrdStatus.PENDING_REPLACE
        return replacing

    @property
    def exposed_qty(self) -> Decimal:
        """The most that can still execute: pending replaces count at the larger quantity, unknown orders as open."""
        qty = self.terms.order_qty
        if self.ended is not None or self.cum_qty >= qty:
            return ZERO
        for request in self.requests:
            if request.terms is not None and request.terms.order_qty > qty:
                qty = request.terms.order_qty
        return subtract(qty, self.cum_qty)

    def request(self, cl_ord_id: str) -> Request | None:
        """The pending request with this ClOrdID."""
        return next((request for request in self.requests if request.cl_ord_id == cl_ord_id), None)
