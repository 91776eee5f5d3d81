"""Rows of a span by their numbers, a page a transaction: a long one would keep SQLite's log from being reused."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from gateway.compliance.derive.window import Window, rows_of

_ROWS_AT_ONCE = 2000


def by_number(connection: Connection, table: Table, window: Window) -> Iterator[Row[Any]]:
    """The rows of a table that is numbered by journal positions, those whose time is in the window."""
    number, at = table.c.position, table.c.at
    low, last = rows_of(connection, number, at, window)
    while low <= last:
        query = select(table).where(number.between(low, last), at >= window.since, at < window.until)
        rows = connection.execute(query.order_by(number).limit(_ROWS_AT_ONCE)).all()
        connection.rollback()
        yield from rows
        if len(rows) < _ROWS_AT_ONCE:
            return
        low = rows[-1].position + 1
