"""The front process: listen, serve until told to stop, close every client."""

import asyncio
import json
import resource
import signal
from collections.abc import Callable
from pathlib import Path

from loguru import logger

from gateway.engine.private_socket import ListenerError
from gateway.front.control import FrontControl
from gateway.front.listener import Listener
from gateway.front.settings import FrontSettings, PasswordLogon, open_to_anybody
from gateway.front.signatures import PublicKeyError
from gateway.front.state import FrontState
from gateway.front.tls import TlsError
from gateway.front.wire_writer import WireLogError, WireWriter

_OTHER_DESCRIPTORS = 64
TELL_DATES_S = 86_400.0
"""How often it is logged until when the TLS files are good."""
RELOAD = signal.SIGUSR2
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class FrontError(RuntimeError):
    """The front cannot start as configured."""


class Front:
    """A listening front inside a running event loop."""

    def __init__(self, settings: FrontSettings) -> None:
        """Raises FrontError if the TLS files or public keys cannot be used."""
        self._settings = settings
        try:
            self._state = FrontState(settings)
        except TlsError as error:
            raise FrontError(f"front.tls: {error}") from error
        except PublicKeyError as error:
            raise FrontError(f"sessions.logon.public_keys: {error}") from error
        self._listener = Listener(self._state)
        self._wire_writers: list[WireWriter] = []
        self._controls = [
            FrontControl(backend, path, backend.settings.control_gid)
            for backend in self._state.backends
            if (path := backend.settings.control_socket) is not None
        ]
        self._stopped = True
        self._reminder: asyncio.TimerHandle | None = None
        self.port = settings.port
        """The TCP port in use; after start() also when port 0 was configured."""

    async def start(self) -> None:
        """Listen. Raises FrontError if the address, a control socket or a wire log's directory cannot be used."""
        host, port = self._settings.host, self._settings.port
        _allow_descriptors(2 * self._settings.max_connections + _OTHER_DESCRIPTORS)
        self._stopped = False
        try:
            for log in self._state.wire_logs:
                self._wire_writers.append(WireWriter(log))
                self._wire_writers[-1].start()
            self.port = await self._listener.start(host, port)
            for control in self._controls:
                await control.start()
        except WireLogError as error:
            await self.stop()
            raise FrontError(f"wire_log.directory: {error}") from error
        except OSError as error:
            await self.stop()
            raise FrontError(f"cannot listen on {host} port {port}: {error}") from error
        except ListenerError as error:
            await self.stop()
            raise FrontError(f"front.control_socket: {error}") from error
        if self._settings.tls is None and any(isinstance(s.logon, PasswordLogon) for s in self._settings.sessions):
            logger.warning("passwords come in clear text, since front.tls is not configured")
        if anybodys := open_to_anybody(self._settings):
            asks = "which ask for no password, certificate or address"
            logger.warning("anybody who reaches this port may use {}, {}", ", ".join(anybodys), asks)
        self._reminder = asyncio.get_running_loop().call_later(TELL_DATES_S, self._tell_dates)
        engines = ", ".join(str(backend.engine_socket) for backend in self._state.backends)
        logger.info("front listens on {}:{}, engine at {}", host, self.port, engines)

    def reload(self) -> None:
        """Use the TLS files and public keys as they are now for new connections; those that stand go on."""
        self._state.reload()

    def _tell_dates(self) -> None:
        if self._state.dates is not None:
            self._state.dates.tell()
        self._reminder = asyncio.get_running_loop().call_later(TELL_DATES_S, self._tell_dates)

    async def stop(self) -> None:
        """Accept no more, deliver what is buffered, close every client; cut those that take too long."""
        if self._stopped:
            return
        self._stopped = True
        if self._reminder is not None:
            self._reminder.cancel()
        self._listener.close()
        for control in self._controls:
            await control.stop()
        for connection in list(self._state.clients):
            connection.close("INFO", "the front is stopping")
        await self._wait_for_clients()
        for connection in list(self._state.clients):
            connection.abort()
        await self._wait_for_clients()
        self._state.credentials.close()
        for writer in self._wire_writers:
            writer.close()
        logger.info("front stopped")

    async def _wait_for_clients(self) -> None:
        if self._state.clients:
            ends = [connection.lost for connection in self._state.clients]
            await asyncio.wait(ends, timeout=self._settings.stop_seconds)


async def run_front(
    settings: FrontSettings, ready_file: Path | None = None, announce: Callable[[int], None] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; at RELOAD read the TLS files and public keys again.

    Raises FrontError if the TLS files or the address cannot be used or the ready file cannot be written.
    ready_file: written with {"port": …} once the front listens. announce: called with the port then.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    front = Front(settings)
    loop.add_signal_handler(RELOAD, front.reload)
    try:
        await front.start()
        if ready_file is not None:
            _write_ready(ready_file, front.port)
        if announce is not None:
            announce(front.port)
        await stop.wait()
    finally:
        await front.stop()
        for number in (*_STOP_SIGNALS, RELOAD):
            loop.remove_signal_handler(number)


def _write_ready(path: Path, port: int) -> None:
    """Appear complete or not at all: the supervisor polls for the file."""
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_text(json.dumps({"port": port}) + "\n")
        unfinished.replace(path)
    except OSError as error:
        raise FrontError(f"cannot write the ready file: {error}") from error


def _allow_descriptors(number: int) -> None:
    """As many as the configured connections need: each has a socket to its client and one to the engine."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < number:
        logger.warning("only {} descriptors are allowed (ulimit -Hn), all connections would need {}", wanted, number)
