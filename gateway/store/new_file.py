"""A new SQLite file that appears when all is in it, for what is read and never run on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from gateway.errors import ConfigError
from gateway.store.database import open_database


@contextmanager
def new_file(path: Path, environment: str) -> Iterator[Engine]:
    """The file while it is being filled, under another name; what is left of it goes where it is not finished.

    environment: one that no configuration can name, so that no gateway runs on it. Raises ConfigError when the file is
    there already.
    """
    if path.exists():
        raise ConfigError(f"{path} is there already; name a new file")
    partial = path.with_name(path.name + ".partial")
    _remove(partial)
    try:
        engine = open_database(f"sqlite:///{partial}", environment)
        try:
            yield engine
        finally:
            _end_log(engine)
        partial.replace(path)
    finally:
        _remove(partial)


def _end_log(engine: Engine) -> None:
    """Without a write-ahead log, the file can be read where nobody may write."""
    engine.dispose()  # it takes the only connection to change the journal's mode
    raw = engine.raw_connection()
    raw.cursor().execute("PRAGMA journal_mode=DELETE")
    raw.close()
    engine.dispose()


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)
