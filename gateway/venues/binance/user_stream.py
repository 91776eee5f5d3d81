"""Keeps one connection to the WebSocket API open, logged on and subscribed to the account's user data.

One connection carries orders, answers and events: what is lost is lost together, and settled together. A connection
ends by disconnect, `serverShutdown`, `eventStreamTerminated`, the venue's 24 hours, or because events proved missing.
Where there is notice, the next one is opened and subscribed before the old one is left, so that no event falls between;
events that come twice are deduplicated later.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from gateway.venues.backoff import backoff_s
from gateway.venues.binance.channel import RequestLostError, status_line
from gateway.venues.binance.clock import VenueClock
from gateway.venues.binance.environments import Credentials
from gateway.venues.binance.errors import TIMESTAMP_OUTSIDE_WINDOW
from gateway.venues.binance.limits import Limits, retry_at_ms
from gateway.venues.binance.payload import PayloadError, decode
from gateway.venues.binance.requests import Params
from gateway.venues.binance.signing import ws_payload
from gateway.venues.binance.ws_api import Listener, WsConnection

_LOGON_TIMEOUT_S = 10.0
_RETIRE_S = 20.0
_LINGER_S = 2.0
"""How long a connection is read after another has taken its place: what happened before the other was subscribed may
still be on its way here."""

_STOOD_S = 10.0
"""A connection that did not stand as long is followed by another only after a while, and a longer one each time: the
venue bans an address that connects too often (300 times in five minutes), and then no cancel passes either."""

_RECV_WINDOW_MS = 5_000
_FIRST = asyncio.FIRST_COMPLETED


class _Subscribed(msgspec.Struct):
    subscriptionId: int


_SUBSCRIBED = msgspec.json.Decoder(_Subscribed)


class OpenError(Exception):
    """No usable connection this time; the text says at which step and why."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


def ws_params(params: Params, credentials: Credentials, body: bytes | None = None) -> bytes:
    """Signed parameters as JSON. body: the same parameters encoded already, if they are at hand."""
    if body is None:
        body = msgspec.json.encode(params)
    signature = credentials.signer.sign(ws_payload({"apiKey": credentials.api_key, **params}))
    opening = body[:-1] + b"," if params else b"{"
    key = msgspec.json.encode(credentials.api_key)
    return b'%s"apiKey":%s,"signature":"%s"}' % (opening, key, signature.encode())


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who hears of the stream's coming and going."""

    up: Callable[[], None]
    down: Callable[[str], None]
    alert: Callable[[str, str], None]
    resync_clock: Callable[[], None]
    record: Callable[[str, str, str], None]  # direction, operation and text of what is said to log on


