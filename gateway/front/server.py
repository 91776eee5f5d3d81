"""The front process: listen, serve until told to stop, close every client."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path

from loguru import logger

from gateway.front.connection import ClientSide, FrontState
from gateway.front.settings import FrontSettings

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class FrontError(RuntimeError):
    """The front cannot start as configured."""


class Front:
    """A listening front inside a running event loop."""

    def __init__(self, settings: FrontSettings) -> None:
        self._settings = settings
        self._state = FrontState(settings)
        self._server: asyncio.Server | None = None
        self.port = settings.port
        """The TCP port in use; after start() also when port 0 was configured."""

    async def start(self) -> None:
        """Listen. Raises FrontError if the address cannot be used."""
        host, port = self._settings.host, self._settings.port
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: ClientSide(self._state), host, port, backlog=256
            )
        except OSError as error:
            raise FrontError(f"cannot listen on {host} port {port}: {error}") from error
        self.port = int(self._server.sockets[0].getsockname()[1])
        logger.info("front listens on {}:{}, engine at {}", host, self.port, self._settings.engine_socket)

    async def stop(self) -> None:
        """Accept no more, deliver what is buffered, close every client; cut those that take too long."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for connection in list(self._state.open):
            connection.close("INFO", "the front is stopping")
        await self._wait_for_clients()
        for connection in list(self._state.open):
            connection.abort()
        await self._wait_for_clients()
        logger.info("front stopped")

    async def _wait_for_clients(self) -> None:
        if self._state.open:
            ends = [connection.lost for connection in self._state.open]
            await asyncio.wait(ends, timeout=self._settings.stop_seconds)


async def run_front(settings: FrontSettings, announce: Callable[[int], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises FrontError if the address cannot be used or the ready file cannot be written.
    announce: called with the port once the front listens, besides writing settings.ready_file.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    front = Front(settings)
    try:
        await front.start()
        if settings.ready_file is not None:
            _write_ready(settings.ready_file, front.port)
        if announce is not None:
            announce(front.port)
        await stop.wait()
    finally:
        await front.stop()
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)


def _write_ready(path: Path, port: int) -> None:
    """Appear complete or not at all: the supervisor polls for the file."""
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_text(json.dumps({"port": port}) + "\n")
        unfinished.replace(path)
    except OSError as error:
        raise FrontError(f"cannot write the ready file: {error}") from error
