"""All that differs between SQLite and PostgreSQL outside of column types, in one place."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from gateway.errors import ConfigError

_SQLITE_PRAGMAS = (
    "PRAGMA synchronous=FULL",  # a commit is on the disk before it returns
    "PRAGMA busy_timeout=5000",
    "PRAGMA wal_autocheckpoint=4000",  # pages: fewer pauses than the default of 1000, a log of some 16 MB
    "PRAGMA cache_size=-65536",  # KiB
    "PRAGMA temp_store=MEMORY",
)


def parse_url(url: str) -> URL:
    """A database URL. Raises ConfigError naming it (without its password) where it is not one we can use."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(
            "the database URL cannot be read; use sqlite:///path or postgresql://user@host/name"
        ) from None
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ConfigError(f"database {url}: a file is needed, for example sqlite:///data/gateway.db")
        return parsed
    raise ConfigError(f"database {parsed.render_as_string()}: use sqlite:///path or postgresql://user@host/name")


def make_engine(url: URL, *, read_only: bool = False) -> Engine:
    """An engine whose transactions are real on either database (Python's sqlite3 starts them late otherwise)."""
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, read_only=read_only)
    options = "-c default_transaction_read_only=on" if read_only else ""
    return create_engine(url, pool_pre_ping=read_only, connect_args={"options": options} if options else {})


def _sqlite_engine(url: URL, *, read_only: bool) -> Engine:
    engine = create_engine(url, connect_args={"cached_statements": 256})

    @event.listens_for(engine, "connect")
    def configure(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in _SQLITE_PRAGMAS:
            dbapi_connection.execute(pragma)
        if read_only:
            dbapi_connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin_statement(connection.dialect.name, read_only=read_only) or "BEGIN")

    return engine


def begin_statement(dialect: str, *, read_only: bool = False) -> str | None:
    """What starts a transaction by hand; None where the driver does. IMMEDIATE: never fail half-way for the lock."""
    if dialect == "sqlite":
        return "BEGIN" if read_only else "BEGIN IMMEDIATE"
    return None


def together(driver_connection: Any) -> AbstractContextManager[Any]:
    """Statements inside go to the server without waiting for each other's answers; errors are raised at its end."""
    return driver_connection.pipeline() if hasattr(driver_connection, "pipeline") else nullcontext()


def rows_per_statement(dialect: str) -> tuple[int, ...]:
    """Sizes in which rows are written, largest first.

    sqlite3 lets go of the interpreter lock for every execution of a statement, and each time another thread may keep it
    for milliseconds; so many rows go into one. psycopg has no such trouble, and is slow at long statements.
    """
    return (64, 16, 4, 1) if dialect == "sqlite" else (1,)


def insert_statement(dialect: str, table: Table, *, rows: int, upsert: bool) -> str:
    """INSERT of positional rows, without the key that the database counts; upsert: they replace what has their key."""
    columns = [column.name for column in table.columns if column.autoincrement is not True]
    mark = "?" if dialect == "sqlite" else "%s"
    row = f"({', '.join([mark] * len(columns))})"
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 -- names are from tables.py
    if upsert:
        key = [column.name for column in table.primary_key]
        changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
        statement += f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    return statement


def prepare_storage(url: URL) -> None:
    """SQLite: make the directory, the file (mode 0600: it holds clients' orders) and the write-ahead log."""
    if url.get_backend_name() != "sqlite":
        return
    assert url.database is not None
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            path.chmod(0o600)  # not by a descriptor: closing one would drop SQLite's locks in this process
    except OSError as error:
        raise ConfigError(f"database {path}: {error.strerror}") from error


def use_write_ahead_log(engine: Engine) -> None:
    """SQLite: readers and the writer do not wait for each other. It stays so for the file's life."""
    if engine.dialect.name != "sqlite":
        return
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        (mode,) = cursor.fetchone() or ("",)
    finally:
        raw.close()
    if mode != "wal":
        raise ConfigError(
            f"database {engine.url.database}: SQLite keeps no write-ahead log here ({mode}); use a local disk"
        )