class UserStream:
    """The account's connection. `connection` is None while there is none that may carry orders."""

    def __init__(
        self,
        url: str,
        *,
        credentials: Callable[[], Credentials],
        clock: VenueClock,
        limits: Limits,
        listener: Listener,
        hooks: Hooks,
        lifetime_s: float,
    ) -> None:
        self._url = url
        self._credentials = credentials
        self._clock = clock
        self._limits = limits
        self._listener = listener
        self._hooks = hooks
        self._lifetime_s = lifetime_s
        self.connection: WsConnection | None = None
        self._session: aiohttp.ClientSession | None = None
        self._renew: asyncio.Event = asyncio.Event()
        self._gap: str | None = None
        self._next: WsConnection | None = None  # open already, to be used next
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    def start(self, session: aiohttp.ClientSession) -> None:
        """Begin connecting, and go on until stop()."""
        self._session = session
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Close every connection."""
        tasks = [task for task in (self._task, *self._retiring) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        standing, self.connection, self._next = (self.connection, self._next), None, None
        for connection in standing:
            if connection is not None:
                await connection.close("stopped")

    def renew(self) -> None:
        """Move to a new connection without a gap: shutdown notice, 24 hours, a new key."""
        self._renew.set()

    async def move(self, credentials: Credentials) -> None:
        """Prove a new key by a connection of its own, and leave the old one for that. Raises OpenError.

        Events of both are told until the old one has had its answers, so none is lost.
        """
        if self._session is None:
            return  # nothing stands yet, and what is begun will be with the new key
        connection = await self._open(credentials)
        if self._next is not None:
            await self._next.close("not needed")
        self._next = connection
        self._moved.set()
        self._renew.set()

    def rebuild(self, reason: str) -> None:
        """Events were missed: no more orders until a new subscription stands; answers are still taken."""
        if self._gap is None:
            self._gap = reason
            self._leave()
            self._hooks.down(reason)
            self._renew.set()

    def _leave(self) -> None:
        """Take no more orders on this connection, and close it when it has had its answers."""
        connection, self.connection = self.connection, None
        if connection is not None:
            task = asyncio.get_running_loop().create_task(_retire(connection))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _run(self) -> None:
        loop, short_lived = asyncio.get_running_loop(), 0  # so many connections in a row
        while True:
            connection = await self._open_until_done(short_lived)
            if connection is None:  # the one to be renewed died meanwhile
                continue
            if self.connection is not None and self.connection.closed.done():
                self._lost(self.connection)
            had_gap, self._gap = self._gap is not None or self.connection is None, None
            self._renew.clear()
            if self._next is not None:  # a new key's, which came while this one was being opened
                self._renew.set()
            self._leave()
            self.connection = connection
            if had_gap:
                self._hooks.up()
            began = loop.time()
            await self._watch(connection)
            stood = loop.time() - began >= min(_STOOD_S, self._lifetime_s)
            short_lived = 0 if stood else short_lived + 1

    async def _watch(self, connection: WsConnection) -> None:
        """Return when another connection is wanted; with `connection` None if this one is of no use any more."""
        renew = asyncio.ensure_future(self._renew.wait())
        try:
            await asyncio.wait(
                (connection.closed, renew), timeout=self._lifetime_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            renew.cancel()
        if connection.closed.done():
            self._lost(connection)

    def _lost(self, connection: WsConnection) -> None:
        if self.connection is connection:
            self.connection = None
            self._hooks.down(connection.closed.result())

    async def _open_until_done(self, short_lived: int) -> WsConnection | None:
        old, attempt = self.connection, 0
        if short_lived:
            await self._wait(backoff_s(short_lived), old)
        while True:
            ready, self._next = self._next, None
            self._moved.clear()
            if ready is not None and not ready.closed.done():
                return ready
            paused_s = self._limits.paused_for_ms(self._clock.clock_ms()) / 1_000
            try:
                if not paused_s:
                    return await self._open(self._credentials())
            except OpenError as error:
                if attempt in (0, 5) or attempt % 50 == 0:
                    self._hooks.alert("VENUE_CONNECT_FAILED", str(error))
                if error.code == TIMESTAMP_OUTSIDE_WINDOW:
                    self._hooks.resync_clock()
            if old is not None and old.closed.done():
                self._lost(old)
                return None
            attempt += 1
            paused_s = self._limits.paused_for_ms(self._clock.clock_ms()) / 1_000
            await self._wait(max(backoff_s(attempt), paused_s), old)

    async def _wait(self, seconds: float, old: WsConnection | None) -> None:
        """Or until the connection that is still in use is lost, or another one is there."""
        moved = asyncio.ensure_future(self._moved.wait())
        wanted: set[asyncio.Future[Any]] = {moved} if old is None else {moved, old.closed}
        try:
            await asyncio.wait(wanted, timeout=seconds, return_when=_FIRST)
        finally:
            moved.cancel()

    async def _open(self, credentials: Credentials) -> WsConnection:
        """Connect, log on, subscribe. Raises OpenError."""
        assert self._session is not None
        try:
            connection = await WsConnection.open(self._session, self._url, self._listener, credentials)
        except aiohttp.WSServerHandshakeError as error:
            if error.status in (418, 429):
                self._pause(error.headers.get("Retry-After", "") if error.headers else "")
            raise OpenError(f"connect: HTTP {error.status}") from None
        except Exception as error:  # whatever it is: where nobody tries again, the account stays away for good
            raise OpenError(f"connect: {type(error).__name__} {error}") from None
        try:
            await self._subscribe(connection, credentials)
        except BaseException as error:
            await connection.close("not subscribed")
            if isinstance(error, OpenError) or not isinstance(error, Exception):
                raise
            what = str(error) if isinstance(error, RequestLostError) else repr(error)
            raise OpenError(f"subscribe: {what}") from None
        return connection

    def _pause(self, retry_after: str) -> None:
        now_ms = self._clock.clock_ms()
        self._limits.pause(now_ms, retry_at_ms(retry_after, now_ms))

    async def _subscribe(self, connection: WsConnection, credentials: Credentials) -> None:
        stamp: Params = {"recvWindow": _RECV_WINDOW_MS, "timestamp": self._clock.clock_ms()}
        signed = ws_params(stamp, credentials)
        if credentials.signer.session_logon:
            await self._ask(connection, "session.logon", signed)
            result = await self._ask(connection, "userDataStream.subscribe", b"{}")
        else:
            result = await self._ask(connection, "userDataStream.subscribe.signature", signed)
        try:
            decode(_SUBSCRIBED, result)
        except PayloadError as error:
            raise OpenError(f"subscribe: {error}") from None

    async def _ask(self, connection: WsConnection, method: str, params: bytes) -> bytes:
        self._hooks.record("out", "connect", method)  # its parameters are a time, the key and a signature
        answer = await connection.request(method, params, _LOGON_TIMEOUT_S)
        # Of a success the answer may show the key.
        self._hooks.record("in", "connect", f"{answer.status} {method}" if answer.ok else status_line(answer))
        if not answer.ok:
            failure = answer.failure()
            if answer.status in (418, 429):
                self._limits.pause(self._clock.clock_ms(), failure.retry_at_ms)
            raise OpenError(f"{method}: {failure.text}", failure.code)
        return bytes(answer.result)


async def _retire(connection: WsConnection) -> None:
    """Let a connection tell what it still has to tell, and answer what it was asked, then close it."""
    deadline = asyncio.get_running_loop().time() + _RETIRE_S
    await asyncio.wait((connection.closed,), timeout=_LINGER_S)
    # Polled, since an event would cost every answer something for a rare move.
    while not (connection.idle or connection.closed.done()) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    await connection.close("replaced by a new connection")
