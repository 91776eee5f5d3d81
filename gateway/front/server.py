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
from gateway.front.settings import FrontSettings, PasswordLogon
from gateway.front.signatures import PublicKeyError
from gateway.front.state import FrontState
from gateway.front.tls import TlsError
from gateway.front.wire_writer import WireLogError, WireWriter

_OTHER_DESCRIPTORS = 64
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
        self._wire_writer: WireWriter | None = None
        path = settings.control_socket
        self._control = FrontControl(self._state, path, settings.control_gid) if path is not None else None
        self._stopped = True
        self.port = settings.port
        """The TCP port in use; after start() also when port 0 was configured."""

    async def start(self) -> None:
        """Listen. Raises FrontError if the address, the control socket or the wire log's directory cannot be used."""
        host, port = self._settings.host, self._settings.port
        _allow_descriptors(2 * self._settings.max_connections + _OTHER_DESCRIPTORS)
        if self._state.wire_log is not None:
            try:
                self._wire_writer = WireWriter(self._state.wire_log)
            except WireLogError as error:
                raise FrontError(f"wire_log.directory: {error}") from error
            self._wire_writer.start()
        try:
            self.port = await self._listener.start(host, port)
        except OSError as error:
            self._close_wire_log()
            raise FrontError(f"cannot listen on {host} port {port}: {error}") from error
        self._stopped = False
        if self._control is not None:
            try:
                await self._control.start()
            except ListenerError as error:
                await self.stop()
                raise FrontError(f"front.control_socket: {error}") from error
        if self._settings.tls is None and any(isinstance(s.logon, PasswordLogon) for s in self._settings.sessions):
            logger.warning("passwords come in clear text, since front.tls is not configured")
        logger.info("front listens on {}:{}, engine at {}", host, self.port, self._settings.engine_socket)

    def reload(self) -> None:
        """Use the TLS files and public keys as they are now for new connections; those that stand go on."""
        self._state.reload()

    async def stop(self) -> None:
        """Accept no more, deliver what is buffered, close every client; cut those that take too long."""
        if self._stopped:
            return
        self._stopped = True
        self._listener.close()
        if self._control is not None:
            await self._control.stop()
        for connection in list(self._state.clients):
            connection.close("INFO", "the front is stopping")
        await self._wait_for_clients()
        for connection in list(self._state.clients):
            connection.abort()
        await self._wait_for_clients()
        self._state.credentials.close()
        self._close_wire_log()
        logger.info("front stopped")

    def _close_wire_log(self) -> None:
        if self._wire_writer is not None:
            self._wire_writer.close()

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
