"""One engine at a time on a database and on a directory: two would give out the same numbers, and send orders twice."""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from gateway.engine.private_directory import make_private_directory
from gateway.errors import ConfigError


def hold(path: Path, what: str) -> TextIO:
    """Take the lock file, for as long as the returned file is open; it ends with the process, however that ends.

    what: that which it guards, for the text. Raises ConfigError when another process holds it or it cannot be made.
    """
    try:
        make_private_directory(path.parent)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
    except OSError as error:
        raise ConfigError(f"the lock file {path} cannot be made: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = file.read().strip() or "unknown"
        file.close()
        raise ConfigError(
            f"{what} is in use by another engine, process {holder} (it holds {path}); stop that one first"
        ) from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
