"""The watchdog's other half: finds out when an engine hangs, or dies and does not come back.

It is killed before anything is sent, so that the two cannot race, and the firm is halted: why it stood still nobody
knows, so that people decide when to go on. The disk may be what hangs, so all that touches it has a time limit.
"""

import asyncio
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from loguru import logger

from gateway.config import Config
from gateway.engine.attendance import TICK_S, Attendance, Missing
from gateway.engine.emergency import Emergency, EmergencyFile, Found, OpenOrder
from gateway.engine.orders_in_sql import InSql, is_anothers, load_driver, orders_in_sql
from gateway.engine.private_socket import peer_of
from gateway.engine.pulse import BEAT, BYE, HELLO, pulse_socket
from gateway.errors import ConfigError
from gateway.venues.base import Sinks, Venue
from gateway.venues.emergency import ours_at

_T = TypeVar("_T")

_DISK_S = 10.0
_READ_S = 60.0  # a hundred thousand open orders take some seconds
_LISTS_S = 30.0
"""So long the orders of one venue account wait for another account's list: its key or its venue may be what is gone."""
_LAST_S = 10.0
_TURN_S = 0.01
_DIES_S = 5.0
"""After SIGKILL a thread that the disk holds in the kernel may never end; no other thread of its process runs on."""

Begin = Callable[[Emergency], EmergencyFile | None]
Cancel = Callable[[Emergency, EmergencyFile | None], None]


