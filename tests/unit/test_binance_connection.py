"""The WebSocket connection and the stream against a server that misbehaves, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from gateway.venues.backoff import backoff_s
from gateway.venues.binance.channel import Answer
from gateway.venues.binance.clock import VenueClock
from gateway.venues.binance.environments import Credentials
from gateway.venues.binance.limits import Limits
from gateway.venues.binance.payload import Raw
from gateway.venues.binance.signing import HmacSigner
from gateway.venues.binance.user_stream import Hooks, UserStream
from gateway.venues.binance.ws_api import Listener, WsConnection

Script = Callable[[web.WebSocketResponse, dict[str, Any]], Awaitable[None]]
SUBSCRIBE = "userDataStream.subscribe.signature"


def answer(request: dict[str, Any], result: object) -> bytes:
    return msgspec.json.encode({"id": request["id"], "status": 200, "result": result})


@dataclass
class Server:
    """Runs a script for every request."""

    script: Script
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            asked = msgspec.json.decode(message.data)
            self.requests.append(asked)
            await self.script(socket, asked)
        return socket


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Script], Awaitable[Server]]]:
    runners: list[web.AppRunner] = []

    async def start(script: Script) -> Server:
        server = Server(script)
        app = web.Application()
        app.router.add_get("/ws-api/v3", server.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        server.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/ws-api/v3"
        return server

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


class Waiter:
    """A handler that remembers what became of its request."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.losses: list[tuple[str, bool]] = []
        self._news = asyncio.Event()

    def answered(self, answer: Answer) -> None:
        self.answers.append(answer)
        self._news.set()

    def lost(self, why: str, *, written: bool) -> None:
        self.losses.append((why, written))
        self._news.set()

    async def news(self) -> None:
        async with asyncio.timeout(10):
            await self._news.wait()
        self._news.clear()


@dataclass
class Heard:
    events: list[bytes] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def listener(self) -> Listener:
        return Listener(
            event=lambda raw: self.events.append(bytes(raw)),
            rate_limits=lambda limits, in_flight: None,
            unreadable=self.unreadable.append,
        )


