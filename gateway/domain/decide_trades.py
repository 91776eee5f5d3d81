"""Executions that the venue takes back or corrects after it reported them."""

from gateway.domain import events as e
from gateway.domain import venue_reports as v
from gateway.domain.book import Execution
from gateway.domain.changes import Changes
from gateway.domain.order import Order


def decide_bust(order: Order, execution: Execution, report: v.VenueTradeBusted, at: int) -> Changes:
    """A trade is void: what it executed is taken out again."""
    changes = Changes(order)
    changes.emit(
        e.TradeCanceled(
            order_id=order.order_id,
            at=at,
            exec_ref=execution.position,
            last_qty=execution.last_qty,
            last_px=execution.last_px,
            text=report.text,
        )
    )
    return changes


def decide_correction(order: Order, execution: Execution, report: v.VenueTradeCorrected, at: int) -> Changes:
    """A trade has other figures than were reported."""
    changes = Changes(order)
    if (report.last_qty, report.last_px) != (execution.last_qty, execution.last_px):
        changes.emit(
            e.TradeCorrected(
                order_id=order.order_id,
                at=at,
                exec_ref=execution.position,
                old_qty=execution.last_qty,
                old_px=execution.last_px,
                last_qty=report.last_qty,
                last_px=report.last_px,
                text=report.text,
            )
        )
    return changes
