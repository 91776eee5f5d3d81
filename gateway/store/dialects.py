"""All that differs between SQLite and PostgreSQL outside of column types, in one place."""

import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Column, ColumnElement, Connection, Engine, Table, create_engine, event, func, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from gateway.errors import ConfigError, DatabaseUnavailable, GatewayError

_SQLITE_PRAGMAS = (
    "PRAGMA synchronous=FULL",  # a commit is on the disk before it returns
    "PRAGMA busy_timeout=5000",
    "PRAGMA wal_autocheckpoint=4000",  # pages: fewer pauses than the default of 1000, a log of some 16 MB
    "PRAGMA cache_size=-65536",  # KiB
    "PRAGMA temp_store=MEMORY",
)

_INCREMENTAL = 2

PASSWORD_VARIABLE = "FIXGW_DATABASE_PASSWORD"  # noqa: S105 -- a name
"""The server's password, or with _FILE added to the name, a file that holds it."""

_POSTGRES_SETTINGS = (
    "-c synchronous_commit=on",  # a commit is on the disk before it returns, whatever the server's own setting is
    "-c lock_timeout=5000",  # ms, as SQLite's busy_timeout
)
# libpq's: seconds, and milliseconds for the last.
_NOTICE_DEAD_SERVERS = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def parse_url(url: str, environ: Mapping[str, str] | None = None) -> URL:
    """A database URL, for a server with the password that the environment has.

    Raises ConfigError naming it (without its password) where it is not one we can use.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(
            "the database URL cannot be read; use sqlite:///path or postgresql://user@host/name"
        ) from None
    if parsed.get_backend_name() == "postgresql":
        password = parsed.password or _password(os.environ if environ is None else environ)
        return parsed.set(drivername="postgresql+psycopg", password=password)
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ConfigError(f"database {url}: a file is needed, for example sqlite:///data/gateway.db")
        return parsed
    raise ConfigError(f"database {parsed.render_as_string()}: use sqlite:///path or postgresql://user@host/name")


def _password(environ: Mapping[str, str]) -> str | None:
    """None leaves it to the driver, which knows PGPASSWORD and ~/.pgpass."""
    path = environ.get(PASSWORD_VARIABLE + "_FILE")
    if not path:
        return environ.get(PASSWORD_VARIABLE) or None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{PASSWORD_VARIABLE}_FILE: {path} cannot be read: {error}") from None


# A server that refuses a connection gives a text alone, no code.
_REFUSED_FOR_GOOD = ("authentication failed", "no password supplied", "does not exist", "unable to open")


def open_error(url: URL, error: DBAPIError) -> GatewayError:
    """What to raise when a database cannot be opened: ConfigError where a person has to change something, otherwise
    DatabaseUnavailable.
    """
    text = " ".join(str(error.orig).split())
    later = isinstance(error, OperationalError) and not any(mark in text for mark in _REFUSED_FOR_GOOD)
    kind = DatabaseUnavailable if later else ConfigError
    return kind(f"database {url.render_as_string()} cannot be opened: {text}")


def make_engine(url: URL, *, read_only: bool = False, uri: str = "") -> Engine:
    """An engine whose transactions are real on either database (Python's sqlite3 starts them late otherwise).

    uri: for SQLite, how to open the file that the URL names, where that is not the usual way.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, read_only=read_only, uri=uri)
    # Tells the connections of this engine from all others: see leases.py.
    options = [
        *_POSTGRES_SETTINGS,
        f"-c application_name=fixgw-{secrets.token_hex(8)}",
        *(["-c default_transaction_read_only=on"] if read_only else []),
    ]
    if isinstance(given := url.query.get("options"), str):
        options.append(given)
    arguments = {"options": " ".join(options), **_NOTICE_DEAD_SERVERS}
    try:
        return create_engine(url, pool_pre_ping=read_only, connect_args=arguments)
    except ModuleNotFoundError as error:
        raise ConfigError("the PostgreSQL driver is not installed: pip install '.[postgres]'") from error


# What these are to SQLite is known, but sqlite3 looks for an adapter first, and twice as long where there is none.
sqlite3.register_adapter(type(None), lambda none: none)
sqlite3.register_adapter(bool, int)
sqlite3.register_adapter(bytes, lambda raw: raw)


def _sqlite_engine(url: URL, *, read_only: bool, uri: str) -> Engine:
    engine = create_engine(url, connect_args={"cached_statements": 256})
    if uri:

        @event.listens_for(engine, "do_connect")
        def connect(_dialect: Any, _record: Any, _arguments: Any, named: dict[str, Any]) -> sqlite3.Connection:
            connection: sqlite3.Connection = sqlite3.connect(uri, **{**named, "uri": True})
            return connection

    @event.listens_for(engine, "connect")
    def configure(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in _SQLITE_PRAGMAS:
            dbapi_connection.execute(pragma)
        if read_only:
            dbapi_connection.execute("PRAGMA query_only=ON")
            return
        # Counts for a new file, and for VACUUM: room can be given back (space.py). To set it again would be to write:
        # whoever connects would wait for whoever writes.
        if dbapi_connection.execute("PRAGMA auto_vacuum").fetchone() != (_INCREMENTAL,):
            dbapi_connection.execute("PRAGMA auto_vacuum=INCREMENTAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads = read_only or connection.get_execution_options().get(_READS, False)
        connection.exec_driver_sql(begin_statement(connection.dialect.name, read_only=reads) or "BEGIN")

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


COPIED_FROM = 32
"""Rows of a table from which on copying them is cheaper, though it costs a round trip to the server of its own."""


def copy_statement(dialect: str, table: Table) -> str | None:
    """What takes positional rows as a stream, at a quarter of what INSERT costs us; None where there is no such thing.

    It cannot be sent `together` with other statements.
    """
    return f"COPY {table.name} ({', '.join(_written(table))}) FROM STDIN" if dialect == "postgresql" else None


def _written(table: Table) -> list[str]:
    """The columns of a row as the engine writes it: without the key that the database counts."""
    return [column.name for column in table.columns if column.autoincrement is not True]


def insert_statement(dialect: str, table: Table, *, rows: int, upsert: bool) -> str:
    """INSERT of positional rows, without the key that the database counts; upsert: they replace what has their key."""
    columns = _written(table)
    mark = "?" if dialect == "sqlite" else "%s"
    row = f"({', '.join([mark] * len(columns))})"
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 -- names are from tables.py
    if upsert:
        key = [column.name for column in table.primary_key]
        changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
        statement += f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    return statement


def contains(column: Column[bytes], text: bytes, dialect: str) -> ColumnElement[bool]:
    """Whether a column of bytes has these in it."""
    place = func.instr(column, text) if dialect == "sqlite" else func.pg_catalog.position(column, text)
    return place > 0


_READS = "fixgw_reads"


@contextmanager
def one_moment(database: Engine) -> Iterator[Connection]:
    """A connection only to read: all that is read on it is of the moment of the first query, whatever is written
    meanwhile, until a rollback lets go of that moment. Nobody who writes waits for it.
    """
    with database.connect() as connection:
        connection.execution_options(**{_READS: True})
        if connection.dialect.name == "postgresql":  # SQLite's transactions are like this anyway
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def keep_out_writers(connection: Connection, table: Table) -> None:
    """Nobody else writes the table until this transaction ends; SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")


def prepare_storage(url: URL) -> None:
    """SQLite: make the directory, the file (mode 0600: it holds clients' orders) and the write-ahead log."""
    if url.get_backend_name() != "sqlite":
        return
    assert url.database is not None
    path = Path(url.database)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
