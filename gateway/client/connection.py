"""One TCP connection that yields whole FIX messages, and its keep-alive timer."""

import asyncio
from collections.abc import Callable
from typing import cast

from gateway.wire.framing import Framer, FramingError

# FIX leaves the margin open ("reasonable transmission time"); the usual fifth of the interval.
_PATIENCE = 1.2
_MAX_MESSAGE_BYTES = 8 << 20


class Connection(asyncio.Protocol):
    """Calls on_message with each complete message, and on_closed with the reason of the end, perhaps repeatedly."""

    def __init__(self, on_message: Callable[[bytes], None], on_closed: Callable[["Connection", str], None]) -> None:
        self._on_message, self._on_closed = on_message, on_closed
        self._transport: asyncio.Transport | None = None
        self._framer = Framer(_MAX_MESSAGE_BYTES)
        self._closed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._last_sent = self._last_received = 0.0
        self._tested = False
        self.reason: str | None = None
        """Why the session on it ended, None while it goes on."""

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Queue bytes for the peer."""
        assert self._transport is not None
        self._transport.write(data)
        self._last_sent = asyncio.get_running_loop().time()

    def close(self) -> None:
        """Close after what is written has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what is not sent yet is lost."""
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        await self._closed.wait()

    def keep_alive(self, interval: int, heartbeat: Callable[[], None], test: Callable[[], None]) -> None:
        """Call heartbeat after `interval` seconds without sending, test after a silent peer, then give up."""
        if interval <= 0 or not self.open:
            return
        now = asyncio.get_running_loop().time()
        silence = now - self._last_received
        if silence > 2 * _PATIENCE * interval:
            self._on_closed(self, f"no message within {2 * _PATIENCE * interval:g} s, not even after a TestRequest")
            self.abort()
            return
        if silence > _PATIENCE * interval and not self._tested:
            self._tested = True
            test()
        elif now - self._last_sent >= interval:
            heartbeat()
        self._timer = asyncio.get_running_loop().call_later(
            min(1.0, interval / 4), self.keep_alive, interval, heartbeat, test
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._last_sent = self._last_received = asyncio.get_running_loop().time()

    def data_received(self, data: bytes) -> None:
        self._last_received, self._tested = asyncio.get_running_loop().time(), False
        try:
            messages = self._framer.feed(data)
            if self._framer.skipped or self._framer.problem:
                raise FramingError(self._framer.problem or f"{self._framer.skipped} bytes that are no FIX message")
            for message in messages:
                if self.open:
                    self._on_message(message)
        except (ValueError, KeyError) as error:
            self._on_closed(self, f"unreadable data received: {error}")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._on_closed(self, f"the connection was lost: {exc}" if exc else "the other side closed the connection")
        self._closed.set()
