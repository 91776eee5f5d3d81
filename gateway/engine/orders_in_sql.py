"""The open orders as SQL has them, read by another process than the engine."""

from gateway.domain.book import Book
from gateway.engine.emergency import OpenOrder, open_orders
from gateway.engine.lease import SHARD
from gateway.store import readers
from gateway.store.database import open_for_reading
from gateway.store.dialects import make_engine, parse_url
from gateway.store.leases import read_lease


def load_driver(url: str) -> None:
    """Have all in memory that the functions below take: they are called when the disk may be gone.

    Raises ConfigError where the URL, or the driver, is none that can be used.
    """
    make_engine(parse_url(url), read_only=True).dispose()


def orders_in_sql(url: str) -> tuple[OpenOrder, ...]:
    """All that may work at a venue, committed intents that may have left included.

    The engine must be dead. Raises what SQL raises, and ConfigError where there is no such database.
    """
    book = Book()
    database = open_for_reading(url)
    try:
        with database.connect() as connection:
            for position, event in readers.load_open_events(connection):
                book.fold(position, event)
    finally:
        database.dispose()
    return open_orders(book, ())


def is_anothers(url: str, fencing_number: int) -> bool:
    """Whether another engine than the one with this number has taken over since. Raises as orders_in_sql does."""
    if not fencing_number:
        return False  # without leases a file's lock keeps others out
    database = open_for_reading(url)
    try:
        with database.connect() as connection:
            lease = read_lease(connection, SHARD)
    finally:
        database.dispose()
    return lease is None or lease.fencing_number != fencing_number
