"""What the client is told: one ExecutionReport(8) or OrderCancelReject(9) at most for each event, as FIX 4.4 means it.

The 4.2 dialect is a matter of encoding. ExecID(17) is the journal position, so a replayed journal gives the same.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.domain import events as e
from gateway.domain.commands import Echo, RequestMassStatus, RequestStatus
from gateway.domain.frozen import frozen
from gateway.domain.mass_reports import (
    MassCancelReport,
    OfMassStatus,
    SecurityList,
    mass_cancel_refusal,
    mass_cancel_report,
)
from gateway.domain.money import ZERO
from gateway.domain.order import Order, RequestKind
from gateway.domain.values import CxlRejReason, ExecType, OrdRejReason, OrdStatus


class ExecutionReport(NamedTuple):
    """exec_id 0 is a status report's. order is None where there is none: `refused` then has what the client sent."""

    session: str
    exec_id: int
    exec_type: ExecType
    order: Order | None
    cl_ord_id: str
    transact_time: int
    orig_cl_ord_id: str = ""
    fill: e.OrderFilled | None = None
    exec_ref_id: int | None = None
    last_qty: Decimal | None = None  # of a correction or a bust
    last_px: Decimal | None = None
    ord_rej_reason: OrdRejReason | None = None
    restatement_reason: str = ""
    text: str = ""
    refused: "e.NewOrderRefused | RequestStatus | RequestMassStatus | None" = None
    echo: Echo = ()  # of the request that is answered; the order has its own
    of_mass_status: OfMassStatus | None = None
    copy_of: str = ""  # of a drop copy: the client's CompID whose report it is


@frozen
class CancelReject:
    """OrderCancelReject(9). order is None where the client's order is not known: OrderID(37) is then NONE."""

    session: str
    exec_id: int  # not a field of the message; where it stands in the journal
    order: Order | None
    ord_status: OrdStatus
    kind: RequestKind
    cl_ord_id: str
    orig_cl_ord_id: str
    cxl_rej_reason: CxlRejReason
    transact_time: int
    text: str = ""


@frozen
class BusinessReject:
    """BusinessMessageReject(j): for a message that is valid FIX and still cannot be acted on.

    reason is BusinessRejectReason(380); ref_tag is told in the text, since j has no field for it.
    """

    session: str
    ref_seq_num: int
    ref_msg_type: str
    ref_id: str  # BusinessRejectRefID(379): the message's own id, if it had one
    reason: str
    text: str
    exec_id: int = 0
    order: Order | None = None


@frozen
class DontKnowTrade:
    """DontKnowTrade(Q): the client does not recognise an execution. Recorded and alerted; never answered."""

    session: str
    exec_id: str
    order_id: str
    reason: str
    text: str


@frozen
class MessageRejected:
    """Reject(3) or BusinessMessageReject(j): the client could not use a message of ours. Alerted; never answered.

    ref_seq_num: MsgSeqNum(34) of that message, 0 where it is not said. reason: what the client says of it.
    """

    session: str
    msg_type: str
    ref_seq_num: int
    reason: str


Report = ExecutionReport | CancelReject | BusinessReject | MassCancelReport | SecurityList


def report_of(position: int, event: e.Event, before: Order | None, after: Order | None) -> Report | None:
    """The message that this event owes the client, or None."""
    make = _REPORT.get(type(event))
    return make(position, event, before, after) if make is not None else None


def status_report(command: RequestStatus, order: Order | None, exec_id: int = 0) -> ExecutionReport:
    """The answer to an OrderStatusRequest(H), and to a repeated order: the state of this moment, no execution.

    exec_id is zero, as FIX has it for status reports.
    """
    if order is None:
        return ExecutionReport(
            session=command.session,
            exec_id=exec_id,
            exec_type=ExecType.ORDER_STATUS,
            order=None,
            cl_ord_id=command.cl_ord_id,
            transact_time=command.at,
            ord_rej_reason=OrdRejReason.UNKNOWN_ORDER,
            text="unknown order",
            refused=command,
            echo=command.echo,
        )
    return ExecutionReport(
        session=command.session,
        exec_id=exec_id,
        exec_type=ExecType.ORDER_STATUS,
        order=order,
        cl_ord_id=order.cl_ord_id,
        transact_time=command.at,
        text=order.text,
        echo=command.echo,
    )


def _report(position: int, event: e.Event, order: Order, exec_type: ExecType, text: str = "") -> ExecutionReport:
    """What most reports are; the others replace a field or two."""
    return ExecutionReport(order.session, position, exec_type, order, order.cl_ord_id, event.at, text=text)


def _plain(exec_type: ExecType) -> Callable[[int, Any, Order | None, Order], ExecutionReport]:
    return lambda position, event, _before, after: _report(
        position, event, after, exec_type, getattr(event, "text", "")
    )


def _pending_new(position: int, event: e.OrderReceived, _before: Order | None, after: Order) -> ExecutionReport | None:
    return _report(position, event, after, ExecType.PENDING_NEW) if event.report_pending_new else None


def _accepted(position: int, event: e.LegAccepted, before: Order, after: Order) -> ExecutionReport | None:
    """Only the first leg's acceptance is the order's; a later leg's shows as Replaced."""
    return None if before.acknowledged else _report(position, event, after, ExecType.NEW)


