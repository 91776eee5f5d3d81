"""Who read the record: a line of JSON for each time, in a file that only grows.

A file, because who may read SQL need not be able to write it. What cannot be written down is not shown.
"""

import json
import os
import time
from pathlib import Path

import typer
from sqlalchemy import Connection

from gateway.cli.database import EXIT_UNUSABLE
from gateway.cli.exits import refuse
from gateway.cli.times import utc_text
from gateway.compliance.retention.opened import is_opened
from gateway.config_shared import load_front
from gateway.control.peer import login_name
from gateway.errors import GatewayError

_LOGIN_UID = Path("/proc/self/loginuid")  # who logged on to the host, through su and sudo
_NOBODY_LOGGED_ON = 2**32 - 1


def record_access(config: Path, command: str, **asked: object) -> None:
    """Write down that this user is about to see what was asked for. Call it before anything is read.

    asked: the command's arguments; those that were not given (None, empty, False) are left out.
    Ends the program with one line where it cannot be written.
    """
    try:
        path = load_front(config).access_log
    except GatewayError as error:
        refuse(str(error))
    uid, login = os.getuid(), _login_uid()
    line = {
        "at": utc_text(time.time_ns()),
        "uid": uid,
        "who": login_name(uid),
        **({"logged_on_as": login_name(login)} if login not in (uid, _NOBODY_LOGGED_ON) else {}),
        "command": command,
        "asked": {name: value for name, value in asked.items() if value not in (None, "", False, [])},
    }
    try:
        _append(path, json.dumps(line, default=str) + "\n")
    except OSError as error:
        typer.echo(
            f"{path}: {error.strerror}: who reads the record is written there, so it is not shown; "
            "ask for permission to append to that file",
            err=True,
        )
        raise typer.Exit(EXIT_UNUSABLE) from error


def record_reading(connection: Connection, config: Path, command: str, database: Path | None, **asked: object) -> None:
    """Likewise, where it may be read in a file of its own. What was imported, and copies, are nobody's record."""
    if database is None:
        record_access(config, command, **asked)
    elif is_opened(connection):
        record_access(config, command, database=database.resolve(), **asked)


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = _opened(path)
    try:
        os.write(file, line.encode())  # at once, so that lines of two readers are not mixed
        os.fsync(file)
    finally:
        os.close(file)


def _opened(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW  # root must not be led to another file
    try:
        file = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags)
    if os.geteuid() == 0:  # else the gateway's own user could not append
        owner = path.parent.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)
    return file


def _login_uid() -> int:
    try:
        return int(_LOGIN_UID.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return _NOBODY_LOGGED_ON
