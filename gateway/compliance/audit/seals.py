"""A seal: what every stream had come to at a moment, signed, and bound to the seal before it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from gateway.compliance.audit.streams import BEFORE_ALL, NOTHING
from gateway.store.tables import seals

FORMAT = 1
FILE_NAME = "seals.jsonl"
"""Copies of all seals, one a line, outside of SQL. To be kept elsewhere too."""


class Reached(NamedTuple):
    """How far a stream was sealed. last: its last key. total: of all its records so far. hash: of the chain."""

    last: int = BEFORE_ALL
    total: int = 0
    hash: bytes = NOTHING
    columns: tuple[str, ...] = ()


class Seal(NamedTuple):
    """As it is stored. content: JSON, see `make`; signature and the hash of it are over its bytes."""

    number: int
    at: int
    content: str
    signature: str
    key_id: str

    @property
    def hash(self) -> str:
        """SHA-256 of the content, which the next seal names."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    @property
    def fields(self) -> dict[str, Any]:
        """The content. Raises ValueError for what is no seal's."""
        found = json.loads(self.content)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError("not the content of a seal that this release knows")
        return found

    @property
    def reached(self) -> dict[str, Reached]:
        """The streams that had gone on since the seal before. Raises ValueError, KeyError or TypeError as above."""
        return {
            name: Reached(at["last"], at["total"], bytes.fromhex(at["hash"]), tuple(at["columns"]))
            for name, at in self.fields["streams"].items()
        }


def content_of(
    number: int,
    at: int,
    day: str,
    *,
    closes_day: bool,
    database: Mapping[str, str],
    previous: str,
    streams: Mapping[str, Reached],
    wire: Mapping[str, object] | None,
) -> str:
    """The content of a seal. day: the UTC day whose records it goes on with; closes_day: there are no more of that day.

    database: what it is for (`meta`). previous: the hash of the seal before; empty for the first. wire: how far the
    wire log went: number and hash of its last record; None where there is none.
    """
    return json.dumps(
        {
            "format": FORMAT,
            "number": number,
            "at": at,
            "day": day,
            "closes_day": closes_day,
            "database": dict(database),
            "previous": previous,
            "streams": {
                name: {"last": r.last, "total": r.total, "hash": r.hash.hex(), "columns": list(r.columns)}
                for name, r in sorted(streams.items())
            },
            "wire": None if wire is None else dict(wire),
        },
        sort_keys=True,
        separators=(",", ":"),
    )


def stored_seals(connection: Connection) -> Iterator[Seal]:
    """All, in their order."""
    query = select(seals).order_by(seals.c.number).execution_options(yield_per=500)
    for row in connection.execute(query):
        yield Seal(*row)


def last_seal(connection: Connection) -> Seal | None:
    """The newest."""
    row = connection.execute(select(seals).order_by(seals.c.number.desc()).limit(1)).first()
    return Seal(*row) if row is not None else None


def append_copy(directory: Path, seal: Seal) -> None:
    """Write the seal outside of SQL as well. Raises OSError."""
    with (directory / FILE_NAME).open("a", encoding="utf-8") as file:
        file.write(json.dumps(seal._asdict(), sort_keys=True) + "\n")


def copied_seals(directory: Path) -> Iterator[Seal]:
    """From a copy of that file. Raises OSError or ValueError."""
    with (directory / FILE_NAME).open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield Seal(**json.loads(line))