def _rejected(position: int, event: e.OrderRejected, _before: Order, after: Order) -> ExecutionReport:
    return _report(position, event, after, ExecType.REJECTED, event.text)._replace(ord_rej_reason=event.reason)


def _unknown(position: int, event: e.OutcomeUnknown, _before: Order, after: Order) -> ExecutionReport:
    """Said as what it is: the status does not change, Text(58) tells that the outcome is open."""
    return _report(position, event, after, ExecType.ORDER_STATUS, f"outcome unknown: {event.text}")


def _filled(position: int, event: e.OrderFilled, _before: Order, after: Order) -> ExecutionReport:
    at = event.transact_time or event.at
    return ExecutionReport(after.session, position, ExecType.TRADE, after, after.cl_ord_id, at, fill=event)


def _revised(exec_type: ExecType) -> Callable[[int, Any, Order, Order], ExecutionReport]:
    """A correction tells the execution's figures as they are now; of a bust nothing is left, so they are zero."""
    bust = exec_type is ExecType.TRADE_CANCEL

    def make(position: int, event: Any, _before: Order, after: Order) -> ExecutionReport:
        return _report(position, event, after, exec_type, event.text)._replace(
            exec_ref_id=event.exec_ref,
            last_qty=ZERO if bust else event.last_qty,
            last_px=ZERO if bust else event.last_px,
        )

    return make


def _requested(exec_type: ExecType) -> Callable[[int, Any, Order, Order], ExecutionReport]:
    """OrigClOrdID(41) is the last accepted id, also where the request named another (FIX 4.4, matrices D.2)."""

    def make(position: int, event: Any, before: Order, after: Order) -> ExecutionReport:
        return _report(position, event, after, exec_type)._replace(
            cl_ord_id=event.cl_ord_id, orig_cl_ord_id=before.cl_ord_id
        )

    return make


def _canceled(position: int, event: e.OrderCanceled, before: Order, after: Order) -> ExecutionReport:
    report = _report(position, event, after, ExecType.CANCELED, event.text)
    return report._replace(cl_ord_id=event.cl_ord_id, orig_cl_ord_id=before.cl_ord_id) if event.cl_ord_id else report


def _restated(position: int, event: e.OrderRestated, _before: Order, after: Order) -> ExecutionReport:
    return _report(position, event, after, ExecType.RESTATED, event.text)._replace(restatement_reason=event.reason)


def _request_rejected(position: int, event: e.RequestRejected, _before: Order, after: Order) -> CancelReject:
    return CancelReject(
        session=after.session,
        exec_id=position,
        order=after,
        ord_status=after.ord_status,
        kind=event.kind,
        cl_ord_id=event.cl_ord_id,
        orig_cl_ord_id=after.cl_ord_id,
        cxl_rej_reason=event.reason,
        transact_time=event.at,
        text=event.text,
    )


def _request_refused(
    position: int, event: e.RequestRefused, _before: Order | None, after: Order | None
) -> CancelReject:
    return CancelReject(
        session=event.session,
        exec_id=position,
        order=after,
        ord_status=after.ord_status if after is not None else OrdStatus.REJECTED,
        kind=event.kind,
        cl_ord_id=event.cl_ord_id,
        orig_cl_ord_id=after.cl_ord_id if after is not None else event.orig_cl_ord_id,
        cxl_rej_reason=event.reason,
        transact_time=event.at,
        text=event.text,
    )


def _new_order_refused(
    position: int, event: e.NewOrderRefused, _before: Order | None, after: Order | None
) -> ExecutionReport:
    """Where the id is taken, a refusal of the second order with the status of the first (FIX 4.4, matrix F.1.a).

    A client that books by ClOrdID(11) must not take the first for rejected.
    """
    return ExecutionReport(
        session=event.session,
        exec_id=position,
        exec_type=ExecType.REJECTED,
        order=after,
        cl_ord_id=event.cl_ord_id,
        transact_time=event.at,
        ord_rej_reason=event.reason,
        text=event.text,
        refused=event,
    )


_REPORT: dict[type[e.Event], Callable[[int, Any, Any, Any], Report | None]] = {
    e.OrderReceived: _pending_new,
    e.OrderRejected: _rejected,
    e.LegAccepted: _accepted,
    e.OutcomeUnknown: _unknown,
    e.OrderFilled: _filled,
    e.TradeCanceled: _revised(ExecType.TRADE_CANCEL),
    e.TradeCorrected: _revised(ExecType.TRADE_CORRECT),
    e.CancelRequested: _requested(ExecType.PENDING_CANCEL),
    e.ReplaceRequested: _requested(ExecType.PENDING_REPLACE),
    e.RequestRejected: _request_rejected,
    e.OrderReplaced: _requested(ExecType.REPLACED),
    e.OrderCanceled: _canceled,
    e.OrderExpired: _plain(ExecType.EXPIRED),
    e.OrderRestated: _restated,
    e.OrderDoneForDay: _plain(ExecType.DONE_FOR_DAY),
    e.NewOrderRefused: _new_order_refused,
    e.RequestRefused: _request_refused,
    e.MassCancelRequested: mass_cancel_report,
    e.MassCancelRefused: mass_cancel_refusal,
}
