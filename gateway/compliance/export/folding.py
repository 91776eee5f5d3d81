"""Orders folded from the journal, for an export."""

from gateway.domain.events import Event
from gateway.domain.order import Order
from gateway.domain.transitions import evolve
from gateway.errors import JournalUnreadable


def after(order: Order | None, event: Event, position: int) -> Order:
    """The order after the event at this journal position. Raises JournalUnreadable where it cannot have happened."""
    try:
        return evolve(order, event)
    except Exception as error:
        raise JournalUnreadable(
            f"journal position {position} does not follow from what is before: {error}; fixgw replay derive names all"
        ) from error
