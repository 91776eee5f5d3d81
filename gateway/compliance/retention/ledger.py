"""What was archived and deleted: a signed row before a day's records are deleted, and one when they are.

Until the second row is there, records that are to go may still be there or not; afterwards those that were kept are all
that there is. Without the deployment's key nobody can write such a row, so what is deleted otherwise is missing.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select

from gateway.compliance.audit.keys import PublicKey, SealingKey
from gateway.compliance.audit.sealing import LOCATOR
from gateway.compliance.audit.streams import NOTHING, Chain, Sealed
from gateway.engine.clock import DAY, NANOSECONDS
from gateway.store.tables_retention import archives

FORMAT = 1


class Stage(StrEnum):
    """begun: the archive is whole and verified, deleting may have begun. done: nothing is left to delete."""

    BEGUN = "begun"
    DONE = "done"


class Gone(NamedTuple):
    """A table's records of a day. after, last: their keys, exclusive and inclusive. total, hash: of the chain there.

    kept: those that stayed, keys and beginnings of digests; kept_hash: of a chain of these alone.
    """

    after: int
    last: int
    total: int
    hash: bytes
    records: int
    kept: bytes = b""
    kept_hash: bytes = NOTHING

    @property
    def kept_count(self) -> int:
        """How many stayed."""
        return len(self.kept) // LOCATOR.size

    def locators(self) -> Iterator[tuple[int, bytes]]:
        """Keys and beginnings of digests of what stayed."""
        yield from LOCATOR.iter_unpack(self.kept)

    def with_kept(self, archived: Iterable[tuple[int, bytes]], keys: frozenset[int]) -> "Gone":
        """These stay. archived: keys and contents of all, as the archive has them."""
        if not keys:
            return self
        chain, kept = Chain(NOTHING), []
        for key, content in archived:
            if key in keys:
                record = Sealed(key, 0, hashlib.sha256(content).digest())
                chain.add(record)
                kept.append(LOCATOR.pack(key, record.digest[:8]))
        return self._replace(kept=b"".join(kept), kept_hash=chain.hash)


class GoneWire(NamedTuple):
    """Segments of the wire log. segment, record, hash: the last ones of these."""

    segments: int
    segment: int
    record: int
    hash: bytes


class Entry(NamedTuple):
    """A row, believed. manifest: SHA-256 of the archive's. streams: by table."""

    number: int
    at: int
    day: str
    record_class: str
    stage: Stage
    name: str
    manifest: str
    streams: Mapping[str, Gone]
    wire: GoneWire | None
    who: str
    uid: int


class BadEntry(NamedTuple):
    """A row that cannot be believed, and why."""

    number: int
    text: str


def write_entry(connection: Connection, key: SealingKey, entry: Entry) -> Entry:
    """Sign it and add it, numbered, in the connection's transaction."""
    number = int(connection.execute(select(func.coalesce(func.max(archives.c.number), 0))).scalar_one()) + 1
    numbered = entry._replace(number=number)
    content = json.dumps(_fields(numbered), sort_keys=True, separators=(",", ":"))
    connection.execute(
        insert(archives).values(
            number=number,
            at=entry.at,
            day=entry.day,
            record_class=entry.record_class,
            content=content,
            signature=key.sign(content.encode()).hex(),
            key_id=key.public.key_id,
        )
    )
    return numbered


def entries(connection: Connection, key: PublicKey | None) -> Iterator[Entry | BadEntry]:
    """All, oldest first. key: whose signature they must have; None: it is not looked at."""
    for row in connection.execute(select(archives).order_by(archives.c.number)):
        try:
            if key is not None and not key.has_signed(row.content.encode(), bytes.fromhex(row.signature)):
                yield BadEntry(row.number, f"not signed by the key {key.key_id} (it says {row.key_id})")
                continue
            entry = _entry(json.loads(row.content))
        except (ValueError, KeyError, TypeError) as error:
            yield BadEntry(row.number, f"cannot be read: {type(error).__name__}: {error}")
            continue
        if (entry.number, entry.at, entry.day, entry.record_class) != (row.number, row.at, row.day, row.record_class):
            yield BadEntry(row.number, f"signed as number {entry.number}, {entry.record_class} of {entry.day}")
            continue
        yield entry


def in_force(connection: Connection, key: PublicKey | None = None) -> dict[tuple[str, str], Entry]:
    """By class and day, the newest of those that can be believed."""
    return {(e.record_class, e.day): e for e in entries(connection, key) if isinstance(e, Entry)}


def archived_days(connection: Connection) -> dict[str, list[str]]:
    """By class, the days of which records are gone, or may be."""
    days: dict[str, list[str]] = {}
    for row in connection.execute(select(archives.c.record_class, archives.c.day).distinct().order_by(archives.c.day)):
        days.setdefault(row.record_class, []).append(row.day)
    return days


def nothing_left(found: Iterable[Entry]) -> frozenset[tuple[str, str]]:
    """Classes and days of which all records are gone."""
    return frozenset(
        (entry.record_class, entry.day)
        for entry in found
        if entry.stage is Stage.DONE and not any(gone.kept for gone in entry.streams.values())
    )


def newest_wire(found: Iterable[Entry]) -> Entry | None:
    """The entry of the newest segments of the wire log that went."""
    of_wire = [(entry.wire.record, entry) for entry in found if entry.wire is not None]
    return max(of_wire, key=lambda one: one[0])[1] if of_wire else None


def archived_until(found: Iterable[Entry], classes: Collection[str]) -> int:
    """When the last archived day of these classes ended, nanoseconds UTC; 0: nothing of them is archived."""
    days = [entry.day for entry in found if entry.record_class in classes]
    return day_since(max(days)) + DAY if days else 0


def day_since(day: str) -> int:
    """When a UTC day began, nanoseconds."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * NANOSECONDS


def day_of(at: int) -> str:
    """The UTC day of a time, nanoseconds."""
    return f"{datetime.fromtimestamp(at // NANOSECONDS, UTC):%Y-%m-%d}"


def _fields(entry: Entry) -> dict[str, Any]:
    wire = entry.wire
    return {
        "format": FORMAT,
        **{name: getattr(entry, name) for name in Entry._fields if name not in ("streams", "wire")},
        "streams": {
            name: {
                **gone._asdict(),
                "hash": gone.hash.hex(),
                "kept": gone.kept.hex(),
                "kept_hash": gone.kept_hash.hex(),
            }
            for name, gone in entry.streams.items()
        },
        "wire": None if wire is None else {**wire._asdict(), "hash": wire.hash.hex()},
    }


def _entry(fields: dict[str, Any]) -> Entry:
    """Raises ValueError, KeyError, TypeError."""
    if fields.pop("format") != FORMAT:
        raise ValueError("written by another release")
    wire = fields.pop("wire")
    streams = {
        name: Gone(
            **{
                **gone,
                "hash": bytes.fromhex(gone["hash"]),
                "kept": bytes.fromhex(gone["kept"]),
                "kept_hash": bytes.fromhex(gone["kept_hash"]),
            }
        )
        for name, gone in fields.pop("streams").items()
    }
    stage = Stage(fields.pop("stage"))
    made = GoneWire(**{**wire, "hash": bytes.fromhex(wire["hash"])}) if wire is not None else None
    return Entry(**fields, stage=stage, streams=streams, wire=made)
