"""One connection to the WebSocket API: requests by id, their answers, and the events of a user data subscription.

Built for low cost an order: no task and no timer a request. Frames leave through one writer task; a request is
`written` from the moment its frame is given to the socket, and from then on only an answer proves anything.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import aiohttp
import msgspec

from gateway.engine.crash_points import crash_point
from gateway.venues.binance.channel import Answer, Handler, RequestLostError
from gateway.venues.binance.environments import Credentials
from gateway.venues.binance.filters import RateLimit
from gateway.venues.binance.payload import PayloadError, Raw, decode, shown

_SWEEP_S = 0.25
_SILENT_S = 12.0
"""How long nothing may be heard while something was asked: then what answers is gone, whoever still answers pings.
Longer than the usual wait for an order's answer, so that the query which follows that can show the contrary."""

_LIMITS_EVERY_S = 0.1
HEARTBEAT_S = 10.0  # public: gateway/cli/scratch_engine.py loses connections when the record says so alone
_LATE_S = 60.0  # how long an answer that comes after its timeout is still understood
_MAX_FRAME = 8 << 20
_EMPTY = msgspec.Raw(b"")


class _Frame(msgspec.Struct, gc=False):
    id: int | str | None = None
    status: int = 0
    result: msgspec.Raw = _EMPTY
    error: msgspec.Raw = _EMPTY
    rateLimits: msgspec.Raw = _EMPTY
    event: msgspec.Raw = _EMPTY


class _FrameHead(msgspec.Struct):
    id: int


_FRAME = msgspec.json.Decoder(_Frame)
_RATE_LIMITS = msgspec.json.Decoder(tuple[RateLimit, ...])
_HEAD = msgspec.json.Decoder(_FrameHead)


