"""What an order's pending requests need next at the venue.

Level-triggered: it looks at what is true, not at what just happened, so it may be called after any event and after
any restart.
The rules, in order:

1. An order that is over refuses what is still pending as too late.
2. A cancel or an expiry goes first: at once, whatever else is pending, by client id while the venue order is not known.
   One that is on its way serves all; one in doubt, refused or returned holds up nobody.
3. Otherwise the oldest replace goes, once the leg works: in place where only quantity shrinks and the venue can, else
   as a cancel, whose confirmed final quantity decides what the new leg may be (never an overfill). One that has waited
   too long is refused: the order goes on as it is, or is canceled where its cancel is done.
4. Where nothing works any more and the order is still open (a trade was taken back), there is nothing to ask of the
   venue: a cancel or an expiry is done at once, and a replace is refused.
"""

from decimal import Decimal

from gateway.domain import events as e
from gateway.domain.ages import too_late
from gateway.domain.changes import Changes
from gateway.domain.instruments import Capabilities
from gateway.domain.money import subtract
from gateway.domain.order import Leg, LegState, Order, Phase, Request, RequestKind, Terms
from gateway.domain.values import CxlRejReason


def advance(changes: Changes, capabilities: Capabilities, at: int) -> None:
    """Decide the next venue request of the order, if one is due."""
    order = changes.order
    if order is None or not order.requests:
        return
    if not order.is_open:
        reject_pending(changes, at)
        return
    leg = order.leg
    if leg is None or leg.state is LegState.CLOSING:
        return
    if leg.state is LegState.CLOSED:
        _finish_without_venue(changes, order, at)
        return
    cancels = [r for r in order.requests if r.kind is not RequestKind.REPLACE]
    if cancels:
        queued = next((r for r in cancels if r.phase is Phase.QUEUED), None)
        if queued is not None and not _cancel_under_way(order):
            changes.emit(e.CancelSubmitted(order_id=order.order_id, at=at, leg=leg.number, cl_ord_id=queued.cl_ord_id))
        return
    head = order.requests[0]
    if head.phase is Phase.QUEUED and leg.state is LegState.OPEN:
        _start_replace(changes, order, leg, head, capabilities, at)


def _cancel_under_way(order: Order) -> bool:
    """Whether a request has the working leg's cancel in flight already: one cancel serves all."""
    return any(r.phase is Phase.CANCELING for r in order.requests)


def _finish_without_venue(changes: Changes, order: Order, at: int) -> None:
    """Nothing of the order works at the venue, so that nothing can cross what is decided here."""
    text = "nothing of the order works at the venue"
    last = next((r for r in order.requests if r.kind is not RequestKind.REPLACE), None)
    for request in order.requests:
        if request.kind is RequestKind.REPLACE and changes.order and changes.order.request(request.cl_ord_id):
            reject(changes, request, CxlRejReason.OTHER, text, at)
    if last is None:
        return
    if last.kind is not RequestKind.EXPIRE:
        why = last.why or text
        changes.emit(e.OrderCanceled(order_id=order.order_id, at=at, cl_ord_id=last.cl_ord_id, text=why))
    else:
        changes.emit(e.OrderExpired(order_id=order.order_id, at=at, text=text))
    reject_pending(changes, at)


def _start_replace(
    changes: Changes, order: Order, leg: Leg, request: Request, capabilities: Capabilities, at: int
) -> None:
    qty = amended_leg_qty(order, leg, request)
    if capabilities.amend_qty_down and qty > leg.cum_qty and only_reduces(order.terms, request.terms):
        changes.emit(
            e.AmendSubmitted(order_id=order.order_id, at=at, leg=leg.number, cl_ord_id=request.cl_ord_id, qty=qty)
        )
    elif qty > leg.cum_qty and (late := too_late(request.asked_at, request.max_age, at)):
        reject(changes, request, CxlRejReason.BROKER_OPTION, late.text, at)
    else:
        changes.emit(e.CancelSubmitted(order_id=order.order_id, at=at, leg=leg.number, cl_ord_id=request.cl_ord_id))


def only_reduces(old: Terms, new: Terms | None) -> bool:
    """Whether the quantity shrinks and nothing else changes."""
    return new is not None and new.order_qty < old.order_qty and new.price == old.price and new.stop_px == old.stop_px


def amended_leg_qty(order: Order, leg: Leg, request: Request) -> Decimal:
    """The working leg's total under the request's terms: what earlier legs executed is not its business."""
    assert request.terms is not None
    return subtract(request.terms.order_qty, subtract(order.cum_qty, leg.cum_qty))


def reject_pending(changes: Changes, at: int) -> None:
    """Refuse what is pending on an order that is over: too late (CxlRejReason 0)."""
    assert changes.order is not None
    for request in changes.order.requests:
        still_pending = changes.order.request(request.cl_ord_id) is not None  # a chain may have taken it along
        if not request.kind.is_ours and still_pending:
            reject(changes, request, CxlRejReason.TOO_LATE, "the order is over", at)


def reject(changes: Changes, request: Request, reason: CxlRejReason, text: str, at: int) -> None:
    """Refuse a pending request, and every replace that is chained to it (a chained cancel goes on)."""
    order = changes.order
    assert order is not None
    changes.emit(
        e.RequestRejected(
            order_id=order.order_id,
            at=at,
            kind=request.kind,
            cl_ord_id=request.cl_ord_id,
            orig_cl_ord_id=request.orig_cl_ord_id,
            reason=reason,
            text=text,
        )
    )
    if request.kind is not RequestKind.REPLACE:
        return
    for chained in changes.order.requests if changes.order else ():
        if chained.kind is RequestKind.REPLACE and chained.orig_cl_ord_id == request.cl_ord_id:
            why = f"chained to {request.cl_ord_id}, which was rejected"
            reject(changes, chained, reason if reason is CxlRejReason.TOO_LATE else CxlRejReason.OTHER, why, at)
            return
