"""The WebSocket connection against a server that misbehaves, over real sockets."""

import asyncio
import math
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from gateway.venues.binance import ws_api
from gateway.venues.binance.channel import Answer
from gateway.venues.binance.environments import Credentials
from gateway.venues.binance.payload import Raw
from gateway.venues.binance.signing import HmacSigner
from gateway.venues.binance.ws_api import Listener, WsConnection
from tests.unit.binance_ws.support import Heard, Waiter, answer

CREDENTIALS = Credentials("key", HmacSigner("secret"))


class TestConnection:
    async def test_answers_find_their_requests_in_any_order(self, serve: Any, session: aiohttp.ClientSession) -> None:
        waiting: list[dict[str, Any]] = []

        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            waiting.append(request)
            if len(waiting) == 3:
                for asked in reversed(waiting):
                    await socket.send_str(answer(asked, asked["params"]["n"]).decode())

        server = await serve(script)
        connection = await WsConnection.open(session, server.url, Heard().listener(), CREDENTIALS)
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
        connection = await WsConnection.open(session, server.url, heard.listener(), CREDENTIALS)
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
        connection = await WsConnection.open(session, server.url, Heard().listener(), CREDENTIALS)
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
        connection = await WsConnection.open(session, server.url, Heard().listener(), CREDENTIALS)
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

    async def test_the_wait_for_an_answer_begins_with_the_write(
        self, serve: Any, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Behind thousands of others a request is not out of time before it was sent."""

        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            await socket.send_str(answer(request, {}).decode())

        server = await serve(script)
        connection = await WsConnection.open(session, server.url, Heard().listener(), CREDENTIALS)
        send, way = connection._socket.send_frame, asyncio.Event()

        async def crowded(*arguments: Any) -> None:
            await way.wait()
            await send(*arguments)

        monkeypatch.setattr(connection._socket, "send_frame", crowded)
        first, second = Waiter(), Waiter()
        for waiter in (first, second):
            connection.send("order.cancel", b"{}", waiter, 5)
        behind = connection._pending[2]
        await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()
        way.set()
        await second.news()
        assert second.answers
        assert now + 5 <= behind.deadline < math.inf
        await connection.close("test")

    async def test_whatever_keeps_it_from_writing_ends_the_connection(
        self, serve: Any, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            pass

        async def fail(*_: Any) -> None:
            raise RuntimeError("the handler is closed")

        server = await serve(script)
        connection = await WsConnection.open(session, server.url, Heard().listener(), CREDENTIALS)
        monkeypatch.setattr(connection._socket, "send_frame", fail)
        begun, behind = Waiter(), Waiter()
        for waiter in (begun, behind):
            connection.send("order.cancel", b"{}", waiter, 100)
        await begun.news()
        await behind.news()
        assert [waiter.losses[0][1] for waiter in (begun, behind)] == [True, False]
        assert "the handler is closed" in connection.closed.result()
        await connection.close("test")

    async def test_a_late_answer_is_still_given(self, serve: Any, session: aiohttp.ClientSession) -> None:
        gate = asyncio.Event()

        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            await gate.wait()
            await socket.send_str(answer(request, {}).decode())

        server = await serve(script)
        connection = await WsConnection.open(session, server.url, Heard().listener(), CREDENTIALS)
        waiter = Waiter()
        connection.send("order.place", b"{}", waiter, 0.05)
        await waiter.news()
        assert waiter.losses == [("no answer in time", True)]
        gate.set()
        await waiter.news()
        assert len(waiter.answers) == 1
        await connection.close("test")
        assert len(waiter.losses) == 1

    async def test_one_that_answers_pings_alone_is_left(
        self, serve: Any, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else every cancel would go the way on which nothing is answered, and none over REST."""
        monkeypatch.setattr(ws_api, "_SILENT_S", 1.0)

        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            pass

        server = await serve(script)
        connection = await WsConnection.open(session, server.url, Heard().listener(), CREDENTIALS)
        waiter = Waiter()
        connection.send("order.cancel", b"{}", waiter, 100)
        async with asyncio.timeout(30):
            reason = await connection.closed
            while not server.sockets[0].closed:  # noqa: ASYNC110 - it announces nothing
                await asyncio.sleep(0.01)
        assert waiter.losses == [(reason, True)]
        assert "nothing was heard" in reason

    async def test_one_that_says_anything_or_was_not_asked_is_kept(
        self, serve: Any, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ws_api, "_SILENT_S", 0.5)
        swept: list[bool] = []
        is_silent = WsConnection._is_silent

        def sweep(self: WsConnection) -> bool:
            swept.append(is_silent(self))
            return swept[-1]

        monkeypatch.setattr(WsConnection, "_is_silent", sweep)

        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            pass

        server = await serve(script)
        connection = await WsConnection.open(session, server.url, Heard().listener(), CREDENTIALS)

        async def sweeps(count: int) -> None:
            async with asyncio.timeout(30):
                while len(swept) < count:  # noqa: ASYNC110 - they announce nothing
                    await asyncio.sleep(0.01)

        await sweeps(5)  # nothing was asked
        connection.send("order.place", b"{}", Waiter(), 100)
        for count in range(6, 12):  # not answered, but something else is said
            await server.sockets[0].send_str('{"event":{"e":"x"}}')
            await sweeps(count)
        assert not any(swept)
        await connection.close("test")

    async def test_a_handler_that_fails_puts_its_own_request_in_doubt_and_no_other(
        self, serve: Any, session: aiohttp.ClientSession
    ) -> None:
        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            await socket.send_str(answer(request, {}).decode())

        class Broken(Waiter):
            def answered(self, answer: Answer) -> None:
                raise ZeroDivisionError

        server = await serve(script)
        connection = await WsConnection.open(session, server.url, Heard().listener(), CREDENTIALS)
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
        listener = Listener(event=fail, rate_limits=lambda limits, n, age: None, unreadable=lambda text: None)
        connection = await WsConnection.open(session, server.url, listener, CREDENTIALS)
        waiter = Waiter()
        connection.send("order.place", b"{}", waiter, 5)
        await waiter.news()
        assert waiter.losses[0][1] is True
        assert "ZeroDivisionError" in await connection.closed
        await connection.close("test")
