"""Stored rows that stand beside journal positions, read once and in order."""

from collections.abc import Collection, Iterator
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from gateway.compliance.derive.difference import Difference, Found
from gateway.compliance.derive.window import Window
from gateway.store.columns import ExactDecimal

ROWS_AT_ONCE = 2000


def stream(connection: Connection, table: Table, key: str, first: int, last: int) -> Iterator[Row[Any]]:
    """The table's rows with keys from first to last, in their order, a few at a time."""
    column = table.c[key]
    query = select(table).where(column.between(first, last)).order_by(column)
    yield from connection.execute(query.execution_options(yield_per=ROWS_AT_ONCE))


def as_read(table: Table, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row to be written, as reading it gives it: exact decimals are text before."""
    values = list(row)
    for index in _decimal_places(table):
        if values[index] is not None:
            values[index] = Decimal(values[index])
    return tuple(values)


@cache
def _decimal_places(table: Table) -> list[int]:
    return [index for index, column in enumerate(table.columns) if isinstance(column.type, ExactDecimal)]


class Beside:
    """The rows of a table that is keyed by journal position, asked for in rising order."""

    def __init__(
        self,
        connection: Connection,
        table: Table,
        first: int,
        last: int,
        window: Window,
        found: Found,
        left_out: Collection[str] = (),
    ) -> None:
        """left_out: orders whose rows are passed over."""
        self._name = table.name
        rows = stream(connection, table, "position", first, last)
        self._rows = (row for row in rows if row.order_id not in left_out)
        self._head = next(self._rows, None)
        self._window = window
        self._found = found

    def at(self, position: int) -> Row[Any] | None:
        """The row of this position, if there is one. Rows that nobody asked for are differences."""
        self._pass_over(position)
        if self._head is None or self._head.position != position:
            return None
        row, self._head = self._head, next(self._rows, None)
        return row

    def finish(self) -> None:
        """Nothing more is asked for."""
        self._pass_over(None)

    def _pass_over(self, position: int | None) -> None:
        while self._head is not None and (position is None or self._head.position < position):
            if self._window.holds(self._head.at):
                text = "stored, and nothing in the journal makes it"
                self._found(Difference(self._name, f"position {self._head.position}", text))
            self._head = next(self._rows, None)
