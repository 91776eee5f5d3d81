"""Logon by Username(553) and Password(554), with NewPassword(925) and a lock after failures.

A check is tens of milliseconds of CPU, so it runs on a thread of its own, one at a time, with few waiting, and fewer of
one address: many Logons at once neither stop the pumping of bytes, nor take more than one core, nor keep others out for
long. Whatever is wrong, the client gets the same answer after the same work.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from gateway.front.addresses import Address, Network, site
from gateway.front.logon import Logon
from gateway.front.passwords import hash_password, is_password
from gateway.front.refused import NOT_AUTHORIZED, Refused
from gateway.front.users import UserFile, UserFileError
from gateway.wire.tags import NEW_PASSWORD, PASSWORD, USERNAME

_MAX_WAITING, _MAX_WAITING_OF_ADDRESS = 32, 8


@dataclass(slots=True)
class _Failures:
    count: int = 0
    locked_until: float = 0.0


class PasswordCheck:
    """Knows the failures of users since the start of the process."""

    def __init__(
        self,
        max_failures: int,
        lockout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_failures, self._lockout_seconds = max_failures, lockout_seconds
        self._clock = clock
        self._failures: dict[tuple[Path, str], _Failures] = {}  # of users that exist, each in its file
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        self._waiting: Counter[Network] = Counter()

    async def check(self, users: UserFile, allowed: frozenset[str], logon: Logon, address: Address) -> None:
        """Raises Refused unless the Logon has the name and password of one of the allowed users of this file.

        A NewPassword(925) is the user's password from then on.
        """
        client = site(address)
        if self._waiting[client] >= _MAX_WAITING_OF_ADDRESS or self._waiting.total() >= _MAX_WAITING:
            raise Refused("too many Logons are waiting for their password check", "busy, try again")
        self._waiting[client] += 1
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._check, users, allowed, logon)
        finally:
            self._waiting[client] -= 1
            self._waiting += Counter()  # drops those at nought

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _check(self, users: UserFile, allowed: frozenset[str], logon: Logon) -> None:
        """Runs on the one thread, which alone touches the failures."""
        name, new_password = logon.value(USERNAME), logon.value(NEW_PASSWORD)
        try:
            user = users.users().get(name)
        except UserFileError as error:
            logger.error("the file of users cannot be used: {}", error)
            user = None
        right = is_password(user.hash if user else None, logon.value(PASSWORD))
        if user is None:
            raise Refused("unknown user" if name else "no Username(553) was given", NOT_AUTHORIZED)
        failures = self._failures.setdefault((users.path, name), _Failures())
        if self._clock() < failures.locked_until:
            raise Refused(f"user {name} is locked after {self._max_failures} failures", NOT_AUTHORIZED)
        if not right:
            self._failed(name, failures)
            raise Refused(f"wrong password of user {name}", NOT_AUTHORIZED)
        if user.disabled or name not in allowed:
            why = "is disabled" if user.disabled else "may not use the session"
            raise Refused(f"user {name} {why}", NOT_AUTHORIZED)
        del self._failures[users.path, name]
        if new_password:
            self._change(users, name, new_password)

    def _failed(self, name: str, failures: _Failures) -> None:
        failures.count += 1
        if failures.count >= self._max_failures:
            failures.count, failures.locked_until = 0, self._clock() + self._lockout_seconds
            logger.error("user locked for {:g} s user={} failures={}", self._lockout_seconds, name, self._max_failures)

    def _change(self, users: UserFile, name: str, new_password: str) -> None:
        try:
            users.set_hash(name, hash_password(new_password))
        except UserFileError as error:
            raise Refused(f"NewPassword(925) not saved: {error}", "NewPassword(925) could not be saved") from error
        except ValueError as error:
            raise Refused(f"NewPassword(925) of user {name} refused: {error}", f"NewPassword(925): {error}") from error
        logger.info("password changed user={}", name)
