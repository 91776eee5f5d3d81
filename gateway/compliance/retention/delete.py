"""Deleting, in short transactions with pauses between them, so that the engine never waits for long.

Each looks whether a hold was added or released since it was chosen what goes, and nobody can add one meanwhile.
"""

import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine, delete, func, select

from gateway.compliance.audit.streams import STREAMS
from gateway.compliance.retention.holds import last_number
from gateway.compliance.retention.ledger import Gone
from gateway.errors import ConfigError
from gateway.store.dialects import keep_out_writers
from gateway.store.tables import digests
from gateway.store.tables_retention import holds

AT_ONCE = 500
"""Records in a transaction: some milliseconds."""

_LEAST_PAUSE_S = 0.002


class Deleting:
    """step: see run.py."""

    def __init__(self, database: Engine, reading: Engine, hold_number: int, step: Callable[[str], None]) -> None:
        """hold_number: the newest row of `holds` when it was chosen what goes."""
        self._database, self._reading = database, reading
        self._hold_number = hold_number
        self._step = step

    def write(self, change: Callable[[Connection], object]) -> None:
        """One transaction. Raises ConfigError, and has changed nothing, where holds have changed."""
        started = time.monotonic()
        with self._database.begin() as connection:
            keep_out_writers(connection, holds)
            if last_number(connection) != self._hold_number:
                raise ConfigError("a hold was added or released meanwhile, so it stopped here: run it again")
            change(connection)
        time.sleep(max(_LEAST_PAUSE_S, time.monotonic() - started))  # the engine's turn, for as long as we took

    def records(self, name: str, gone: Gone, kept: frozenset[int]) -> int:
        """Delete the table's records of the day but for those kept. Returns how many went."""
        stream = STREAMS[name]
        key = stream.table.c[stream.key]
        after, count = gone.after, 0
        while True:
            with self._reading.connect() as connection:
                query = select(key).where(key > after, key <= gone.last).order_by(key).limit(AT_ONCE)
                keys = list(connection.execute(query).scalars())
            if not keys:
                return count
            if goes := [one for one in keys if one not in kept]:
                self.write(lambda connection, goes=goes: connection.execute(delete(stream.table).where(key.in_(goes))))  # type: ignore[misc]  # mypy infers no lambda with a default
                count += len(goes)
                self._step("some")
            after = keys[-1]

    def digests(self, connection: Connection, name: str, gone: Gone) -> None:
        """What named a changed record among those that went; the newest block stays, for sealing goes on from it."""
        of_stream = digests.c.stream == name
        newest = connection.execute(select(func.max(digests.c.last_key)).where(of_stream)).scalar()
        connection.execute(
            delete(digests).where(
                of_stream,
                digests.c.last_key > gone.after,
                digests.c.last_key <= gone.last,
                digests.c.last_key != newest,
            )
        )
