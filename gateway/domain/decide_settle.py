"""What has to be asked of a venue about an order after the gateway or the connection was away."""

from gateway.domain import events as e
from gateway.domain.advance import advance
from gateway.domain.changes import Changes
from gateway.domain.instruments import Capabilities
from gateway.domain.order import LegState, Order, Phase, RequestKind
from gateway.domain.venue_reports import Operation

_RESTART = "the gateway restarted before the venue answered"
_SENT = (Phase.CANCELING, Phase.DOUBTFUL, Phase.REFUSED)


def decide_settle(order: Order, at: int, *, restarted: bool) -> Changes:
    """Settle the working leg, if there is one.

    restarted: nobody is left who waits for the answers to what was sent, so those outcomes are unknown. Without it
    the adapter still reports on each request itself, and only what happened meanwhile is asked for.
    """
    changes = Changes(order)
    leg = order.leg
    if leg is None or leg.state is LegState.CLOSED:
        return changes
    if restarted:
        phases = {r.phase for r in order.requests}
        for operation, unknown in (
            (Operation.PLACE, leg.state is LegState.PENDING),
            (Operation.CANCEL, Phase.CANCELING in phases),
            (Operation.AMEND, Phase.AMENDING in phases),
        ):
            if unknown:
                changes.emit(
                    e.OutcomeUnknown(order_id=order.order_id, at=at, leg=leg.number, operation=operation, text=_RESTART)
                )
    changes.emit(e.SettlementRequested(order_id=order.order_id, at=at, leg=leg.number))
    return changes


def decide_cancel_again(order: Order, at: int, capabilities: Capabilities) -> Changes:
    """After a start: a cancel that was on its way may never have left, and the settlement that would tell waits until
    the account's events can be heard. Twice does no harm.
    """
    changes = Changes(order)
    leg = order.leg
    if leg is None or not leg.is_working:
        return changes
    for request in order.requests:
        if request.kind is not RequestKind.REPLACE and request.phase in _SENT:
            changes.emit(e.CancelRetried(order_id=order.order_id, at=at, cl_ord_id=request.cl_ord_id))
    if changes.steps:
        advance(changes, capabilities, at)
    return changes
