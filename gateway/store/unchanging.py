"""SQLite files in directories where nothing can be written: read-only disks, other people's, archives.

A database with a write-ahead log is read by way of a file beside it (`-shm`), which cannot be made there. Where the log
is gone, as after an orderly end, SQLite can be told that the file does not change, and reads it alone, without locks.
"""

import os
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL

from gateway.errors import ConfigError


class Unchanging(NamedTuple):
    """A file that is read like this. state: its time of change (ns) and size (bytes) before it was."""

    file: Path
    state: tuple[int, int]

    @property
    def uri(self) -> str:
        """For sqlite3.connect."""
        return f"{self.file.absolute().as_uri()}?immutable=1"

    def has_changed(self) -> bool:
        """What was read meanwhile may be of two moments."""
        return _state(self.file) != self.state


def unchanging(url: URL) -> Unchanging | None:
    """None where the database is read as any other. It must be there.

    Raises ConfigError where what was committed last is in a log that cannot be read there.
    """
    if url.get_backend_name() != "sqlite":
        return None
    file = Path(str(url.database))
    log, index = (file.with_name(file.name + end) for end in ("-wal", "-shm"))
    if may_write(file.parent) or index.exists():  # which the gateway that has made it, or its loss, has left
        return None
    if log.exists() and log.stat().st_size:
        raise ConfigError(
            f"database {file} cannot be read where it is: what was committed last is in {log.name}, which takes "
            f"another file beside it to be read, and {file.parent.absolute()} cannot be written to; copy both files to "
            "a directory that can be, and read the copy"
        )
    return Unchanging(file, _state(file))


def may_write(directory: Path) -> bool:
    """Whether we can make files there."""
    return os.access(directory, os.W_OK | os.X_OK)


def _state(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_mtime_ns, found.st_size
