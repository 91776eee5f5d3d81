"""An export: a file for each data set and UTC day, and a manifest with their hashes.

It is the same bytes whenever it is made, since a span that is over does not change. An interrupted one goes on when it
is asked for again: files that the manifest names, and that are still what it says, are kept.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from gateway.compliance.derive.window import Window
from gateway.compliance.export.columns import Dataset, Redaction, utc
from gateway.compliance.export.writers import Format, write_rows
from gateway.engine.clock import DAY
from gateway.errors import ConfigError
from gateway.store.tables import meta

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
"""The hashes once more, the manifest's too, for `sha256sum --check`."""

MOST_DAYS = 3700


class Written(NamedTuple):
    """A finished file. kept: it was there already."""

    name: str
    records: int
    size: int
    sha256: str
    kept: bool = False


def export(
    connection: Connection,
    directory: Path,
    datasets: Sequence[Dataset],
    shape: Format,
    window: Window,
    redaction: Redaction,
    told: Callable[[Written], None],
) -> None:
    """Write what is not there yet. The window must be over; `told` hears of each file when it is finished.

    Raises ConfigError where the directory has something else.
    """
    head = {
        "records": [dataset.name for dataset in datasets],
        "format": shape.value,
        "from": utc(window.since),
        "to": utc(window.until),
        "redacted": sorted(redaction.tags),
        "database": _identity(connection),
    }
    finished: list[Written] = []
    before = _finished_before(directory, head)
    _write_manifest(directory, head, list(before.values()), complete=False)
    for dataset in datasets:
        for day in days(window):
            name = f"{dataset.name}-{utc(day.since)[:10]}.{shape}"
            done = before.get(name)
            if done is None or not _is_still(directory / name, done):
                rows = redaction.applied(dataset.columns, dataset.rows(connection, day, window.until))
                done = _write(directory / name, shape, dataset, rows)
            finished.append(done)
            _write_manifest(directory, head, [*finished, *_to_come(before, finished)], complete=False)
            told(done)
    _write_manifest(directory, head, finished, complete=True)
    sums = [(MANIFEST, _sha256(directory / MANIFEST)), *((done.name, done.sha256) for done in finished)]
    _replace(directory / SUMS, "".join(f"{sha256}  {name}\n" for name, sha256 in sums))


def days(window: Window) -> Iterator[Window]:
    """The window's UTC days, the first and the last as far as they are in it."""
    since = window.since
    while since < window.until:
        until = min(window.until, since // DAY * DAY + DAY)
        yield Window(since, until)
        since = until


def _identity(connection: Connection) -> dict[str, str]:
    known = {row.key: row.value for row in connection.execute(select(meta))}
    return {key: known[key] for key in ("environment", "deployment", "instance") if key in known}


def _write(path: Path, shape: Format, dataset: Dataset, rows: Iterator[Sequence[Any]]) -> Written:
    part = path.with_name(path.name + ".part")
    count = write_rows(part, shape, dataset.columns, rows)
    _sync(part)
    part.replace(path)
    return Written(path.name, count, path.stat().st_size, _sha256(path))


def _finished_before(directory: Path, head: dict[str, Any]) -> dict[str, Written]:
    """What an earlier run of the same export has finished. Makes the directory."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # what the database keeps from other users
    path = directory / MANIFEST
    if not path.exists():
        if other := next((found.name for found in directory.iterdir() if found.suffix != ".new"), None):
            raise ConfigError(
                f"{directory} is not empty (it has {other}) and no export of ours: name another directory"
            )
        return {}
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        files = [Written(file["name"], file["records"], file["bytes"], file["sha256"], True) for file in said["files"]]
        other = next((key for key, value in head.items() if said[key] != value), None)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} cannot be read as a manifest: name another directory") from error
    if other is not None:
        raise ConfigError(
            f"{directory} has another export, whose {other!r} is {said[other]!r} and not {head[other]!r}: "
            "name another directory"
        )
    return {file.name: file for file in files}


def _is_still(path: Path, done: Written) -> bool:
    try:
        return path.stat().st_size == done.size and _sha256(path) == done.sha256
    except OSError:
        return False


def _to_come(before: dict[str, Written], finished: Sequence[Written]) -> list[Written]:
    """So that a run which is interrupted again forgets nothing that an earlier one has finished."""
    names = {done.name for done in finished}
    return [done for name, done in before.items() if name not in names]


def _write_manifest(directory: Path, head: dict[str, Any], files: Sequence[Written], *, complete: bool) -> None:
    listed = [{"name": done.name, "records": done.records, "bytes": done.size, "sha256": done.sha256} for done in files]
    _replace(directory / MANIFEST, json.dumps({**head, "complete": complete, "files": listed}, indent=1) + "\n")


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    _sync(new)
    new.replace(path)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
