"""Rows of a sealed day as they were written, from an archive or from the database: what is not as it was sealed is
refused.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, LargeBinary, Table

from gateway.compliance.audit.seals import Reached, Seal
from gateway.compliance.audit.streams import STREAMS, Chain, Sealed, Stream, contents
from gateway.compliance.retention.days import SealedDay
from gateway.errors import ConfigError
from gateway.store.columns import ExactDecimal

Contents = Callable[[int, Reached, int], Iterator[tuple[int, bytes]]]
"""Keys and contents of the records above a key, up to the one that a seal reached; and how many these should be."""

Row = dict[str, Any]


def from_archive(records: Iterator[tuple[int, bytes]]) -> Contents:
    """records: all that the archive has of a table, in order."""
    return lambda _after, _reached, count: islice(records, count)


def from_database(connection: Connection, stream: Stream) -> Contents:
    """What is there now."""

    def of_seal(after: int, reached: Reached, _count: int) -> Iterator[tuple[int, bytes]]:
        for key, _, content in contents(connection, stream, reached.columns, after, reached.last):
            yield key, content

    return of_seal


def sealed_rows(name: str, day: SealedDay, seals: Sequence[Seal], source: Contents, where: str) -> Iterator[Row]:
    """The table's rows of the day. seals: the day's, which are believed. where: the source, for people.

    Raises ConfigError where they are not what was sealed, or have other columns than this release knows.
    """
    stream = STREAMS[name]
    before, _ = day.ranges[name]
    chain, total, last = Chain(before.hash), before.total, before.last
    for seal in seals:
        reached = seal.reached.get(name)
        if reached is None:
            continue
        _check_columns(stream, reached.columns, where)
        make = _maker(stream.table, (stream.key, *reached.columns))
        for key, content in source(last, reached, reached.total - total):
            chain.add(Sealed(key, 0, hashlib.sha256(content).digest()))
            total += 1
            yield make(key, content)
        if (chain.hash, total) != (reached.hash, reached.total):
            raise ConfigError(
                f"{where}: {name} are not what seal {seal.number} was made of; fixgw audit verify --archive names what "
                "was altered"
            )
        last = reached.last


def _check_columns(stream: Stream, columns: Sequence[str], where: str) -> None:
    if set(columns) != set(stream.columns):
        other = ", ".join(sorted(set(columns) ^ set(stream.columns)))
        raise ConfigError(
            f"{where}: {stream.name} were recorded with another schema, which differs in: {other}; opening it takes "
            "the release that archived it, and a backup of the database of then"
        )


def _maker(table: Table, columns: Sequence[str]) -> Callable[[int, bytes], Row]:
    """What JSON has no words for is text in it: bytes (base64) and decimals."""
    back: list[tuple[str, Callable[[str], Any]]] = []
    for name in columns:
        if isinstance(table.c[name].type, LargeBinary):
            back.append((name, base64.b64decode))
        elif isinstance(table.c[name].type, ExactDecimal):
            back.append((name, Decimal))

    def make(key: int, content: bytes) -> Row:
        row = dict(zip(columns, (key, *msgspec.json.decode(content)), strict=True))
        for name, change in back:
            if row[name] is not None:
                row[name] = change(row[name])
        return row

    return make
