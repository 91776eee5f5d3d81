"""Requests about many orders at once: which orders they mean, and what is told of those."""

from collections.abc import Iterable, Sequence

from gateway.domain.commands import RequestMassStatus
from gateway.domain.mass_reports import OfMassStatus
from gateway.domain.order import Order
from gateway.domain.reports import ExecutionReport
from gateway.domain.selection import Selection
from gateway.domain.session_profile import SessionProfile
from gateway.domain.values import ExecType, OrdRejReason


def select(orders: Iterable[Order], wanted: Selection, profile: SessionProfile) -> list[Order]:
    """The open ones of these orders that the session means and may touch, oldest first.

    Those are its own, whatever account they trade for. Where it names an account that it may cancel as a whole, those
    of other sessions for that account too.
    """
    whole_account = wanted.account in profile.cancel_accounts
    found = [
        order
        for order in orders
        if order.is_open
        and (order.session == profile.key or (whole_account and order.account == wanted.account))
        and wanted.account in ("", order.account)
        and wanted.symbol in ("", order.symbol)
        and wanted.side in (None, order.side)
    ]
    return sorted(found, key=lambda order: (order.received_at, len(order.order_id), order.order_id))


def mass_status_reports(command: RequestMassStatus, orders: Sequence[Order]) -> list[ExecutionReport]:
    """The answer to an OrderMassStatusRequest(AF): a report an order, or a single one that says why there is none."""
    if not orders or command.refusal:
        return [
            ExecutionReport(
                session=command.session,
                exec_id=0,
                exec_type=ExecType.ORDER_STATUS,
                order=None,
                cl_ord_id="",
                transact_time=command.at,
                ord_rej_reason=OrdRejReason.OTHER if command.refusal else OrdRejReason.UNKNOWN_ORDER,
                text=command.refusal or f"no open orders: {command.wanted.text}",
                refused=command,
                of_mass_status=OfMassStatus(command.request_id, 0, is_last=True),
            )
        ]
    return [
        ExecutionReport(
            session=command.session,
            exec_id=0,
            exec_type=ExecType.ORDER_STATUS,
            order=order,
            cl_ord_id=order.cl_ord_id,
            transact_time=command.at,
            text=order.text,
            of_mass_status=OfMassStatus(command.request_id, len(orders), is_last=number == len(orders)),
        )
        for number, order in enumerate(orders, 1)
    ]
