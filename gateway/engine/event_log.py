"""Order events as log lines: one line an event, with its ids and time. Written once a batch, after the commit.

The log is for people; what is true is the journal.
"""

from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal

from gateway.domain.events import Event
from gateway.domain.order import Order

_SKIPPED = frozenset({"order_id", "at", "echo"})
_FIELDS: dict[type[Event], tuple[str, ...]] = {}


def event_lines(events: Iterable[tuple[int, Event, Order | None]]) -> list[str]:
    """`OrderFilled exec_id=12 order_id=O7 cl_ord_id=a1 ... status=FILLED` for each event."""
    return [_line(position, event, order) for position, event, order in events]


def _line(position: int, event: Event, order: Order | None) -> str:
    kind = type(event)
    names = _FIELDS.get(kind)
    if names is None:
        names = _FIELDS[kind] = tuple(f.name for f in fields(kind) if f.name not in _SKIPPED)
    parts = [kind.__name__, f"exec_id={position}"]
    if order is not None:
        parts.append(f"order_id={order.order_id} session={order.session}")
        if "cl_ord_id" not in names:
            parts.append(f"cl_ord_id={order.cl_ord_id}")
    for name in names:
        value = getattr(event, name)
        if value is not None and value != "" and name != "session":
            parts.append(f"{name}={_shown(value)}")
    if order is not None:
        parts.append(f"status={order.ord_status.name} cum_qty={order.cum_qty:f} leaves_qty={order.leaves_qty:f}")
    return " ".join(parts)


def _shown(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    text = str(value)
    return f'"{text}"' if " " in text else text
