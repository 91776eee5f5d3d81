"""What is sealed: tables whose rows are written once, each in the order of its key, and the digest of a row."""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Table, select

from gateway.store import tables as t
from gateway.store import tables_retention as r

ROWS_AT_ONCE = 2000
BEFORE_ALL = -(1 << 62)
"""Below every key."""
NOTHING = bytes(32)
"""The hash of a stream without records."""

_ENCODER = msgspec.json.Encoder(decimal_format="string")
_KEY = struct.Struct(">q")
_sha256 = hashlib.sha256


class Stream(NamedTuple):
    """A table, the column that orders it, and what of it is final when it is written."""

    table: Table
    key: str
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """The table's."""
        return self.table.name


def _stream(table: Table, key: str, without: Sequence[str] = ()) -> Stream:
    return Stream(table, key, tuple(column.name for column in table.columns if column.name not in (key, *without)))


STREAMS = {
    stream.name: stream
    for stream in (
        _stream(t.journal, "position"),
        _stream(t.messages, "id"),
        _stream(t.reports, "report_id"),
        _stream(t.executions, "position"),
        _stream(t.decisions, "position"),
        _stream(t.intents, "intent_id"),
        _stream(t.venue_calls, "id"),
        _stream(t.limits, "limit_id"),
        _stream(t.admin_actions, "action_id", without=["outcome"]),
        _stream(t.breaks, "break_id", without=["resolution", "resolved_at"]),
        _stream(t.alerts, "id"),
        _stream(t.clock_readings, "id"),
        _stream(t.state_changes, "id"),
        _stream(r.holds, "number"),
        _stream(r.archives, "number"),
        _stream(t.balances, "id"),
        _stream(t.symbols, "id"),
        _stream(t.instruments, "id"),
    )
}
"""By name. Orders and positions change as they go on; they follow from the journal (compliance/derive)."""


class Sealed(NamedTuple):
    """A record: its key, when it was, and the SHA-256 of all it says."""

    key: int
    at: int
    digest: bytes


def records(
    connection: Connection, stream: Stream, columns: Sequence[str], after: int, until: int | None = None
) -> Iterator[Sealed]:
    """Those with keys above `after`, up to and including `until`, in the order of their keys. columns: what counts."""
    for key, at, content in contents(connection, stream, columns, after, until):
        yield Sealed(key, at, _sha256(content).digest())


def contents(
    connection: Connection, stream: Stream, columns: Sequence[str], after: int, until: int | None = None
) -> Iterator[tuple[int, int, bytes]]:
    """Likewise: key, time, and the JSON that the digest is of."""
    table = stream.table
    key = table.c[stream.key]
    query = select(key, table.c.at, *(table.c[name] for name in columns)).where(key > after).order_by(key)
    if until is not None:
        query = query.where(key <= until)
    for row in connection.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        yield row[0], row[1], _ENCODER.encode(row[2:])


class Chain:
    """The hash over all records of a stream so far: each changes all that come after it."""

    def __init__(self, before: bytes) -> None:
        self.hash = before

    def add(self, record: Sealed) -> None:
        """The next one."""
        self.hash = _sha256(self.hash + _KEY.pack(record.key) + record.digest).digest()
