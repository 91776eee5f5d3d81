"""The database that an import writes: the tables of a gateway, so that the same tools read it, and what was wrong.

It is stamped with an environment that no configuration can name, so that no gateway ever runs on it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Column, Engine, Integer, MetaData, Table, Text

from gateway.compliance.logs.read_logs import LogFile
from gateway.compliance.search import TIME_DISORDER
from gateway.store.batch import Batch
from gateway.store.new_file import new_file
from gateway.store.rows import MessageRow, SessionRow, storable
from gateway.store.tables import meta
from gateway.store.writer import BatchWriter

IMPORTED = "imported"
"""The environment of an imported database."""

_ROWS_AT_ONCE = 5000

_metadata = MetaData()

import_files = Table(
    "import_files",
    _metadata,
    Column("file", Text, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("messages", BigInteger, nullable=False),
)

# What was wrong with messages and their numbers. offset: of the message's first byte in its file.
import_faults = Table(
    "import_faults",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("file", Text),
    Column("offset", BigInteger),
    Column("session", Text),
    Column("direction", Text),
    Column("epoch", Integer),
    Column("msg_seq_num", BigInteger),
)


class ImportedDatabase:
    """A database that is being filled."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        _metadata.create_all(self._engine)
        self._writer = BatchWriter(self._engine)
        self._batch = Batch()
        self._faults: list[dict[str, Any]] = []

    def add_message(self, row: MessageRow) -> None:
        """Written by and by."""
        self._batch.messages.append(row)
        if len(self._batch.messages) >= _ROWS_AT_ONCE:
            self._flush()

    def add_fault(self, **columns: Any) -> None:
        """As add_message; columns of import_faults."""
        self._faults.append({"file": None, "offset": None, **columns})
        if len(self._faults) >= _ROWS_AT_ONCE:
            self._flush()

    def finish(self, sessions: list[SessionRow], files: list[LogFile], disorder: int) -> None:
        """Everything is read."""
        self._batch.sessions = {row.session: row for row in sessions}
        self._flush()
        with self._engine.begin() as connection:
            connection.execute(meta.insert().values(key=TIME_DISORDER, value=str(disorder)))
            for file in files:
                values = {"bytes": file.size, "sha256": file.sha256.hexdigest(), "messages": file.messages}
                connection.execute(import_files.insert().values(file=storable(str(file.path)), **values))

    def close(self) -> None:
        """Whether finished or not."""
        self._writer.close()

    def _flush(self) -> None:
        if self._batch.messages or self._batch.sessions:
            self._writer.commit(self._batch)
            self._batch.clear()
        if self._faults:
            with self._engine.begin() as connection:
                connection.execute(import_faults.insert(), self._faults)
            self._faults.clear()


@contextmanager
def new_imported_database(path: Path) -> Iterator[ImportedDatabase]:
    """The file appears when all is in it. Raises ConfigError when it is there already."""
    with new_file(path, IMPORTED) as engine:
        database = ImportedDatabase(engine)
        try:
            yield database
        finally:
            database.close()