class TestConnection:
    async def test_answers_find_their_requests_in_any_order(self, serve: Any, session: aiohttp.ClientSession) -> None:
        waiting: list[dict[str, Any]] = []

        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            waiting.append(request)
            if len(waiting) == 3:
                for asked in reversed(waiting):
                    await socket.send_str(answer(asked, asked["params"]["n"]).decode())

        server = await serve(script)
        connection = await WsConnection.open(session, server.url, Heard().listener())
        waiters = [Waiter() for _ in range(3)]
        for number, waiter in enumerate(waiters):
            connection.send("order.place", b'{"n":%d}' % number, waiter, 5)
        for number, waiter in enumerate(waiters):
            await waiter.news()
            assert bytes(waiter.answers[0].result) == b"%d" % number
        assert [request["params"]["n"] for request in server.requests] == [0, 1, 2]
        await connection.close("test")

    @pytest.mark.parametrize(
        "frame",
        [b"not json", b"{", b"[]", b"17", b'"text"', b'{"id":999,"status":200}', b'{"id":null,"status":400}', b"{}",
         b'{"id":{},"status":200}', b"\xff\xfe", b'{"id":1e999}', b"[" * 5_000],
    )  # fmt: skip
    async def test_rubbish_frames_are_told_and_survived(
        self, serve: Any, session: aiohttp.ClientSession, frame: bytes
    ) -> None:
        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            await socket.send_frame(frame, aiohttp.WSMsgType.TEXT)
            await socket.send_str(answer(request, {}).decode())

        server = await serve(script)
        heard = Heard()
        connection = await WsConnection.open(session, server.url, heard.listener())
        waiter = Waiter()
        connection.send("ping", b"{}", waiter, 5)
        await waiter.news()
        assert waiter.answers
        assert len(heard.unreadable) == 1
        await connection.close("test")

    async def test_an_unreadable_answer_is_a_loss_after_the_write(
        self, serve: Any, session: aiohttp.ClientSession
    ) -> None:
        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            await socket.send_str(msgspec.json.encode({"id": request["id"], "status": "two hundred"}).decode())

        server = await serve(script)
        connection = await WsConnection.open(session, server.url, Heard().listener())
        waiter = Waiter()
        connection.send("order.place", b"{}", waiter, 5)
        await waiter.news()
        assert waiter.losses[0][1] is True
        assert waiter.losses[0][0].startswith("unreadable answer")
        await connection.close("test")

    async def test_written_and_not_written_are_told_apart(self, serve: Any, session: aiohttp.ClientSession) -> None:
        arrived = asyncio.Event()

        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            arrived.set()

        server = await serve(script)
        connection = await WsConnection.open(session, server.url, Heard().listener())
        written, unwritten, late = Waiter(), Waiter(), Waiter()
        connection.send("order.place", b"{}", written, 5)
        await arrived.wait()
        connection.send("order.place", b"{}", unwritten, 5)
        await connection.close("test")  # before the writer had its turn
        connection.send("order.place", b"{}", late, 5)
        await late.news()
        assert written.losses == [("test", True)]
        assert unwritten.losses == [("test", False)]
        assert late.losses == [("test", False)]
        assert len(server.requests) == 1

    async def test_a_late_answer_is_still_given(self, serve: Any, session: aiohttp.ClientSession) -> None:
        gate = asyncio.Event()

        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            await gate.wait()
            await socket.send_str(answer(request, {}).decode())

        server = await serve(script)
        connection = await WsConnection.open(session, server.url, Heard().listener())
        waiter = Waiter()
        connection.send("order.place", b"{}", waiter, 0.05)
        await waiter.news()
        assert waiter.losses == [("no answer in time", True)]
        gate.set()
        await waiter.news()
        assert len(waiter.answers) == 1
        await connection.close("test")
        assert len(waiter.losses) == 1

    async def test_a_handler_that_fails_puts_its_own_request_in_doubt_and_no_other(
        self, serve: Any, session: aiohttp.ClientSession
    ) -> None:
        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            await socket.send_str(answer(request, {}).decode())

        class Broken(Waiter):
            def answered(self, answer: Answer) -> None:
                raise ZeroDivisionError

        server = await serve(script)
        connection = await WsConnection.open(session, server.url, Heard().listener())
        broken, other = Broken(), Waiter()
        connection.send("order.place", b"{}", broken, 5)
        connection.send("order.place", b"{}", other, 5)
        await other.news()
        assert other.answers
        assert broken.losses == [("our handling of the answer failed: ZeroDivisionError()", True)]
        assert not connection.closed.done()
        await connection.close("test")

    async def test_an_event_that_cannot_be_taken_ends_the_connection(
        self, serve: Any, session: aiohttp.ClientSession
    ) -> None:
        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            await socket.send_str('{"event":{"e":"x"}}')

        def fail(raw: Raw) -> None:
            raise ZeroDivisionError

        server = await serve(script)
        listener = Listener(event=fail, rate_limits=lambda limits, n: None, unreadable=lambda text: None)
        connection = await WsConnection.open(session, server.url, listener)
        waiter = Waiter()
        connection.send("order.place", b"{}", waiter, 5)
        await waiter.news()
        assert waiter.losses[0][1] is True
        assert "ZeroDivisionError" in await connection.closed
        await connection.close("test")


@dataclass
class StreamEnd:
    """A user stream under test, and what its hooks said."""

    stream: UserStream
    heard: Heard
    told: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, *told: str) -> None:
        async with asyncio.timeout(10):
            while self.told != list(told):
                self.changed.clear()
                await self.changed.wait()


def subscriber(url: str, lifetime_s: float = 100) -> StreamEnd:
    clock = VenueClock(lambda: 1_700_000_000_000_000_000)
    end: StreamEnd

    def tell(text: str) -> None:
        end.told.append(text)
        end.changed.set()

    def event(raw: Raw) -> None:
        end.heard.events.append(bytes(raw))
        end.changed.set()

    heard = Heard()
    stream = UserStream(
        url,
        credentials=lambda: Credentials("key", HmacSigner("secret")),
        clock=clock,
        limits=Limits(0.2),
        listener=Listener(event=event, rate_limits=lambda limits, n: None, unreadable=heard.unreadable.append),
        hooks=Hooks(
            up=lambda: tell("up"),
            down=lambda reason: tell("down"),
            alert=lambda code, text: tell(code),
            resync_clock=lambda: tell("resync"),
        ),
        lifetime_s=lifetime_s,
    )
    end = StreamEnd(stream, heard)
    return end


