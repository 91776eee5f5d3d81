"""What a venue's report means for an order. One function a report type; each may come twice, late, or out of order.

Executions are de-duplicated by the caller (`Book`), everything else here: a report that says what is known already
decides nothing.
"""

from collections.abc import Callable
from typing import Any

from gateway.domain import events as e
from gateway.domain import venue_reports as v
from gateway.domain.advance import advance, amended_leg_qty, reject
from gateway.domain.changes import Changes
from gateway.domain.closing import close_leg, place_refused, settled_missing
from gateway.domain.instruments import Capabilities
from gateway.domain.money import add, subtract
from gateway.domain.order import Leg, LegState, Order, Phase, Request, RequestKind
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
        _replaced(changes, head, at)


def _replaced(changes: Changes, request: Request, at: int, leg_qty: Any = None) -> None:
    order = changes.order
    assert order is not None
    assert request.terms is not None
    changes.emit(
        e.OrderReplaced(
            order_id=order.order_id,
            at=at,
            cl_ord_id=request.cl_ord_id,
            orig_cl_ord_id=request.orig_cl_ord_id,
            order_qty=request.terms.order_qty,
            price=request.terms.price,
            stop_px=request.terms.stop_px,
            leg_qty=leg_qty,
        )
    )


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
    if report.reason is not v.CloseReason.REJECTED:
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
    order = changes.order
    assert order is not None
    head = order.requests[0] if order.requests else None
    if head is not None and head.amend and amended_leg_qty(order, leg, head) == report.qty:
        _replaced(changes, head, at, leg_qty=report.qty)
    elif report.qty != order.legs[leg.number - 1].qty:
        changes.emit(
            e.OrderRestated(
                order_id=order.order_id,
                at=at,
                reason="5",  # ExecRestatementReason(378): partial decline of OrderQty
                order_qty=add(report.qty, subtract(order.cum_qty, leg.cum_qty)),
                price=None,
                leg_qty=report.qty,
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
    if report.order_unknown and report.operation is v.Operation.CANCEL and leg.state is not LegState.OPEN:
        changes.emit(e.CancelReturned(order_id=order.order_id, at=at, leg=leg.number, text=report.text))
        return
    changes.emit(
        e.VenueRequestRefused(
            order_id=order.order_id, at=at, leg=leg.number, operation=report.operation, text=report.text
        )
    )
    changes.emit(e.SettlementRequested(order_id=order.order_id, at=at, leg=leg.number))


def _outcome_unknown(changes: Changes, leg: Leg, report: v.VenueOutcomeUnknown, at: int) -> None:
    order = changes.order
    assert order is not None
    if report.operation is v.Operation.PLACE and leg.state is not LegState.PENDING:
        return
    if not leg.is_working:
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
    for request in order.requests:
        if request.phase is Phase.DOUBTFUL or request.phase is Phase.REFUSED:
            _settle_request(changes, leg, request, report, at)
            return


def _settle_request(changes: Changes, leg: Leg, request: Request, report: v.VenueOrderWorking, at: int) -> None:
    order = changes.order
    assert order is not None
    if request.amend:
        wanted = amended_leg_qty(order, leg, request)
        if wanted == report.qty:
            _replaced(changes, request, at, leg_qty=wanted)
            return
        if request.phase is Phase.REFUSED and wanted > leg.cum_qty:
            reject(changes, request, CxlRejReason.OTHER, request.text, at)
            return
    elif request.phase is Phase.REFUSED and request.kind is not RequestKind.EXPIRE:
        reject(changes, request, CxlRejReason.OTHER, request.text, at)
        return
    elif request.phase is Phase.REFUSED:
        # An expiry must come true. Returned, it is tried again by the timer and not in a tight loop.
        return
    changes.emit(e.CancelRetried(order_id=order.order_id, at=at, cl_ord_id=request.cl_ord_id))


def _missing(changes: Changes, leg: Leg, report: v.VenueOrderMissing, at: int) -> None:
    order = changes.order
    assert order is not None
    if leg.state in (LegState.PENDING, LegState.UNKNOWN):
        settled_missing(changes, leg, at)
    elif leg.is_working:
        text = f"the venue no longer knows {report.client_id}, which it had accepted"
        changes.note(e.VenueReportIgnored(order_id=order.order_id, at=at, text=text))
        close_leg(changes, leg, v.CloseReason.CANCELED, text, at)


def _restated(changes: Changes, leg: Leg, report: v.VenueRestated, at: int) -> None:
    order = changes.order
    assert order is not None
    qty = report.qty if report.qty is not None else leg.qty
    order_qty = add(qty, subtract(order.cum_qty, leg.cum_qty))
    changes.emit(
        e.OrderRestated(
            order_id=order.order_id,
            at=at,
            reason=report.reason,
            order_qty=order_qty,
            price=report.price,
            leg_qty=report.qty,
            text=report.text,
        )
    )


def _done_for_day(changes: Changes, _leg: Leg, _report: v.VenueDoneForDay, at: int) -> None:
    order = changes.order
    assert order is not None
    if order.is_open and not order.done_for_day:
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
