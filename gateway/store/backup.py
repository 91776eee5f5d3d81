"""Copies of a database, and a database from a copy: SQLite's online backup, PostgreSQL's own dump tools."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL, inspect, text
from sqlalchemy.exc import DBAPIError

from gateway.errors import ConfigError
from gateway.store.dialects import make_engine, open_error, parse_url, use_write_ahead_log
from gateway.store.postgres_tools import run_tool
from gateway.store.restored import begin_anew
from gateway.store.schema import upgrade
from gateway.store.unchanging import unchanging

_SQLITE, _POSTGRESQL = b"SQLite format 3\x00", b"PGDMP"
_VERSION_TABLE = "alembic_version"


class Restored(NamedTuple):
    """When a restore is done (nanoseconds UTC), and by whom."""

    at: int
    uid: int
    who: str


def backup_database(url: str, file: Path) -> None:
    """Write a copy of the database, as of one moment, to a new file of mode 0600. The gateway may be running.

    Raises ConfigError when there is no such database, the file exists, or a tool is missing or fails.
    """
    parsed = parse_url(url)
    if file.exists():
        raise ConfigError(f"{file} exists already: name a new file")
    with _beside(file) as unfinished:
        if parsed.get_backend_name() == "sqlite":
            _copy_sqlite(Path(str(parsed.database)), unfinished)
        else:
            run_tool("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--file={unfinished}"], parsed)
        _sync(unfinished)
        unfinished.replace(file)
        _sync(file.parent)


def restore_database(url: str, file: Path, restored: Restored) -> None:
    """Fill an empty database from a copy, and have it begin anew: see restored.begin_anew.

    Nothing is there, or nothing that a gateway would start on, until all of it is. Raises ConfigError when the database
    is not empty, the copy is of another kind, or a tool is missing or fails.
    """
    parsed = parse_url(url)
    kind = _kind(file)
    if kind != parsed.get_backend_name():
        raise ConfigError(f"{file} is a backup of {kind}, the configured database is {parsed.get_backend_name()}")
    if kind == "sqlite":
        _restore_sqlite(parsed, file, restored)
    else:
        _restore_postgresql(parsed, file, restored)


def _kind(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            head = opened.read(len(_SQLITE))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    if head == _SQLITE:
        return "sqlite"
    if head.startswith(_POSTGRESQL):
        return "postgresql"
    raise ConfigError(f"{file} is no backup of ours")


# --- SQLite


def _restore_sqlite(url: URL, file: Path, restored: Restored) -> None:
    target = Path(str(url.database))
    there = [
        path for path in (target, *(target.with_name(target.name + end) for end in ("-wal", "-shm"))) if path.exists()
    ]
    if there:
        raise ConfigError(f"{there[0]} exists already: move the old database away first, all of its files")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _beside(target) as unfinished:
        _copy_sqlite(file, unfinished)
        part = url.set(database=str(unfinished))
        _begin_anew(part, restored, file)
        _sync(unfinished)
        unfinished.replace(target)
        _sync(target.parent)


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.is_file():
        raise ConfigError(f"database {source}: nothing there")
    alone = unchanging(URL.create("sqlite", database=str(source)))
    # Who reads a write-ahead log makes files beside the database, and takes them away again if it may write. What a
    # running gateway or a killed one has left stays.
    mode = "ro" if source.with_name(source.name + "-wal").exists() else "rw"
    uri = alone.uri if alone else f"{source.absolute().as_uri()}?mode={mode}"
    try:
        with (
            closing(sqlite3.connect(uri, uri=True)) as here,
            closing(sqlite3.connect(target)) as there,
        ):
            here.execute("PRAGMA query_only=ON")
            here.backup(there)
            there.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            (found,) = there.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise ConfigError(f"{source} cannot be copied to {target}: {error}") from error
    if found != "ok":
        raise ConfigError(f"{source} is damaged: {found}")
    if alone and alone.has_changed():
        raise ConfigError(f"{source} was written to while it was copied: copy it again")


# --- PostgreSQL


def _restore_postgresql(url: URL, file: Path, restored: Restored) -> None:
    """The schema's version goes in last, together with what begins anew: without it no gateway starts on the rest."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            if inspect(connection).get_table_names():
                raise ConfigError(f"database {url.render_as_string()} is not empty: name one that is (createdb)")
    except DBAPIError as error:
        raise open_error(url, error) from error
    finally:
        engine.dispose()
    contents = run_tool("pg_restore", ["--list", str(file)], url, connects=False)
    version = run_tool(
        "pg_restore", ["--data-only", f"--table={_VERSION_TABLE}", "--file=-", str(file)], url, connects=False
    )
    revisions = [line for line in version.splitlines() if line.isdigit()]
    if len(revisions) != 1:
        raise ConfigError(f"{file} holds no gateway's database: it has no schema version")
    wanted = [line for line in contents.splitlines() if f"TABLE DATA public {_VERSION_TABLE} " not in line]
    with tempfile.NamedTemporaryFile("w", suffix=".list") as listed:
        listed.write("\n".join(wanted) + "\n")
        listed.flush()
        options = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
        run_tool("pg_restore", [*options, f"--use-list={listed.name}", str(file)], url)
    _begin_anew(url, restored, file, revisions[0])


# --- both


def _begin_anew(url: URL, restored: Restored, file: Path, revision: str | None = None) -> None:
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            if revision is not None:
                connection.execute(text(f"INSERT INTO {_VERSION_TABLE} VALUES (:revision)"), {"revision": revision})  # noqa: S608 -- a name of ours
            upgrade(connection)
            begin_anew(connection, restored.at, file.name, restored.uid, restored.who)
        use_write_ahead_log(engine)
    finally:
        engine.dispose()


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """The file while it is not complete, empty and for us alone; what is left of it goes."""
    unfinished = file.with_name(file.name + ".part")
    try:
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield unfinished
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}") from error
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            with suppress(OSError):  # such as a file system that nothing can be written to, which was told above
                unfinished.with_name(unfinished.name + end).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
