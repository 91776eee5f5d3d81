"""What becomes of an order when a venue order of it no longer works."""

from decimal import Decimal

from gateway.domain import events as e
from gateway.domain.advance import reject, reject_pending
from gateway.domain.ages import too_late
from gateway.domain.changes import Changes
from gateway.domain.money import subtract
from gateway.domain.order import Leg, LegState, Order, Phase, Request, RequestKind
from gateway.domain.values import CxlRejReason, OrdRejReason, OrdType, TimeInForce
from gateway.domain.venue_reports import CloseReason

_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


def close_leg(changes: Changes, leg: Leg, reason: CloseReason, text: str, at: int) -> None:
    """The leg is closed and all its trades are known: end the order, or go on with the replace that wanted this."""
    order = changes.order
    assert order is not None
    if leg.state is not LegState.CLOSED:
        order = changes.emit(e.LegClosed(order_id=order.order_id, at=at, leg=leg.number, reason=reason, text=text))
    if not order.is_open or leg.number != len(order.legs):
        return
    if reason is CloseReason.REJECTED and leg.cum_qty == 0:
        place_refused(changes, leg, OrdRejReason.OTHER, text, at)
        return
    if reason is CloseReason.FILLED and _filled_under_amend(changes, leg, at):
        return
    cancel = _first(order, RequestKind.CANCEL)
    expiry = _first(order, RequestKind.EXPIRE)
    withdrawal = _first(order, RequestKind.WITHDRAW)
    replacing = _replacing_by_cancel(order)
    if cancel is not None and reason is CloseReason.CANCELED:
        _finish_cancel(changes, cancel, text, at)
    elif expiry is not None and reason is CloseReason.CANCELED:
        changes.emit(e.OrderExpired(order_id=order.order_id, at=at, text=text))
        reject_pending(changes, at)
    elif withdrawal is not None and reason is CloseReason.CANCELED:
        changes.emit(e.OrderCanceled(order_id=order.order_id, at=at, cl_ord_id="", text=withdrawal.why))
        reject_pending(changes, at)
    elif replacing is not None and reason is CloseReason.CANCELED:
        _next_leg(changes, replacing, at)
    else:
        _end_unasked(changes, reason, text, at)


def _filled_under_amend(changes: Changes, leg: Leg, at: int) -> bool:
    """An amend took effect and the smaller quantity executed before we heard of the amend: it did happen.

    Whether it is still an amend to us does not matter: one in doubt may have been tried again as a cancel.
    """
    order = changes.order
    assert order is not None
    head = order.requests[0] if order.requests else None
    if head is None or head.terms is None or head.terms.order_qty != order.cum_qty or leg.cum_qty >= leg.qty:
        return False
    _replaced_to_filled(changes, head, at)
    return True


def _first(order: Order, kind: RequestKind) -> Request | None:
    return next((r for r in order.requests if r.kind is kind), None)


def _replacing_by_cancel(order: Order) -> Request | None:
    """The oldest replace, if a cancel of the old leg was sent for it."""
    head = order.requests[0] if order.requests else None
    if head is None or head.kind is not RequestKind.REPLACE or head.amend or head.phase is Phase.QUEUED:
        return None
    return head


def _finish_cancel(changes: Changes, cancel: Request, text: str, at: int) -> None:
    """The client's cancel is done; replaces that were still on their way give way to it."""
    assert changes.order is not None
    for request in changes.order.requests:
        still_pending = changes.order.request(request.cl_ord_id) is not None
        if request.kind is RequestKind.REPLACE and still_pending:
            reject(changes, request, CxlRejReason.TOO_LATE, f"canceled by {cancel.cl_ord_id}", at)
    order_id = changes.order.order_id
    changes.emit(e.OrderCanceled(order_id=order_id, at=at, cl_ord_id=cancel.cl_ord_id, text=text))
    reject_pending(changes, at)


def _next_leg(changes: Changes, request: Request, at: int) -> None:
    order = changes.order
    assert order is not None
    assert request.terms is not None
    terms = request.terms
    rest = subtract(terms.order_qty, order.cum_qty)
    if rest <= 0:
        _replaced_to_filled(changes, request, at)
        return
    if late := too_late(request.asked_at, request.max_age, at):
        reject(changes, request, CxlRejReason.BROKER_OPTION, late.text, at)
        changes.emit(e.OrderCanceled(order_id=order.order_id, at=at, cl_ord_id="", text=late.text))
        reject_pending(changes, at)
        return
    number = len(order.legs) + 1
    client_id = f"{order.legs[0].client_id.rpartition('-')[0]}-{number}"
    changes.emit(
        e.LegSubmitted(
            order_id=order.order_id,
            at=at,
            leg=number,
            client_id=client_id,
            qty=rest,
            price=terms.price,
            stop_px=terms.stop_px,
        )
    )


