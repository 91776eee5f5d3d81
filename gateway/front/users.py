"""The file of users: name, password hash, whether disabled. Written by `fixgw user` and, for NewPassword(925), by the
front; read by the front alone. It is not in SQL: the front, which faces the network, has nothing to do there.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

_MODE = 0o600


class UserFileError(ValueError):
    """The file cannot be read or written, or what is asked does not fit it; the text says which and why."""


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """hash: an argon2id hash in its usual text form. changed_at: when the password was last set, UTC."""

    hash: str
    disabled: bool = False
    changed_at: str = ""


class UserFile:
    """Users by name. Another process may change the file at any time; what is read is whole in any case."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._users: Mapping[str, User] = {}

    def users(self) -> Mapping[str, User]:
        """As the file has them now; none when there is no file. Raises UserFileError."""
        try:
            status = self.path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen != self._seen:
                self._users = msgspec.json.decode(self.path.read_bytes(), type=dict[str, User])
                self._seen = seen
        except FileNotFoundError:
            self._users, self._seen = {}, None
        except OSError as error:
            raise UserFileError(f"{self.path}: {error.strerror}") from error
        except msgspec.DecodeError as error:
            raise UserFileError(f"{self.path}: not a file of users: {error}") from error
        return self._users

    def add(self, name: str, password_hash: str) -> None:
        """Raises UserFileError if there is such a user already."""

        def change(found: User | None) -> User:
            if found is not None:
                raise UserFileError(f"user {name!r} is there already; fixgw user passwd gives it another password")
            return User(password_hash, changed_at=_now())

        self._change(name, change)

    def set_hash(self, name: str, password_hash: str) -> None:
        """A new password. Raises UserFileError if there is no such user."""
        self._change(name, lambda found: User(password_hash, _there(found, name).disabled, _now()))

    def disable(self, name: str, *, disabled: bool = True) -> None:
        """Or let it in again. Raises UserFileError if there is no such user."""
        self._change(name, lambda found: msgspec.structs.replace(_there(found, name), disabled=disabled))

    def _change(self, name: str, change: Callable[[User | None], User]) -> None:
        try:
            with self._locked():
                users = dict(self.users())
                users[name] = change(users.get(name))
                self._write(users)
        except OSError as error:
            raise UserFileError(f"{self.path}: {error.strerror}") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, users: Mapping[str, User]) -> None:
        """Whole or not at all, and for us alone from the first byte."""
        unfinished = self.path.with_name(self.path.name + ".part")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(dict(sorted(users.items()))), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path)


def _there(found: User | None, name: str) -> User:
    if found is None:
        raise UserFileError(f"there is no user {name!r}")
    return found


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
