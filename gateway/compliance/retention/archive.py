"""An archive: a directory with one class of records of one UTC day, all of them, made so that it proves itself.

    <day>-<class>/manifest.json      what there is, with the SHA-256 of each file
                  manifest.sig       the deployment key's signature of it (Ed25519, JSON)
                  seals.jsonl.gz     the day's seals, signed
                  <table>.jsonl.gz   a record a line: key, tab, and the JSON that its digest in the seals' chain is of
                  wire-….log.gz      segments of the wire log, as they were

The same day gives the same bytes with the same zlib: nothing in it says when it was made, or by whom.
"""

import gzip
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection

from gateway.compliance.audit.keys import SealingKey
from gateway.compliance.audit.seals import Reached, Seal, stored_seals
from gateway.compliance.audit.streams import STREAMS, Chain, Sealed, contents
from gateway.compliance.retention.classes import CLASSES
from gateway.compliance.retention.days import SealedDay
from gateway.compliance.retention.ledger import GoneWire
from gateway.errors import ConfigError

FORMAT = 1
MANIFEST, SIGNATURE, SEALS = "manifest.json", "manifest.sig", "seals.jsonl.gz"
UNFINISHED = ".part"
"""What the name of a directory ends with that is being written, or was when the process ended."""
_LEVEL = 6


class File(NamedTuple):
    """bytes, sha256: as it is; content_sha256: of what it unpacks to."""

    name: str
    bytes: int
    sha256: str
    content_sha256: str


class WireSegments(NamedTuple):
    """The day's segments. previous: the hash that the first begins with; the rest: what they come to."""

    files: Sequence[Path]
    previous: bytes
    first_record: int
    end: GoneWire


def archive_name(day: SealedDay, record_class: str) -> str:
    """Of its directory."""
    return f"{day.day}-{record_class}"


def write_archive(
    connection: Connection,
    directory: Path,
    day: SealedDay,
    record_class: str,
    key: SealingKey,
    wire: WireSegments | None = None,
) -> None:
    """Write the directory, which must not be there, and sync all of it to the disk.

    Raises ConfigError where the records are not what was sealed; OSError.
    """
    directory.mkdir(mode=0o700, parents=True)
    seals = [seal for seal in stored_seals(connection) if day.first_seal <= seal.number <= day.last_seal]
    files = [_write_seals(directory / SEALS, seals)]
    streams: dict[str, Any] = {}
    for name in CLASSES[record_class]:
        if name in day.ranges:
            path = directory / records_file(name)
            files.append(_write_records(connection, path, name, day, seals))
            streams[name] = _range(*day.ranges[name])
    files += [_pack(path, directory / f"{path.name}.gz") for path in (wire.files if wire is not None else ())]
    manifest = {
        "format": FORMAT,
        "class": record_class,
        "day": day.day,
        "database": seals[-1].fields["database"],
        "seals": {"first": day.first_seal, "last": day.last_seal},
        "streams": streams,
        "wire": None if wire is None else _wire(wire),
        "files": [file._asdict() for file in files],
    }
    content = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    signature = {"key_id": key.public.key_id, "signature": key.sign(content).hex()}
    for name, data in ((MANIFEST, content), (SIGNATURE, (json.dumps(signature) + "\n").encode())):
        with _new(directory / name) as file:
            file.write(data)
    sync_directory(directory)


def _range(before: Reached, now: Reached) -> dict[str, Any]:
    return {
        "after": before.last,
        "total_before": before.total,
        "hash_before": before.hash.hex(),
        "last": now.last,
        "total": now.total,
        "hash": now.hash.hex(),
    }


def _wire(wire: WireSegments) -> dict[str, Any]:
    return {
        "previous": wire.previous.hex(),
        "first_record": wire.first_record,
        "files": [f"{path.name}.gz" for path in wire.files],
        **wire.end._asdict(),
        "hash": wire.end.hash.hex(),
    }


def _write_seals(path: Path, seals: Sequence[Seal]) -> File:
    with _packing(path) as (file, content):
        for seal in seals:
            line = json.dumps(seal._asdict(), sort_keys=True).encode() + b"\n"
            file.write(line)
            content.update(line)
    return _file(path, content.hexdigest())


def _write_records(connection: Connection, path: Path, name: str, day: SealedDay, seals: Sequence[Seal]) -> File:
    """Seal by seal, since each says which columns count; and only what is as it was sealed."""
    before, _ = day.ranges[name]
    chain, last, total = Chain(before.hash), before.last, before.total
    with _packing(path) as (file, content):
        for seal in seals:
            reached = seal.reached.get(name)
            if reached is None:
                continue
            for key, at, data in contents(connection, STREAMS[name], reached.columns, last, reached.last):
                line = b"%d\t%b\n" % (key, data)
                file.write(line)
                content.update(line)
                chain.add(Sealed(key, at, hashlib.sha256(data).digest()))
                total += 1
            last = reached.last
            if (chain.hash, total) != (reached.hash, reached.total):
                raise ConfigError(
                    f"{day.day}: {name} are not what seal {seal.number} was made of, so they are not archived; "
                    "fixgw audit verify names what was altered"
                )
    return _file(path, content.hexdigest())


def _pack(source: Path, path: Path) -> File:
    with source.open("rb") as reading, _packing(path) as (file, content):
        while data := reading.read(1 << 20):
            file.write(data)
            content.update(data)
    return _file(path, content.hexdigest())


@contextmanager
def _new(path: Path) -> Iterator[BufferedWriter]:
    """A file of its owner's alone, on the disk when it is left."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _packing(path: Path) -> Iterator[tuple[gzip.GzipFile, Any]]:
    """What is written to the first is packed; the second is to hear of it too."""
    with _new(path) as file, gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed:
        yield packed, hashlib.sha256()


def unpacked(path: Path) -> Iterator[bytes]:
    """The lines in it. Raises ValueError for what cannot be unpacked."""
    try:
        with gzip.open(path, "rb") as file:
            yield from file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"cannot be unpacked: {error}") from error


def read_records(directory: Path, table: str) -> Iterator[tuple[int, bytes]]:
    """Keys and contents of an archive's records. Raises ValueError, OSError."""
    for line in unpacked(directory / records_file(table)):
        number, _, content = line.rstrip(b"\n").partition(b"\t")
        yield int(number), content


def records_file(table: str) -> str:
    """Its name."""
    return f"{table}.jsonl.gz"


def unpack(path: Path, target: Path) -> None:
    """Write what is in it. Raises ValueError for what cannot be unpacked."""
    try:
        with gzip.open(path, "rb") as file, target.open("wb") as writing:
            shutil.copyfileobj(file, writing, 1 << 20)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"cannot be unpacked: {error}") from error


def _file(path: Path, content_sha256: str) -> File:
    return File(path.name, path.stat().st_size, sha256_of(path), content_sha256)


def sha256_of(path: Path) -> str:
    """Of a file as it is."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_directory(path: Path) -> None:
    """So that the names in it outlive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
