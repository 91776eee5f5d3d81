"""The watchdog process: waits for an engine that has lost SQL, or is lost itself (unattended.py), and cancels its open
orders at their venues.

It holds in memory all that takes, since what ends the engine (a full or dying disk) may keep anything else from being
started or read. It never sends before the engine is dead: the two cannot race. A cancel that the venue does not answer
is sent again until the order is over, or until a fresh engine, which could read SQL, takes its orders over.
"""

import asyncio
import encodings.idna  # noqa: F401 - Python loads it with the first host's name, which may be when the disk is gone
import os
import signal
from collections.abc import Callable

from loguru import logger

from gateway.config import Config
from gateway.engine.emergency import Emergency, EmergencyFile, Over, Said, decode_emergency, reserve_file
from gateway.engine.handover import TAKEN, watchdog_socket
from gateway.engine.private_socket import peer_of
from gateway.engine.pulse import GIVEN_UP
from gateway.unattended import Unattended, listen_at
from gateway.venues.base import Sinks, Venue
from gateway.venues.emergency import EmergencyCancels
from gateway.venues.registry import build_venue

_ENGINE_ENDS_S = 3.0  # by itself, after its farewell; then it is killed
_LEAST_RUN_S = 10.0
"""A fresh engine lets the cancels go on so long. Without that, an engine that starts and fails again and again would
never let any be sent."""

_VENUE_ENGINE_S = 10.0
_STOP_S = 5.0


class Watchdog:
    """Used inside one event loop."""

    def __init__(self, config: Config, *, allow_live: bool) -> None:
        self._directory = config.engine.directory
        self._in_flight_s = config.engine.recv_window_ms / 1_000 + _VENUE_ENGINE_S
        self._exclusive = frozenset(account.name for account in config.venue_accounts if account.exclusive)
        self._prefix = config.deployment + "-"
        self._build = _builder(config, allow_live=allow_live)
        self._over: set[str] = set()  # client ids that need no second cancel when the next engine fails too
        self._runs: set[asyncio.Task[None]] = set()  # two, where an engine is killed that was handing over
        self._ending: asyncio.Task[None] | None = None
        self.unattended = Unattended(config, self._build, self._begin, self._start_run, self._taken_over)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises OSError."""
        self._reserve()
        path = watchdog_socket(self._directory)
        await self.unattended.start()  # before an engine that finds the other can want it
        self._server = await asyncio.start_unix_server(self._serve, sock=listen_at(path))
        logger.info("watchdog waits at {}", path)

    async def stop(self) -> None:
        """Stop waiting; what is not canceled yet is left to the next engine."""
        if self._server is not None:
            self._server.close()
        await self.unattended.stop()
        if self.unattended.giving_up is not None:
            await self._let_run()  # there is no next engine
        await self._end_runs()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One engine's connection, which lives as long as the engine."""
        process = None
        try:
            process = os.pidfd_open(peer_of(writer.get_extra_info("socket")).pid)
            take_over = asyncio.create_task(self._let_take_over())
            emergency = self._what_is_left(await reader.read(-1))
            if emergency is None:
                return
            self.unattended.attendance.excused()  # its orders are seen to, and the next engine may take its time
            file = self._begin(emergency) if emergency.orders else None
            writer.write(f"{TAKEN}\n".encode())
            await writer.drain()
            await _dead(process)
            await take_over
            self._start_run(emergency, file)
        except Exception as error:
            logger.opt(exception=error).critical("the watchdog failed")
        finally:
            writer.close()
            if process is not None:
                os.close(process)

    def _what_is_left(self, data: bytes) -> Emergency | None:
        """What the engine handed over, without the orders that are over; None when it ended and had nothing to say."""
        if not data:
            return None
        emergency = decode_emergency(data)
        orders = tuple(order for order in emergency.orders if order.client_id not in self._over)
        logger.critical("SQL is lost, {} open orders are to be canceled: {}", len(orders), emergency.cause)
        return Emergency(emergency.cause, emergency.at, orders, owners=emergency.owners)

    def _begin(self, emergency: Emergency) -> EmergencyFile | None:
        """Write down what will be done. An emergency that cannot be written down is one all the same."""
        try:
            return EmergencyFile(self._directory, emergency)
        except OSError as error:
            logger.critical("emergency cancels cannot be written down ({}), only logged: {}", error, emergency)
            return None

    def _start_run(self, emergency: Emergency, file: EmergencyFile | None) -> None:
        run = asyncio.create_task(self._cancel(emergency, file))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    async def _cancel(self, emergency: Emergency, file: EmergencyFile | None) -> None:
        def note(line: Said | Over) -> None:
            nonlocal file
            if isinstance(line, Over):
                self._over.add(line.client_id)
            if file is not None:
                try:
                    file.add(line)
                except OSError as error:
                    logger.critical("emergency cancels can no longer be written down: {}", error)
                    _close(file)
                    file = None

        left = [order for order in emergency.orders if order.client_id not in self._over]
        try:
            cancels = EmergencyCancels(
                self._build, note, self._in_flight_s, self._exclusive, self._prefix, emergency.owners
            )
            await cancels.run(left)
            logger.critical("emergency cancels done orders={}", len(left))
        except Exception as error:
            logger.opt(exception=error).critical("emergency cancels failed")
        finally:
            if file is not None:
                _close(file)
            self._reserve()

    async def _let_take_over(self) -> None:
        """An engine is there that could read SQL, and cancels itself what is left."""
        self._reserve()  # the disk may have been full the last time
        await self._let_run()
        await self._end_runs()

    def _taken_over(self) -> None:
        """An engine is at work, and has withdrawn all that is written down: two would use the rate budget twice."""
        if self._runs:
            self._ending = asyncio.create_task(self._end_runs())

    async def _let_run(self) -> None:
        if self._runs:
            await asyncio.wait(self._runs, timeout=_LEAST_RUN_S)

    async def _end_runs(self) -> None:
        runs, self._runs = self._runs, set()
        for run in runs:
            run.cancel()
        if runs:
            await asyncio.wait(runs, timeout=_STOP_S)

    def _reserve(self) -> None:
        try:
            reserve_file(self._directory)
        except OSError as error:
            logger.error("no room can be kept for writing emergency cancels down: {}", error)


def _close(file: EmergencyFile) -> None:
    try:
        file.close()
    except OSError as error:
        logger.critical("what became of emergency cancels is not on the disk: {}", error)


def _builder(config: Config, *, allow_live: bool) -> Callable[[str, Sinks], Venue]:
    accounts = {account.name: account for account in config.venue_accounts}

    def build(name: str, sinks: Sinks) -> Venue:
        account = accounts[name]
        settings = {**account.settings, "environment": config.environment}
        return build_venue(account.venue, name, settings, sinks, allow_live=allow_live)

    return build


async def _dead(process: int) -> None:
    """Return when the process behind the descriptor is dead, by SIGKILL if need be."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(process, ended.set)
    try:
        try:
            await asyncio.wait_for(ended.wait(), _ENGINE_ENDS_S)
        except TimeoutError:
            logger.warning("the engine does not end, killed")
            signal.pidfd_send_signal(process, signal.SIGKILL)
            await ended.wait()
    finally:
        loop.remove_reader(process)


async def run_watchdog(config: Config, *, allow_live: bool) -> None:
    """Wait until SIGTERM or SIGINT. Raises OSError when it cannot listen."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watchdog = Watchdog(config, allow_live=allow_live)
    await watchdog.start()
    loop.add_signal_handler(GIVEN_UP, watchdog.unattended.given_up)
    await stop.wait()
    await watchdog.stop()
