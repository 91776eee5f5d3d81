"""The engine's lease on its shard: taken at the start, renewed while it runs, and looked at before anything leaves.

A commit asserts the fencing number in SQL, so an engine that was fenced off can commit nothing. What was committed and
is not sent yet is what this file is for: an engine that was paused, or cut off from the database, must not send it
after another engine may have taken over. It knows by its own monotonic clock until when nobody can have.

Between the look and the write to a socket there are microseconds left. A venue refuses what comes late, by the signed
timestamp and recvWindow; the new engine takes no order for lost before that. A FIX message that slips out carries a
number below the bound at which the new engine goes on.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from loguru import logger
from sqlalchemy import Engine as Database
from sqlalchemy.exc import DBAPIError

from gateway.engine.clock import NANOSECONDS
from gateway.errors import ConfigError, DatabaseUnavailable, GatewayError, JournalHalted, LeaseLost
from gateway.store.leases import Claim, Fence, end_lease, lease_connection, read_lease, renew_lease, take_lease

SHARD = "main"
"""Sessions are not spread over shards yet: one engine has them all."""

_POLL_S = 0.5
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# It counts while the machine is suspended, which CLOCK_MONOTONIC does not.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def monotonic_ns() -> int:
    """Nanoseconds since some moment; never set back."""
    return time.clock_gettime_ns(_CLOCK)


def place_of(lock: TextIO) -> str:
    """Names the lock file that we hold: of two engines with the same name for it, one has ended.

    The kernel's boot and the file itself tell it from a copy on another machine. Where the kernel has no such id,
    nothing is known and the name is new each time.
    """
    if not _BOOT_ID.exists():
        return uuid.uuid4().hex
    status = os.fstat(lock.fileno())
    return f"{_BOOT_ID.read_text().strip()}:{status.st_dev}:{status.st_ino}"


class Lease:
    """Held from take() to release(). check() is called on every thread that sends; the venues' process is given the
    deadline with what it is to send.
    """

    def __init__(
        self,
        database: Database,
        *,
        seconds: float,
        place: str,
        directory: Path,
        on_lost: Callable[[BaseException], None],
        now: Callable[[], int] = monotonic_ns,
    ) -> None:
        """seconds: after how long without a renewal another engine may take over."""
        self._connection = lease_connection(database)
        holder = f"{socket.gethostname()} process {os.getpid()} ({directory.resolve()})"
        self._claim = Claim(SHARD, holder, place, int(seconds * NANOSECONDS))
        self._on_lost = on_lost
        self._now = now
        self._deadline = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self.fence = Fence(SHARD, 0)

    def take(self, go_on: Callable[[float], bool]) -> None:
        """Take the lease and begin to renew it; wait for one that is not renewed any more.

        go_on: waits so many seconds, and says whether to. Raises ConfigError when the holder is alive, and
        GatewayError when told to stop.
        """
        seen: tuple[int, int] | None = None
        while True:
            before = self._now()
            number = take_lease(self._connection, self._claim)
            if number is not None:
                break
            held = read_lease(self._connection, SHARD)
            if held is None:
                continue
            until = f"{datetime.fromtimestamp(held.expires_at / NANOSECONDS, UTC):%Y-%m-%d %H:%M:%S} UTC"
            now = (held.fencing_number, held.expires_at)
            if seen is None:
                logger.warning("the database is held by {} until {}: waiting", held.holder, until)
            elif seen != now:
                raise ConfigError(
                    f"the database is in use by another engine, {held.holder}, which holds its lease until {until} "
                    "and renews it; stop that one first"
                )
            seen = now
            if not go_on(_POLL_S):
                raise GatewayError("stopped while waiting for the lease")
        self.fence = Fence(SHARD, number)
        self._renewed(before)
        self._thread.start()
        logger.info("lease taken shard={} fencing_number={}", SHARD, number)

    @property
    def deadline(self) -> int:
        """Until when nobody else can have it, by monotonic_ns()."""
        return self._deadline

    def check(self) -> None:
        """Raises LeaseLost once another engine may have taken over."""
        if self._now() >= self._deadline:
            raise LeaseLost("the lease was not renewed in time: another engine may have taken over")

    def release(self) -> None:
        """Give it back after the last commit. Nothing may be sent from now on."""
        self._ended.set()
        self._thread.join(_POLL_S)
        self._deadline = 0
        try:
            end_lease(self._connection, self.fence)
            self._connection.close()
        except DBAPIError as error:  # it expires by itself
            logger.warning("the lease was not given back: {}", error.orig)

    def _renewed(self, before: int) -> None:
        """before: when the renewal was sent. A tenth of the time is left for clocks that run at another speed."""
        self._deadline = before + self._claim.ttl * 9 // 10

    def _keep(self) -> None:
        try:
            while not self._ended.wait(self._claim.ttl / NANOSECONDS / 3):
                before = self._now()
                if not renew_lease(self._connection, self.fence, self._claim.ttl):
                    self._lost(LeaseLost("another engine has taken over the lease"))
                    return
                self._renewed(before)
        except DBAPIError as error:
            self._lost(JournalHalted(f"the lease was not renewed: {error.orig}"))

    def _lost(self, error: BaseException) -> None:
        if not self._ended.is_set():
            self._on_lost(error)


def take_lease_of(
    database: Database,
    lock: TextIO,
    directory: Path,
    seconds: float,
    on_lost: Callable[[BaseException], None],
    go_on: Callable[[float], bool],
) -> Lease | None:
    """The lease on the database's shard; None on SQLite, whose lock file serves. Raises as Lease.take does, and
    DatabaseUnavailable.
    """
    if database.dialect.name != "postgresql":
        return None
    try:
        lease = Lease(database, seconds=seconds, place=place_of(lock), directory=directory, on_lost=on_lost)
        lease.take(go_on)
    except DBAPIError as error:
        raise DatabaseUnavailable(f"the lease could not be taken: {error.orig}") from error
    return lease
