"""Sealing: what was recorded since the last seal is read, hashed and signed, beside the engine and never in its way.

Reading waits for nobody; the seal itself is one short transaction. Until then a record can be changed by whoever can
write the database without this showing; afterwards not without the key.
"""

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, insert, select

from gateway.compliance.audit.keys import SealingKey
from gateway.compliance.audit.seals import Reached, Seal, append_copy, content_of, last_seal
from gateway.compliance.audit.streams import STREAMS, Chain, Stream, records
from gateway.store.dialects import one_moment
from gateway.store.tables import digests, meta, seals

DAY = 86_400 * 1_000_000_000
BLOCK = 1024
"""Records whose digests are kept in one row."""
_MOST = 200 * BLOCK  # records of a stream in one seal, so that a first one does not hold them all
LOCATOR = struct.Struct(">q8s")
"""A record's key and the beginning of its digest: to name what was changed; the chain is what proves."""

WireHead = Callable[[], Mapping[str, object] | None]
"""How far the wire log goes."""


class _Block(NamedTuple):
    """A row of `digests`. total and hash: of the stream up to here, for the next seal to go on from."""

    stream: str
    last_key: int
    total: int
    hash: bytes
    locators: bytes


class _Taken(NamedTuple):
    """What a seal will say. more: of this day."""

    streams: dict[str, Reached]
    blocks: list[_Block]
    more: bool


def seal_all(
    database: Engine,
    key: SealingKey,
    now: int,
    *,
    directory: Path | None = None,
    wire_head: WireHead = lambda: None,
) -> list[Seal]:
    """Seal whatever is not yet: as many seals as there are days in it. Nothing new, no seal.

    directory: where copies of the seals go. Raises sqlalchemy's IntegrityError where another sealed just then.
    """
    made: list[Seal] = []
    while (seal := _seal_once(database, key, now, wire_head)) is not None:
        made.append(seal)
        if directory is not None:
            append_copy(directory, seal)
    return made


def _seal_once(database: Engine, key: SealingKey, now: int, wire_head: WireHead) -> Seal | None:
    wire = wire_head()
    with one_moment(database) as connection:
        last = last_seal(connection)
        before = last.fields if last is not None else {}
        reached = {name: _reached(connection, name) for name in STREAMS}
        is_open = bool(before) and not before["closes_day"]
        day = _number_of(before["day"]) if is_open else _first_day(connection, reached, now)
        taken = _take(connection, reached, (day + 1) * DAY)
        about = {row.key: row.value for row in connection.execute(select(meta))}
        connection.rollback()
    closes_day = day < now // DAY and not taken.more
    has_new_wire = wire is not None and wire != before.get("wire")
    if not taken.streams and not has_new_wire and not (closes_day and is_open):
        return None
    number = last.number + 1 if last is not None else 1
    content = content_of(
        number,
        now,
        _name_of(day),
        closes_day=closes_day,
        database={name: about.get(name, "") for name in ("environment", "deployment", "instance")},
        previous=last.hash if last is not None else "",
        streams=taken.streams,
        wire=wire,
    )
    seal = Seal(number, now, content, key.sign(content.encode()).hex(), key.public.key_id)
    with database.begin() as connection:
        connection.execute(insert(seals).values(seal._asdict()))
        if taken.blocks:
            connection.execute(insert(digests), [block._asdict() for block in taken.blocks])
    return seal


def _reached(connection: Connection, name: str) -> Reached:
    """As the last seal left it. Whoever changes this makes the next seal contradict it, which verifying finds."""
    query = select(digests.c.last_key, digests.c.total, digests.c.hash).where(digests.c.stream == name)
    row = connection.execute(query.order_by(digests.c.last_key.desc()).limit(1)).first()
    return Reached(row[0], row[1], bytes(row[2])) if row is not None else Reached()


def _first_day(connection: Connection, reached: Mapping[str, Reached], now: int) -> int:
    """The day of the first record that is not sealed; today, where all are."""
    days = [now // DAY]
    for name, stream in STREAMS.items():
        key, at = stream.table.c[stream.key], stream.table.c.at
        first = connection.execute(select(at).where(key > reached[name].last).order_by(key).limit(1)).scalar()
        if first is not None:
            days.append(first // DAY)
    return min(days)


def _take(connection: Connection, reached: Mapping[str, Reached], end: int) -> _Taken:
    """Records up to the first of each stream that is not before `end`."""
    taken = _Taken({}, [], more=False)
    for name, stream in STREAMS.items():
        now, blocks, more = _take_stream(connection, stream, reached[name], end)
        if now.total > reached[name].total:
            taken.streams[name] = now
        taken.blocks.extend(blocks)
        taken = taken._replace(more=taken.more or more)
    return taken


def _take_stream(
    connection: Connection, stream: Stream, reached: Reached, end: int
) -> tuple[Reached, list[_Block], bool]:
    chain, last, count = Chain(reached.hash), reached.last, 0
    blocks: list[_Block] = []
    locators: list[bytes] = []

    def end_block() -> None:
        if locators:
            blocks.append(_Block(stream.name, last, reached.total + count, chain.hash, b"".join(locators)))
            locators.clear()

    for record in records(connection, stream, stream.columns, reached.last):
        if record.at >= end or count == _MOST:
            break
        chain.add(record)
        locators.append(LOCATOR.pack(record.key, record.digest[:8]))
        last, count = record.key, count + 1
        if len(locators) == BLOCK:
            end_block()
    end_block()
    return Reached(last, reached.total + count, chain.hash, stream.columns), blocks, count == _MOST


def _name_of(day: int) -> str:
    return f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"


def _number_of(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) // 86_400