@dataclass(slots=True)
class _Pending:
    handler: Handler
    frame: bytes
    timeout_s: float
    asked: float
    deadline: float = math.inf  # counted from when it was written: before, others stand in its way
    written: bool = False
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears what is not an answer to a request."""

    event: Callable[[Raw], None]
    # With the number of requests still in flight, and how long ago the answered one was sent, in ms.
    rate_limits: Callable[[tuple[RateLimit, ...], int, int], None]
    unreadable: Callable[[str], None]


class WsConnection:
    """An open connection. `closed` resolves with the reason once it is over; it never comes back."""

    def __init__(
        self, socket: "aiohttp.ClientWebSocketResponse[Literal[False]]", listener: Listener, credentials: Credentials
    ) -> None:
        self._socket = socket
        self.credentials = credentials
        """What its requests are signed with, and it is logged on with."""
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._pending: dict[int, _Pending] = {}
        self._outbox: deque[_Pending] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._next_id = 0
        self._limits_due = 0.0
        self._frames = 0  # heard
        self._frames_swept = 0  # of them, by the last sweep
        self._silent_sweeps = 0
        self._closing: asyncio.Task[None] | None = None
        self.closed: asyncio.Future[str] = self._loop.create_future()
        self._reader = self._loop.create_task(self._read())
        self._writer = self._loop.create_task(self._write())
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    @classmethod
    async def open(
        cls, session: aiohttp.ClientSession, url: str, listener: Listener, credentials: Credentials
    ) -> "WsConnection":
        """Connect. Raises aiohttp.ClientError, OSError or TimeoutError."""
        async with asyncio.timeout(10):
            socket = await session.ws_connect(
                url, heartbeat=HEARTBEAT_S, max_msg_size=_MAX_FRAME, decode_text=False, autoclose=True
            )
        return cls(socket, listener, credentials)

    @property
    def idle(self) -> bool:
        """Whether nothing waits for an answer."""
        return not self._pending

    def send(self, method: str, params: bytes, handler: Handler, timeout_s: float) -> None:
        """Send a request whose parameters are JSON already. Never raises for the connection's state."""
        if self.closed.done():
            self._loop.call_soon(lambda: handler.lost(self.closed.result(), written=False))
            return
        self._next_id += 1
        frame = b'{"id":%d,"method":"%s","params":%s}' % (self._next_id, method.encode(), params)
        now = self._loop.time()
        pending = _Pending(handler, frame, timeout_s, now)
        self._pending[self._next_id] = pending
        self._outbox.append(pending)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def request(self, method: str, params: bytes, timeout_s: float) -> Answer:
        """Send and wait. Raises RequestLostError."""
        waiter = _Waiter(self._loop.create_future())
        self.send(method, params, waiter, timeout_s)
        return await waiter.future

    async def close(self, reason: str) -> None:
        """Close; what still waits is lost."""
        self._end(reason)
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with asyncio.timeout(2):
                await self._socket.close()
        await asyncio.gather(self._reader, self._writer, return_exceptions=True)

    async def _write(self) -> None:
        try:
            while True:
                while self._outbox:
                    pending = self._outbox.popleft()
                    pending.written = True
                    pending.deadline = self._loop.time() + pending.timeout_s
                    crash_point("venue_writing")
                    await self._socket.send_frame(pending.frame, aiohttp.WSMsgType.TEXT)
                    crash_point("venue_written")
                self._wake = self._loop.create_future()
                await self._wake
        except Exception as error:  # the network's, or a defect: what is still to be written would wait for ever
            self._end(f"disconnected: {error!r}")

    async def _read(self) -> None:
        reason = "the venue closed the connection"
        try:
            while True:
                message = await self._socket.receive()
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._frames += 1
                    crash_point("venue_answered")
                    self._frame(message.data)
                elif message.type is aiohttp.WSMsgType.BINARY:
                    self._listener.unreadable("a binary frame")
                else:
                    if message.type is aiohttp.WSMsgType.ERROR:
                        reason = f"disconnected: {message.data}"
                    break
        except Exception as error:  # the network's, or our own in taking an event: a new connection settles both
            reason = f"disconnected: {error!r}"
        finally:
            self._end(reason)

    def _frame(self, raw: bytes) -> None:
        try:
            frame = decode(_FRAME, raw)
        except PayloadError as error:
            self._rubbish(raw, error)
            return
        if frame.event is not _EMPTY:
            self._listener.event(frame.event)
            return
        pending = self._pending.pop(frame.id, None) if isinstance(frame.id, int) else None
        if frame.rateLimits is not _EMPTY and pending is not None:
            self._read_limits(frame.rateLimits, pending.asked)
        if pending is None:
            self._listener.unreadable(f"an answer to no request of ours: {shown(raw)}")
            return
        try:
            pending.handler.answered(Answer(frame.status, frame.result, frame.error, raw))
        except Exception as error:  # our own defect: this request is in doubt, the others are not
            pending.handler.lost(f"our handling of the answer failed: {error!r}", written=True)

    def _read_limits(self, raw: Raw, asked: float) -> None:
        """Now and then: what we send ourselves is counted anyway."""
        now = self._loop.time()
        if now < self._limits_due:
            return
        self._limits_due = now + _LIMITS_EVERY_S
        try:
            age_ms = int((now - asked) * 1_000)
            self._listener.rate_limits(decode(_RATE_LIMITS, raw), len(self._pending), age_ms)
        except PayloadError as error:
            self._listener.unreadable(f"rate limits: {error}")

    def _rubbish(self, raw: bytes, error: PayloadError) -> None:
        """Not a frame as documented. Where it names a request, that one's outcome is unknown from now on."""
        self._listener.unreadable(str(error))
        with suppress(PayloadError):
            pending = self._pending.pop(decode(_HEAD, raw).id, None)
            if pending is not None:
                pending.handler.lost(f"unreadable answer: {error}", written=True)

    def _sweep(self) -> None:
        """Give up waiting for what is overdue. A late answer is still taken for a while."""
        if self._is_silent():
            text = f"nothing was heard for {_SILENT_S:g} s, though it was asked"
            self._closing = self._loop.create_task(self.close(text))  # kept, or it may be collected
            return
        now = self._loop.time()
        for request_id, pending in list(self._pending.items()):
            if pending.deadline > now:
                continue
            if pending.timed_out:
                del self._pending[request_id]
            else:
                pending.timed_out = True
                pending.deadline = now + _LATE_S
                pending.handler.lost("no answer in time", written=True)
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    def _is_silent(self) -> bool:
        """Counted in sweeps: while this process did not come by, what was said waits to be read."""
        is_asked = any(pending.written for pending in self._pending.values())
        self._silent_sweeps = self._silent_sweeps + 1 if is_asked and self._frames == self._frames_swept else 0
        self._frames_swept = self._frames
        return self._silent_sweeps * _SWEEP_S >= _SILENT_S

    def _end(self, reason: str) -> None:
        if self.closed.done():
            return
        self.closed.set_result(reason)
        self._sweeper.cancel()
        if self._writer is not asyncio.current_task():
            self._writer.cancel()
        if self._reader is not asyncio.current_task():
            self._reader.cancel()
        self._outbox.clear()
        waiting, self._pending = self._pending, {}
        for pending in waiting.values():
            if not pending.timed_out:
                pending.handler.lost(reason, written=pending.written)


class _Waiter:
    """A handler behind a future."""

    def __init__(self, future: asyncio.Future[Answer]) -> None:
        self.future = future

    def answered(self, answer: Answer) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def lost(self, why: str, *, written: bool) -> None:
        if not self.future.done():
            self.future.set_exception(RequestLostError(why if written else f"not sent: {why}"))