class Unattended:
    """Used inside the watchdog's event loop."""

    def __init__(
        self,
        config: Config,
        build: Callable[[str, Sinks], Venue],
        begin: Begin,
        cancel: Cancel,
        taken_over: Callable[[], None] = lambda: None,
    ) -> None:
        """begin: writes an emergency down, on whatever thread. cancel: has its orders canceled from now on.

        taken_over: told when an engine is at work, which cancels by itself what it found written down.
        """
        self._taken_over = taken_over
        self._config = config
        self._build = build
        self._begin = begin
        self._cancel = cancel
        self.attendance = Attendance(
            round(config.engine.hang_seconds / TICK_S), round(config.engine.absent_seconds / TICK_S)
        )
        self._engines: dict[int, int] = {}  # process descriptors of those that are connected, by process id
        self._killed: set[int] = set()  # of those that are connected: the host gives a process id again
        self._fencing_number = 0  # of the engine that came last: one may take the lease and die before its first beat
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._seeing: asyncio.Task[None] | None = None  # to what one that is missed has left
        self.giving_up: asyncio.Task[None] | None = None
        self._late: set[asyncio.Task[tuple[OpenOrder, ...]]] = set()  # lists that are still asked for

    async def start(self) -> None:
        """Listen. Raises OSError."""
        with suppress(ConfigError):  # which the engine tells, and does not start
            load_driver(self._config.database.url)
        path = pulse_socket(self._config.engine.directory)
        self._server = await asyncio.start_unix_server(self._serve, sock=listen_at(path))
        self._ticking = asyncio.create_task(self._tick())

    def given_up(self) -> None:
        """No engine will be started any more: see to what a dead one left, now, or to its end."""
        if self.giving_up is None:
            self.giving_up = asyncio.create_task(self._give_up())

    async def _give_up(self) -> None:
        while any(map(_is_dead, self._engines.values())):  # noqa: ASYNC110 - until its last words are read
            await asyncio.sleep(_TURN_S)
        if self._seeing is not None:
            await asyncio.wait({self._seeing})
        if self.attendance.died:
            self.attendance.excused()
            await asyncio.wait({self._begin_to_see_to_it(Missing.ABSENT)})

    async def stop(self) -> None:
        """Miss nobody from now on."""
        if self.giving_up is not None:
            await asyncio.wait({self.giving_up}, timeout=_LAST_S)
        if self._server is not None:
            self._server.close()
        for task in (self._ticking, self._seeing, *self._late):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One engine's connection."""
        pid = peer_of(writer.get_extra_info("socket")).pid
        process = None
        try:
            process = self._engines[pid] = os.pidfd_open(pid)
            async for line in reader:
                word, _, rest = line.decode("ascii", "replace").strip().partition(" ")
                if word == HELLO:
                    self._fencing_number = int(rest)
                elif word == BEAT:
                    if not self.attendance.knows(pid):
                        logger.info("the engine is at work pid={}", pid)
                        for late in self._late:
                            late.cancel()
                        self._taken_over()
                    self.attendance.beat(pid)
                elif word == BYE:
                    self.attendance.excused()
        except (OSError, ValueError) as error:
            logger.warning("the engine's pulse is lost: {}", error)
        finally:
            if self._engines.get(pid) == process:  # else it has connected again already
                self.attendance.ended(pid)
                self._engines.pop(pid, None)
                self._killed.discard(pid)
            if process is not None:
                os.close(process)
            writer.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            missing = self.attendance.tick()
            if missing is not None:
                await asyncio.wait({self._begin_to_see_to_it(missing)})

    def _begin_to_see_to_it(self, missing: Missing) -> "asyncio.Task[None]":
        async def see_to_it() -> None:
            try:
                await self._see_to_it(missing)
            except Exception as error:
                logger.opt(exception=error).critical("the watchdog failed")

        self._seeing = asyncio.create_task(see_to_it())
        return self._seeing

    async def _see_to_it(self, missing: Missing) -> None:
        cause = f"ENGINE_{missing.name} {missing.value}"
        logger.critical("ALERT {}", cause)
        if await self._is_anothers():
            await self._kill()
            logger.critical("another engine may have its orders: nothing is canceled")
            return
        # On the disk and locked before the engine is killed: the next one waits for it, and finds it.
        emergency = Emergency(cause, time.time_ns(), (), halt=True)
        file = None
        try:
            file = await within(_DISK_S, lambda: self._begin(emergency))
        except TimeoutError:
            logger.critical("the disk does not answer: the halt is not written down, and ends with the next start")
        await self._kill()
        orders, owners = await self._open_orders(emergency)
        if file is not None:
            with suppress(OSError, TimeoutError):
                await within(_DISK_S, lambda: file.add(Found(orders)))
        if file is not None and self._is_replaced():  # to find the orders took long; it has read the file
            logger.critical("an engine is at work again, and cancels what is open")
            with suppress(OSError, TimeoutError):
                await within(_DISK_S, file.close)
            return
        self._cancel(Emergency(cause, emergency.at, orders, halt=True, owners=owners), file)

    def _is_replaced(self) -> bool:
        """Whether an engine is at work that is none of those that were killed, however long these take to end."""
        return self.attendance.at_work and not any(self.attendance.knows(pid) for pid in self._killed)

    async def _is_anothers(self) -> bool:
        """Where leases decide and SQL does not tell, another engine may have taken over."""
        try:
            return await within(_READ_S, lambda: is_anothers(self._config.database.url, self._fencing_number))
        except Exception as error:
            logger.critical("SQL does not say who has the orders: {}", error)
            return True

    async def _kill(self) -> None:
        """All that are connected: one that is just starting would trade on without knowing of this."""
        for pid in list(self._engines):
            process = self._engines.get(pid)
            if process is None:  # it ended while another was killed, and its descriptor is closed
                continue
            logger.critical("killing the engine pid={}", pid)
            self._killed.add(pid)
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            await _ended(os.dup(process))

    async def _open_orders(self, emergency: Emergency) -> InSql:
        """As SQL has them, and whose the venue accounts are, or else as the exchange lists them by our prefix."""
        try:
            found = await within(_READ_S, lambda: orders_in_sql(self._config.database.url))
        except Exception as error:
            logger.critical("SQL cannot be read, the exchange is asked what is open: {!r}", error)
        else:
            logger.critical("{} open orders in SQL, canceled now", len(found.orders))
            return found
        prefix = self._config.deployment + "-"
        asked = [asyncio.create_task(ours_at(self._build, a.name, prefix)) for a in self._config.venue_accounts]
        done, self._late = await asyncio.wait(asked, timeout=_LISTS_S)
        for late in self._late:
            late.add_done_callback(lambda task: self._listed_late(emergency, task))
        orders = tuple(order for task in done for order in _listed(task))
        logger.critical("{} open orders at the exchange, canceled now", len(orders))
        return InSql(orders, {})

    def _listed_late(self, emergency: Emergency, task: "asyncio.Task[tuple[OpenOrder, ...]]") -> None:
        self._late.discard(task)
        orders = () if task.cancelled() else _listed(task)
        if orders and not self._is_replaced():
            logger.critical("{} more open orders at the exchange, canceled now", len(orders))
            self._cancel(Emergency(emergency.cause, emergency.at, orders, halt=True), None)


def _listed(task: "asyncio.Task[tuple[OpenOrder, ...]]") -> tuple[OpenOrder, ...]:
    """What a venue account has open; of one whose adapter failed nothing, which is not the others' trouble."""
    error = task.exception()
    if error is not None:
        logger.opt(exception=error).critical("what is open at a venue account is not known")
        return ()
    return task.result()


def listen_at(path: Path) -> socket.socket:
    """A Unix socket for processes of our own user. Raises OSError."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    return listener


async def within(seconds: float, work: Callable[[], _T]) -> _T:
    """What the work returns, or raises; TimeoutError when it takes longer, and then it is left behind on its thread."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def tell(result: _T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type] # None only where that is what it returns

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, result, error)

    # Not the loop's own threads: the process would wait for those at its end.
    threading.Thread(target=run, name="watchdog disk", daemon=True).start()
    return await asyncio.wait_for(done, seconds)


def _is_dead(process: int) -> bool:
    """Whether the process behind the descriptor is."""
    dead, _, _ = select.select([process], [], [], 0)
    return bool(dead)


async def _ended(process: int) -> None:
    """Return when the process behind the descriptor, which is ours to close, has ended."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(process, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), _DIES_S)
    except TimeoutError:
        logger.critical("the engine is killed and hangs in the kernel")
    finally:
        loop.remove_reader(process)
        os.close(process)
