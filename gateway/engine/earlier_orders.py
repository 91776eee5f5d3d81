"""Orders of earlier trading days, whose ClOrdIDs are free again, and messages that were refused: looked for when a
client repeats what it sent then.
"""

from sqlalchemy import Engine as Database

from gateway.domain.book import Book
from gateway.domain.order import Order
from gateway.engine.clock import NANOSECONDS
from gateway.store import readers
from gateway.store.dialects import one_moment

CLOCKS_DIFFER = 3_600 * NANOSECONDS
"""So much earlier than a client says that it made an order we may have received it, by our clock."""


def was_refused(database: Database, session: str, cl_ord_id: str, msg_type: str, since: int) -> bool:
    """Whether such a message, which the book does not know, came under this ClOrdID(11) since it was made."""
    with one_moment(database) as connection:
        return readers.was_refused(connection, session, cl_ord_id, msg_type, since - CLOCKS_DIFFER)


def earlier_order(database: Database, session: str, cl_ord_id: str, made_at: int, day_start: int) -> Order | None:
    """The order that was received from the session under this ClOrdID(11) since it was made, before this day.

    Raises LookupError where its journal is archived, or messages of that time are, without which it is not found: the
    message is then refused, and nothing is ordered.
    """
    since = made_at - CLOCKS_DIFFER
    with one_moment(database) as connection:
        order_id = readers.received_order(connection, session, cl_ord_id, since, day_start)
        if order_id is None:
            if readers.messages_are_archived(connection, since):
                raise LookupError(
                    f"{cl_ord_id} repeats what was sent on a day whose messages are archived: nobody can tell here "
                    "whether it was received"
                )
            return None
        book = Book()
        for position, event in readers.load_order_events(connection, order_id):
            book.fold(position, event)
    if order_id not in book.orders:
        raise LookupError(
            f"{cl_ord_id} repeats {order_id}, whose journal is archived, so it cannot be told how it stands"
        )
    return book.orders[order_id]
