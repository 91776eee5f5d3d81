"""Where a bench records its orders."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def new_database(store: str) -> Iterator[str | None]:
    """A PostgreSQL server of our own, over a Unix socket and durable; None stands for an SQLite file."""
    if store == "sqlite":
        yield None
        return
    from tests.fixtures.databases import running_server

    with running_server(durable=True) as server:
        yield server.url
