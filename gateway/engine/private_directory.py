"""The directory of the sockets and, by default, of the database."""

import os
from pathlib import Path


def make_private_directory(path: Path, group: int | None = None) -> None:
    """Make it for our user alone, and a group of the host that may pass through it. Raises OSError.

    One that is there stays as it is: its mode is the operator's choice.
    """
    if path.is_dir():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if group is not None:
        os.chown(path, -1, group)
        path.chmod(0o710)  # to reach the sockets in it, by name
