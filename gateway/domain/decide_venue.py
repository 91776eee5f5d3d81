"""What a venue's report means for an order. One function a report type; each may come twice, late, or out of order.

Executions are de-duplicated by the caller (`Book`), everything else here: a report that says what is known already
decides nothing.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from gateway.domain import events as e
from gateway.domain import venue_reports as v
from gateway.domain.advance import advance, amended_leg_qty, reject
from gateway.domain.changes import Changes
from gateway.domain.closing import close_leg, lost, place_refused, replaced, settled_missing
from gateway.domain.instruments import Capabilities
from gateway.domain.money import ZERO, add, subtract
from gateway.domain.order import Leg, LegState, Order, Phase, Request
from gateway.domain.transitions import SENT_PHASE
from gateway.domain.values import CxlRejReason


def decide_venue_report(
    order: Order, leg_number: int, report: v.VenueReport, capabilities: Capabilities, at: int
) -> Changes:
    """The events that a report about a leg of this order brings about."""
    changes = Changes(order)
    decide = _DECIDE.get(type(report))
    if decide is None:
        raise TypeError(f"no decision for {type(report).__name__}")
    decide(changes, order.legs[leg_number - 1], report, at)
    advance(changes, capabilities, at)
    return changes


def _accepted(changes: Changes, leg: Leg, report: v.VenueReport, at: int) -> None:
    """Also called by every report that shows that the venue has the order."""
    if leg.state not in (LegState.PENDING, LegState.UNKNOWN):
        return
    order = changes.order
    assert order is not None
    order = changes.emit(
        e.LegAccepted(order_id=order.order_id, at=at, leg=leg.number, venue_order_id=report.venue_order_id)
    )
    head = order.requests[0] if order.requests else None
    if head is not None and head.phase is Phase.PLACING:
        replaced(changes, head, at)


def _traded(changes: Changes, leg: Leg, report: v.VenueTraded, at: int) -> None:
    _accepted(changes, leg, report, at)
    order = changes.order
    assert order is not None
    order = changes.emit(
        e.OrderFilled(
            order_id=order.order_id,
            at=at,
            leg=leg.number,
            trade_id=report.trade_id,
            venue_order_id=report.venue_order_id or leg.venue_order_id or "",
            last_qty=report.last_qty,
            last_px=report.last_px,
            commission=report.commission,
            commission_currency=report.commission_currency,
            liquidity=report.liquidity,
            transact_time=report.transact_time,
        )
    )
    leg = order.legs[leg.number - 1]
    if leg.state is LegState.CLOSING and leg.final_qty is not None and leg.cum_qty >= leg.final_qty:
        close_leg(changes, leg, v.CloseReason(leg.close_reason), leg.text, at)
    elif leg.state is LegState.CLOSED and order.is_open:
        close_leg(changes, leg, v.CloseReason.FILLED, "", at)


def _closed(changes: Changes, leg: Leg, report: v.VenueClosed, at: int) -> None:
    if leg.state is LegState.CLOSED:
        return
    if report.reason is not v.CloseReason.REJECTED or report.cum_qty > 0:
        _accepted(changes, leg, report, at)
    order = changes.order
    assert order is not None
    leg = order.legs[leg.number - 1]
    if report.cum_qty > leg.cum_qty:
        if leg.state is LegState.CLOSING:
            return
        changes.emit(
            e.LegClosing(
                order_id=order.order_id,
                at=at,
                leg=leg.number,
                reason=report.reason,
                cum_qty=report.cum_qty,
                text=report.text,
            )
        )
        changes.emit(e.SettlementRequested(order_id=order.order_id, at=at, leg=leg.number))
        return
    close_leg(changes, leg, report.reason, report.text, at)


def _amended(changes: Changes, leg: Leg, report: v.VenueAmended, at: int) -> None:
    _accepted(changes, leg, report, at)
    _resized(changes, leg.number, report.qty, at)


def _resized(changes: Changes, leg_number: int, qty: Decimal, at: int) -> None:
    """The venue's total for the leg: our amend has taken effect, or the venue took some of the quantity away.

    An amend can only make it smaller, so a larger quantity is an older word that was overtaken.
    """
    order = changes.order
    assert order is not None
    leg = order.legs[leg_number - 1]
    if leg.state is LegState.CLOSED:
        return
    head = order.requests[0] if order.requests else None
    if head is not None and head.amend and amended_leg_qty(order, leg, head) == qty:
        # What the venue took off the amended quantity by itself was heard of before the amend.
        taken_away = max(subtract(qty, leg.qty), ZERO)
        order_qty = subtract(head.terms.order_qty, taken_away) if head.terms is not None else None
        replaced(changes, head, at, order_qty=order_qty, leg_qty=min(qty, leg.qty))
    elif qty < leg.qty:
        changes.emit(
            e.OrderRestated(
                order_id=order.order_id,
                at=at,
                reason="5",  # ExecRestatementReason(378): partial decline of OrderQty
                order_qty=add(qty, subtract(order.cum_qty, leg.cum_qty)),
                price=None,
                leg_qty=qty,
                text="quantity reduced by the venue",
            )
        )


def _refused(changes: Changes, leg: Leg, report: v.VenueRefused, at: int) -> None:
    order = changes.order
    assert order is not None
    if report.operation is v.Operation.PLACE:
        if leg.state in (LegState.PENDING, LegState.UNKNOWN):
            place_refused(changes, leg, report.reason, report.text, at)
        return
    if not leg.is_working:
        return
    if report.may_retry and report.operation in SENT_PHASE:
        # A cancel always passes in the end: the timer sends it again, freshly signed, until the venue has heard it.
        changes.emit(e.CancelReturned(order_id=order.order_id, at=at, leg=leg.number, text=report.text))
        return
    if report.order_unknown and report.operation is v.Operation.CANCEL and _came_too_early(order, leg):
        _returned(changes, leg, report, at)
        return
    if report.operation in SENT_PHASE:
        changes.emit(
            e.VenueRequestRefused(
                order_id=order.order_id, at=at, leg=leg.number, operation=report.operation, text=report.text
            )
        )
    changes.emit(e.SettlementRequested(order_id=order.order_id, at=at, leg=leg.number))


def _came_too_early(order: Order, leg: Leg) -> bool:
    """Whether the venue may have seen the cancel before the order itself."""
    return leg.state is not LegState.OPEN or any(r.phase is Phase.CANCELING and r.early for r in order.requests)


def _returned(changes: Changes, leg: Leg, report: v.VenueRefused, at: int) -> None:
    """To be sent again: at once if the venue has the leg by now, else once it has, or by the timer."""
    assert changes.order is not None
    order = changes.emit(e.CancelReturned(order_id=changes.order.order_id, at=at, leg=leg.number, text=report.text))
    if leg.state is LegState.OPEN:
        for request in order.requests:
            if request.phase is Phase.RETURNED:
                changes.emit(e.CancelRetried(order_id=order.order_id, at=at, cl_ord_id=request.cl_ord_id))


def _outcome_unknown(changes: Changes, leg: Leg, report: v.VenueOutcomeUnknown, at: int) -> None:
    order = changes.order
    assert order is not None
    if report.operation is v.Operation.PLACE:
        in_doubt = leg.state is LegState.PENDING
    else:
        # An unknown settlement is the adapter's own failure: asked again at once, it would go round in circles.
        sent = SENT_PHASE.get(report.operation)
        in_doubt = leg.is_working and any(r.phase is sent for r in order.requests)
    if not in_doubt:
        return
    changes.emit(
        e.OutcomeUnknown(order_id=order.order_id, at=at, leg=leg.number, operation=report.operation, text=report.text)
    )
    changes.emit(e.SettlementRequested(order_id=order.order_id, at=at, leg=leg.number))


def _working(changes: Changes, leg: Leg, report: v.VenueOrderWorking, at: int) -> None:
    """A settlement found the order working: what was refused is refused, what was in doubt did not happen."""
    _accepted(changes, leg, report, at)
    order = changes.order
    assert order is not None
    leg = order.legs[leg.number - 1]
    if leg.state is not LegState.OPEN:
        return
    if report.cum_qty > leg.cum_qty:
        changes.emit(e.SettlementRequested(order_id=order.order_id, at=at, leg=leg.number))
        return
    _resized(changes, leg.number, report.qty, at)
    for cl_ord_id in [r.cl_ord_id for r in order.requests if r.phase in (Phase.DOUBTFUL, Phase.REFUSED)]:
        request = changes.order.request(cl_ord_id) if changes.order is not None else None
        if request is not None:  # a chain may have taken it along
            _settle_request(changes, leg, request, at)


def _settle_request(changes: Changes, leg: Leg, request: Request, at: int) -> None:
    """The leg works as before. What was in doubt is sent again, what was refused is refused for good.

    Two refusals are not final: an amend to less than has executed by now can still be had as a cancel, and what is
    ours must come true; it stays refused until the timer tries again, since a tight loop would not make it truer.
    """
    order = changes.order
    assert order is not None
    if request.phase is Phase.REFUSED:
        if request.kind.is_ours:
            return
        if not request.amend or amended_leg_qty(order, leg, request) > leg.cum_qty:
            reject(changes, request, CxlRejReason.OTHER, request.text, at)
            return
    changes.emit(e.CancelRetried(order_id=order.order_id, at=at, cl_ord_id=request.cl_ord_id))


def _missing(changes: Changes, leg: Leg, report: v.VenueOrderMissing, at: int) -> None:
    order = changes.order
    assert order is not None
    if leg.state in (LegState.PENDING, LegState.UNKNOWN):
        settled_missing(changes, leg, at)
    elif leg.state is not LegState.CLOSED:
        text = f"the venue no longer knows {report.client_id}, which it had accepted"
        changes.note(e.VenueReportIgnored(order_id=order.order_id, at=at, text=text))
        lost(changes, leg, text, at)


def _restated(changes: Changes, leg: Leg, report: v.VenueRestated, at: int) -> None:
    _accepted(changes, leg, report, at)
    order = changes.order
    assert order is not None
    if leg.state is LegState.CLOSED:
        return
    before = order.terms.order_qty
    changes.emit(
        e.OrderRestated(
            order_id=order.order_id,
            at=at,
            reason=report.reason,
            order_qty=add(report.qty, subtract(order.cum_qty, leg.cum_qty)) if report.qty is not None else before,
            price=report.price,
            leg_qty=report.qty,
            text=report.text,
        )
    )


def _done_for_day(changes: Changes, leg: Leg, report: v.VenueDoneForDay, at: int) -> None:
    _accepted(changes, leg, report, at)
    order = changes.order
    assert order is not None
    if order.is_open and leg.state is not LegState.CLOSED and not order.done_for_day:
        changes.emit(e.OrderDoneForDay(order_id=order.order_id, at=at))


_DECIDE: dict[type[v.VenueReport], Callable[[Changes, Leg, Any, int], None]] = {
    v.VenueAccepted: _accepted,
    v.VenueTraded: _traded,
    v.VenueClosed: _closed,
    v.VenueAmended: _amended,
    v.VenueRefused: _refused,
    v.VenueOutcomeUnknown: _outcome_unknown,
    v.VenueOrderWorking: _working,
    v.VenueOrderMissing: _missing,
    v.VenueRestated: _restated,
    v.VenueDoneForDay: _done_for_day,
}