def _replaced_to_filled(changes: Changes, request: Request, at: int) -> None:
    """A replace to no more than what has executed: accepted, with OrderQty = CumQty, and the order is filled."""
    assert changes.order is not None
    replaced(changes, request, at, order_qty=changes.order.cum_qty)
    reject_pending(changes, at)


def replaced(
    changes: Changes, request: Request, at: int, *, order_qty: Decimal | None = None, leg_qty: Decimal | None = None
) -> None:
    """The replace took effect, for order_qty where that is not what was asked for.

    leg_qty: the working leg's new total, when it was amended in place.
    """
    order, terms = changes.order, request.terms
    assert order is not None
    assert terms is not None
    changes.emit(
        e.OrderReplaced(
            order_id=order.order_id,
            at=at,
            cl_ord_id=request.cl_ord_id,
            orig_cl_ord_id=request.orig_cl_ord_id,
            order_qty=terms.order_qty if order_qty is None else order_qty,
            price=terms.price,
            stop_px=terms.stop_px,
            leg_qty=leg_qty,
        )
    )


def _end_unasked(changes: Changes, reason: CloseReason, text: str, at: int) -> None:
    order = changes.order
    assert order is not None
    immediate = order.time_in_force in _IMMEDIATE or order.ord_type is OrdType.MARKET
    expired = reason is CloseReason.EXPIRED and (order.remainder_expires or not immediate)
    if expired:
        changes.emit(e.OrderExpired(order_id=order.order_id, at=at, text=text))
    else:
        changes.emit(e.OrderCanceled(order_id=order.order_id, at=at, cl_ord_id="", text=text))
    reject_pending(changes, at)


def place_refused(changes: Changes, leg: Leg, reason: OrdRejReason, text: str, at: int) -> None:
    """The venue certainly does not have this leg."""
    order = changes.order
    assert order is not None
    if leg.number == 1:
        changes.emit(e.OrderRejected(order_id=order.order_id, at=at, reason=reason, text=text, by_venue=True))
        reject_pending(changes, at)
        return
    if order.legs[-1].state is not LegState.CLOSED:
        order = changes.emit(
            e.LegClosed(order_id=order.order_id, at=at, leg=leg.number, reason=CloseReason.REJECTED, text=text)
        )
    placing = next((r for r in order.requests if r.phase is Phase.PLACING), None)
    if placing is not None:
        reject(changes, placing, CxlRejReason.OTHER, text, at)
    cancel = _first(order, RequestKind.CANCEL)
    cl_ord_id = cancel.cl_ord_id if cancel is not None else ""
    changes.emit(e.OrderCanceled(order_id=order.order_id, at=at, cl_ord_id=cl_ord_id, text=text))
    reject_pending(changes, at)


def lost(changes: Changes, leg: Leg, text: str, at: int) -> None:
    """The venue had the leg and no longer knows it. Nothing is placed for it: what it executed is anybody's guess."""
    assert changes.order is not None
    for request in changes.order.requests:
        still_pending = changes.order.request(request.cl_ord_id) is not None  # a chain may have taken it along
        if request.kind is RequestKind.REPLACE and still_pending:
            reject(changes, request, CxlRejReason.OTHER, text, at)
    close_leg(changes, leg, CloseReason.CANCELED, text, at)


def settled_missing(changes: Changes, leg: Leg, at: int) -> None:
    """The leg never reached the venue, and can no longer. A cancel that waited for it has what it wanted."""
    order = changes.order
    assert order is not None
    text = "the venue never received the order"
    cancel = _first(order, RequestKind.CANCEL)
    if leg.number == 1 and cancel is not None:
        changes.emit(
            e.LegClosed(order_id=order.order_id, at=at, leg=leg.number, reason=CloseReason.REJECTED, text=text)
        )
        _finish_cancel(changes, cancel, text, at)
        return
    place_refused(changes, leg, OrdRejReason.OTHER, text, at)
