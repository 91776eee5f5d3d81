"""Order events as log lines: one line an event, with its ids, the order's state after it, and the event itself.

Written once a batch, after the commit. The log is for people; what is true is the journal, whose payload each line ends
with (it is encoded already, so a line costs next to nothing).
"""

from collections.abc import Iterable
from typing import NamedTuple

from gateway.domain.events import Event
from gateway.domain.order import Order


class LoggedEvent(NamedTuple):
    """An event as it was committed. payload: its JSON in the journal."""

    position: int
    event: Event
    order: Order | None
    payload: str


def event_lines(events: Iterable[LoggedEvent]) -> str:
    """`OrderFilled exec_id=12 order_id=O7 session=... status=FILLED cum_qty=2 leaves_qty=0 {...}` for each event."""
    return "\n".join([_line(*logged) for logged in events])


def _line(position: int, event: Event, order: Order | None, payload: str) -> str:
    head = f"{type(event).__name__} exec_id={position}"
    if order is None:
        return f"{head} {payload}"
    return (
        f"{head} order_id={order.order_id} session={order.session} cl_ord_id={order.cl_ord_id} "
        f"status={order.ord_status.name} cum_qty={order.cum_qty} leaves_qty={order.leaves_qty} {payload}"
    )
