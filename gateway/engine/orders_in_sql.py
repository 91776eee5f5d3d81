"""The open orders as SQL has them, read by another process than the engine."""

from typing import NamedTuple

from gateway.domain.book import Book
from gateway.engine.emergency import OpenOrder, open_orders
from gateway.engine.lease import SHARD
from gateway.store import readers
from gateway.store.database import open_for_reading
from gateway.store.dialects import make_engine, parse_url
from gateway.store.leases import read_lease
from gateway.store.owners import owners_in


def load_driver(url: str) -> None:
    """Have all in memory that the functions below take: they are called when the disk may be gone.

    Raises ConfigError where the URL, or the driver, is none that can be used.
    """
    make_engine(parse_url(url), read_only=True).dispose()


class InSql(NamedTuple):
    """owners: the exchange's own id of each venue account."""

    orders: tuple[OpenOrder, ...]
    owners: dict[str, str]


def orders_in_sql(url: str) -> InSql:
    """All that may work at a venue, committed intents that may have left included, and whose accounts they are in.

    The engine must be dead. Raises what SQL raises, and ConfigError where there is no such database.
    """
    book = Book()
    database = open_for_reading(url)
    try:
        with database.connect() as connection:
            for position, event in readers.load_open_events(connection):
                book.fold(position, event)
        owners = owners_in(database)
    finally:
        database.dispose()
    return InSql(open_orders(book, ()), owners)


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
