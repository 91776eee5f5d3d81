"""Group commit with fail-stop: a batch is in SQL as a whole, or the engine ends."""

from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from threading import get_ident

from sqlalchemy import Engine

from gateway.errors import JournalHalted, LeaseLost
from gateway.store import tables
from gateway.store.batch import Batch
from gateway.store.dialects import (
    COPIED_FROM,
    begin_statement,
    copy_statement,
    insert_statement,
    rows_per_statement,
    together,
)
from gateway.store.leases import GUARD, Fence

_UPSERTED = (
    tables.orders,
    tables.sessions,
    tables.breaks,
    tables.admin_actions,
    tables.halts,
    tables.positions,
    tables.meta,
)


class BatchWriter:
    """Writes batches over one connection that it keeps. Only the thread of the first commit may use it.

    It goes around SQLAlchemy's execution, straight to the driver, with statements prepared once: this is the hot path.
    """

    def __init__(self, engine: Engine, fence: Fence | None = None) -> None:
        """fence: what each commit asserts, where a lease decides who may write."""
        dialect = engine.dialect.name
        self._fence = fence
        self._engine = engine
        self._begin = begin_statement(dialect)
        self._inserts = {
            table.name: [
                (rows, insert_statement(dialect, table, rows=rows, upsert=table in _UPSERTED))
                for rows in rows_per_statement(dialect)
            ]
            for table in tables.metadata.sorted_tables
        }
        self._copies = {
            table.name: statement
            for table in tables.metadata.sorted_tables
            if table not in _UPSERTED and table.name in Batch.__slots__
            if (statement := copy_statement(dialect, table)) is not None
        }
        self._copied: set[str] = set()
        self._raw = engine.raw_connection()
        self._cursor = self._raw.cursor()
        self._guard = self._raw.cursor()
        self._thread: int | None = None
        self.halted = False

    def commit(self, batch: Batch) -> None:
        """Write the whole batch in one transaction and return once it is durable. An empty batch costs nothing.

        Raises JournalHalted when anything fails, and ever after: the COMMIT may have succeeded, so the batch must not
        be written again. What is true is read by a fresh start. Raises LeaseLost, and has written nothing, when another
        engine has taken over.
        """
        if self.halted:
            raise JournalHalted("an earlier commit failed; the engine has to start afresh")
        if self._thread is None:
            self._thread = get_ident()
        elif self._thread != get_ident():
            raise RuntimeError("a BatchWriter belongs to one thread")
        if batch.is_empty:
            return
        self.halted = True  # until the commit has returned: also true when a signal interrupts us
        try:
            self._copy(batch)
            with together(self._raw.driver_connection):
                self._write(batch)
                if self._fence is not None:
                    self._guard.execute(GUARD, self._fence)
            if self._fence is not None and self._guard.rowcount != 1:
                raise LeaseLost("another engine has taken over the lease")  # noqa: TRY301 -- all is undone below
            self._raw.commit()
        except LeaseLost:
            self._abandon()
            raise
        except Exception as error:
            self._abandon()
            raise JournalHalted(f"SQL was not written: {error}") from error
        self.halted = False

    def close(self) -> None:
        """Give the connection back."""
        with suppress(Exception):  # the connection may be what broke
            self._cursor.close()  # SQLite keeps a file open while a statement is
            self._guard.close()
        with suppress(Exception):
            self._raw.close()

    def _copy(self, batch: Batch) -> None:
        """Write what is many, where that has a way of its own; _write leaves it out."""
        self._copied.clear()
        for table, statement in self._copies.items():
            rows = getattr(batch, table)
            if len(rows) >= COPIED_FROM:
                with self._raw.cursor().copy(statement) as copy:
                    for row in rows:
                        copy.write_row(row)
                self._copied.add(table)

    def _write(self, batch: Batch) -> None:
        if self._begin is not None:
            self._cursor.execute(self._begin)
        self._insert_rows("journal", batch.journal)
        self._insert_rows("orders", batch.orders.values())
        self._insert_rows("executions", batch.executions)
        self._insert_rows("sessions", batch.sessions.values())
        self._insert_rows("messages", batch.messages)
        self._insert_rows("reports", batch.reports)
        self._insert_rows("intents", batch.intents)
        self._insert_rows("decisions", batch.decisions)
        self._insert_rows("venue_calls", batch.venue_calls)
        self._insert_rows("alerts", batch.alerts)
        self._insert_rows("clock_readings", batch.clock_readings)
        self._insert_rows("state_changes", batch.state_changes)
        self._insert_rows("breaks", batch.breaks.values())
        self._insert_rows("admin_actions", batch.admin_actions.values())
        self._insert_rows("limits", batch.limits)
        self._insert_rows("positions", batch.positions.values())
        self._insert_rows("halts", batch.halts.values())
        self._insert_rows("meta", batch.meta.values())
        self._insert_rows("balances", batch.balances)
        self._insert_rows("symbols", batch.symbols)
        self._insert_rows("instruments", batch.instruments)

    def _insert_rows(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        left = list(rows)
        if not left or table in self._copied:
            return
        *larger, (_, single) = self._inserts[table]
        for size, statement in larger:
            while len(left) >= size:
                self._cursor.execute(statement, list(chain.from_iterable(left[:size])))
                del left[:size]
        if left:
            self._cursor.executemany(single, left)

    def _abandon(self) -> None:
        """Undo what is not committed, so that nobody waits for our lock; the driver may be past answering."""
        with suppress(Exception):
            self._raw.rollback()
        with suppress(Exception):
            self._raw.invalidate()
