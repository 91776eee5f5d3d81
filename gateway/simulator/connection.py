"""WebSocket connections: ordered, never blocking delivery; a client that does not read is dropped."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from aiohttp import WSMsgType, web
from aiohttp.client_exceptions import ClientConnectionResetError

_MAX_BACKLOG_BYTES = 32 * 1024 * 1024
# aiohttp waits for slow readers beyond this; here the backlog is bounded instead, so that nobody waits.
WRITER_LIMIT = 1 << 40
PING_SECONDS = 20.0


class Connection:
    """One WebSocket. Frames queue here and go out in order by `pump`."""

    def __init__(self, ws: web.WebSocketResponse, request: web.BaseRequest, hub: "Hub") -> None:
        self.ws = ws
        self._request = request
        self._hub = hub
        self._pending: deque[bytes] = deque()
        self._pumping = False

    def push(self, frame: bytes) -> None:
        """Queue a frame; it leaves with the next `Hub.flush`."""
        self._pending.append(frame)
        self._hub.dirty[self] = None

    def push_first(self, frame: bytes) -> None:
        """Queue an answer ahead of the events that its request caused."""
        self._pending.appendleft(frame)
        self._hub.dirty[self] = None

    async def pump(self) -> None:
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._pending:
                await self.ws.send_frame(self._pending.popleft(), WSMsgType.TEXT)
            self._drop_if_not_reading()
        except (ClientConnectionResetError, ConnectionError, RuntimeError):
            self._pending.clear()  # the reader's loop sees the end of the connection and cleans up
        finally:
            self._pumping = False

    def _drop_if_not_reading(self) -> None:
        transport = self._request.transport
        if transport is not None and transport.get_write_buffer_size() > _MAX_BACKLOG_BYTES:
            transport.abort()

    async def leave(self) -> None:
        """Send what is queued, then close."""
        await self.pump()
        with suppress(ConnectionError, RuntimeError):
            await self.ws.close(code=1001, message=b"server shutdown")

    def abort(self) -> None:
        """Break the connection without a closing handshake."""
        self._pending.clear()
        transport = self._request.transport
        if transport is not None:
            transport.abort()


class Hub:
    """All open WebSocket connections, and those with frames to send."""

    def __init__(self) -> None:
        self.connections: dict[Connection, None] = {}
        self.dirty: dict[Connection, None] = {}
        self.before_flush: Callable[[], None] = lambda: None

    async def open(self, request: web.BaseRequest) -> Connection:
        ws = web.WebSocketResponse(heartbeat=PING_SECONDS, compress=True, writer_limit=WRITER_LIMIT, decode_text=False)
        await ws.prepare(request)
        connection = Connection(ws, request, self)
        self.connections[connection] = None
        return connection

    def forget(self, connection: Connection) -> None:
        self.connections.pop(connection, None)
        self.dirty.pop(connection, None)

    async def flush(self) -> None:
        """Send what is queued on every connection, after `before_flush` may have queued more."""
        self.before_flush()
        while self.dirty:
            connection, _ = self.dirty.popitem()
            await connection.pump()

    async def close_all(self) -> None:
        await asyncio.gather(*(one.leave() for one in list(self.connections)), return_exceptions=True)