async def subscribed(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
    await socket.send_str(answer(request, {"subscriptionId": 0}).decode())


class TestStream:
    async def test_subscribes_with_a_signature(self, serve: Any, session: aiohttp.ClientSession) -> None:
        server = await serve(subscribed)
        end = subscriber(server.url)
        end.stream.start(session)
        await end.until("up")
        (request,) = server.requests
        assert request["method"] == SUBSCRIBE
        assert set(request["params"]) == {"apiKey", "recvWindow", "signature", "timestamp"}
        await end.stream.stop()

    async def test_a_lost_connection_comes_back(self, serve: Any, session: aiohttp.ClientSession) -> None:
        server = await serve(subscribed)
        end = subscriber(server.url)
        end.stream.start(session)
        await end.until("up")
        await server.sockets[0].close()
        await end.until("up", "down", "up")
        await end.stream.stop()

    async def test_missed_events_stop_orders_until_it_stands_again(
        self, serve: Any, session: aiohttp.ClientSession
    ) -> None:
        server = await serve(subscribed)
        end = subscriber(server.url)
        end.stream.start(session)
        await end.until("up")
        end.stream.rebuild("missed")
        end.stream.rebuild("missed")  # once is enough
        assert end.told == ["up", "down"]
        assert end.stream.connection is None
        await end.until("up", "down", "up")
        assert len(server.sockets) == 2
        await end.stream.stop()

    async def test_a_renewal_has_no_gap(self, serve: Any, session: aiohttp.ClientSession) -> None:
        server = await serve(subscribed)
        end = subscriber(server.url)
        end.stream.start(session)
        await end.until("up")
        first = end.stream.connection
        assert first is not None
        end.stream.renew()
        assert end.stream.connection is first
        async with asyncio.timeout(10):
            await first.closed
        assert end.stream.connection is not first
        assert end.told == ["up"]
        await end.stream.stop()

    @pytest.mark.parametrize("result", [{}, [], {"subscriptionId": "none"}, 7])
    async def test_a_subscription_that_was_not_confirmed_is_none(
        self, serve: Any, session: aiohttp.ClientSession, result: object
    ) -> None:
        tries = 0

        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            nonlocal tries
            tries += 1
            await socket.send_str(answer(request, result if tries == 1 else {"subscriptionId": 0}).decode())

        server = await serve(script)
        end = subscriber(server.url)
        end.stream.start(session)
        await end.until("VENUE_CONNECT_FAILED", "up")
        await end.stream.stop()

    async def test_a_refused_timestamp_makes_the_clock_be_measured(
        self, serve: Any, session: aiohttp.ClientSession
    ) -> None:
        tries = 0

        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                error = {"id": request["id"], "status": 400, "error": {"code": -1021, "msg": "Timestamp"}}
                await socket.send_str(msgspec.json.encode(error).decode())
            else:
                await subscribed(socket, request)

        server = await serve(script)
        end = subscriber(server.url)
        end.stream.start(session)
        await end.until("VENUE_CONNECT_FAILED", "resync", "up")
        await end.stream.stop()

    async def test_events_are_passed_on(self, serve: Any, session: aiohttp.ClientSession) -> None:
        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            await subscribed(socket, request)
            await socket.send_str('{"subscriptionId":0,"event":{"e":"serverShutdown","E":1}}')

        server = await serve(script)
        end = subscriber(server.url)
        end.stream.start(session)
        async with asyncio.timeout(10):
            while not end.heard.events:
                end.changed.clear()
                await end.changed.wait()
        assert end.heard.events == [b'{"e":"serverShutdown","E":1}']
        await end.stream.stop()


def test_backoff_doubles_within_bounds() -> None:
    for attempt in range(40):
        longest = min(30.0, 0.1 * 2**attempt)
        assert longest / 2 <= backoff_s(attempt) <= longest
