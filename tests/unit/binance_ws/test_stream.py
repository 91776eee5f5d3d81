"""The user stream against a server that misbehaves, over real sockets."""

import asyncio
import dataclasses
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from gateway.venues.backoff import backoff_s
from gateway.venues.binance import user_stream
from gateway.venues.binance.clock import VenueClock
from gateway.venues.binance.environments import Credentials
from gateway.venues.binance.limits import Limits
from gateway.venues.binance.payload import Raw
from gateway.venues.binance.signing import HmacSigner
from gateway.venues.binance.user_stream import Hooks, UserStream
from gateway.venues.binance.ws_api import Listener
from tests.unit.binance_ws.support import SUBSCRIBE, Heard, answer


@dataclass
class StreamEnd:
    """A user stream under test, and what its hooks said."""

    stream: UserStream
    heard: Heard
    told: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, *told: str) -> None:
        async with asyncio.timeout(30):
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
        listener=Listener(event=event, rate_limits=lambda limits, n, age: None, unreadable=heard.unreadable.append),
        hooks=Hooks(
            up=lambda: tell("up"),
            down=lambda reason: tell("down"),
            alert=lambda code, text: tell(code),
            resync_clock=lambda: tell("resync"),
            record=lambda direction, operation, text: None,
        ),
        lifetime_s=lifetime_s,
    )
    end = StreamEnd(stream, heard)
    return end


async def subscribed(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
    await socket.send_str(answer(request, {"subscriptionId": 0}).decode())


async def comes_back(server: Any, session: aiohttp.ClientSession) -> None:
    """A stream whose connection ends."""
    end = subscriber(server.url)
    end.stream.start(session)
    await end.until("up")
    await server.sockets[0].close()
    await end.until("up", "down", "up")
    await end.stream.stop()


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
        await comes_back(await serve(subscribed), session)

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
        async with asyncio.timeout(30):
            while end.stream.connection is first:  # noqa: ASYNC110 - it is announced nowhere
                await asyncio.sleep(0.01)
            # It happened before the second was subscribed, and was long on its way.
            await server.sockets[0].send_str('{"subscriptionId":0,"event":{"e":"executionReport"}}')
            await first.closed
        assert end.told == ["up"]
        assert end.heard.events == [b'{"e":"executionReport"}']
        await end.stream.stop()

    async def test_a_new_key_wins_over_a_connection_that_is_being_opened(
        self, serve: Any, session: aiohttp.ClientSession
    ) -> None:
        slow, go, asked = False, asyncio.Event(), asyncio.Event()

        async def answered(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            if slow and request["params"]["apiKey"] == "key":
                asked.set()
                await go.wait()
            await subscribed(socket, request)

        server = await serve(answered)
        end = subscriber(server.url)
        end.stream.start(session)
        await end.until("up")
        slow = True
        end.stream.renew()
        async with asyncio.timeout(30):
            await asked.wait()
            await end.stream.move(Credentials("new", HmacSigner("other")))
            second = end.stream.connection
            assert second is not None
            go.set()
            await second.closed
            while (standing := end.stream.connection) is None or standing.credentials.api_key != "new":  # noqa: ASYNC110 - it announces nothing
                await asyncio.sleep(0.01)
        assert end.told == ["up"]
        await end.stream.stop()

    async def test_during_a_ban_nothing_is_opened(self, serve: Any, session: aiohttp.ClientSession) -> None:
        server = await serve(subscribed)
        end = subscriber(server.url)
        end.stream.start(session)
        await end.until("up")
        first, limits = end.stream.connection, end.stream._limits
        assert first is not None
        now_ms = 1_700_000_000_000
        limits.pause(now_ms, now_ms + 200)
        end.stream.renew()
        await asyncio.sleep(0.4)
        assert len(server.sockets) == 1, "by the venue's clock, which stands still, the ban goes on"
        assert end.stream.connection is first
        limits._host.pause.until_ms = 0
        async with asyncio.timeout(30):
            await first.closed
        assert end.told == ["up"]
        await end.stream.stop()

    async def test_connections_that_do_not_stand_are_not_opened_all_the_time(
        self, serve: Any, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The venue bans an address for that, and then no cancel passes."""
        waits: list[int] = []

        def backoff(attempt: int) -> float:
            waits.append(attempt)
            return 0.001

        monkeypatch.setattr(user_stream, "backoff_s", backoff)

        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            await subscribed(socket, request)
            if len(server.sockets) < 5:
                await socket.close()

        server = await serve(script)
        end = subscriber(server.url)
        end.stream.start(session)
        await end.until(*["up", "down"] * 4, "up")
        assert waits == [1, 2, 3, 4]
        await end.stream.stop()

    async def test_one_that_stood_long_is_followed_by_another_at_once(
        self, serve: Any, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(user_stream, "_STOOD_S", 0.0)
        monkeypatch.setattr(user_stream, "backoff_s", lambda attempt: 100)
        await comes_back(await serve(subscribed), session)

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

    async def test_whatever_goes_wrong_it_is_tried_again(self, serve: Any, session: aiohttp.ClientSession) -> None:
        server = await serve(subscribed)
        end = subscriber(server.url)
        failures = iter([ZeroDivisionError])

        def record(*_: str) -> None:
            for failure in failures:
                raise failure

        end.stream._hooks = dataclasses.replace(end.stream._hooks, record=record)
        end.stream.start(session)
        await end.until("VENUE_CONNECT_FAILED", "up")
        await end.stream.stop()

    async def test_events_are_passed_on(self, serve: Any, session: aiohttp.ClientSession) -> None:
        async def script(socket: web.WebSocketResponse, request: dict[str, Any]) -> None:
            await subscribed(socket, request)
            await socket.send_str('{"subscriptionId":0,"event":{"e":"serverShutdown","E":1}}')

        server = await serve(script)
        end = subscriber(server.url)
        end.stream.start(session)
        async with asyncio.timeout(30):
            while not end.heard.events:
                end.changed.clear()
                await end.changed.wait()
        assert end.heard.events == [b'{"e":"serverShutdown","E":1}']
        await end.stream.stop()


def test_backoff_doubles_within_bounds() -> None:
    for attempt in range(40):
        longest = min(30.0, 0.1 * 2**attempt)
        assert longest / 2 <= backoff_s(attempt) <= longest
