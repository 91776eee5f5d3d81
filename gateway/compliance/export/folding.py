"""Orders folded from the journal, for an export."""

from typing import Any

from sqlalchemy import Connection, Row, select

from gateway.domain.events import Event
from gateway.domain.order import Order
from gateway.domain.transitions import evolve
from gateway.errors import JournalUnreadable
from gateway.store.codec import decode_event
from gateway.store.tables import journal


def event_of(row: Row[Any]) -> Event:
    """The event of a row of the journal. Raises JournalUnreadable."""
    try:
        return decode_event(row.event_type, row.payload)
    except Exception as error:  # whatever stands there instead of what was written
        raise JournalUnreadable(f"journal position {row.position} cannot be read: {error}") from error


def after(order: Order | None, event: Event, position: int) -> Order:
    """The order after the event at this journal position. Raises JournalUnreadable where it cannot have happened."""
    try:
        return evolve(order, event)
    except Exception as error:
        raise JournalUnreadable(
            f"journal position {position} does not follow from what is before: {error}; fixgw replay derive names all"
        ) from error


def order_before(connection: Connection, order_id: str, position: int) -> Order | None:
    """As the events before this journal position left it; None where there are none. Raises JournalUnreadable."""
    query = select(journal).where(journal.c.order_id == order_id, journal.c.position < position)
    order: Order | None = None
    for row in connection.execute(query.order_by(journal.c.position)).all():
        order = after(order, event_of(row), row.position)
    return order
