"""The REST client against a server that is slow, or says that it was asked too much."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from gateway.venues.binance import rest as rest_api
from gateway.venues.binance.environments import Credentials
from gateway.venues.binance.limits import Limits
from gateway.venues.binance.rest import NotSentError, RestClient
from gateway.venues.binance.signing import HmacSigner

NOW = 60_005_000


def client(url: URL, limits: Limits) -> RestClient:
    return RestClient(str(url).rstrip("/"), limits, lambda: NOW)


async def test_a_signed_request_waits_for_its_turn_before_it_waits_for_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a thousand cancels at once are in doubt by the time they could be sent."""
    monkeypatch.setattr(rest_api, "_AT_ONCE", 1)
    arrived: asyncio.Queue[str] = asyncio.Queue()
    gate = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        arrived.put_nowait(request.query["orderId"])
        await gate.wait()
        return web.json_response({})

    app = web.Application()
    app.router.add_delete("/api/v3/order", slow)
    key = Credentials("key", HmacSigner("secret"))
    async with TestServer(app) as server, client(server.make_url(""), Limits(0.2)) as rest:
        first = asyncio.create_task(rest.signed("DELETE", "/api/v3/order", {"orderId": 1}, key, 30))
        async with asyncio.timeout(30):
            assert await arrived.get() == "1"
        second = asyncio.create_task(rest.signed("DELETE", "/api/v3/order", {"orderId": 2}, key, 0.01))
        await asyncio.sleep(0.2)
        assert (arrived.empty(), second.done()) == (True, False)
        gate.set()
        assert (await first).ok
        await asyncio.gather(second, return_exceptions=True)  # it may not have its answer in time


async def test_a_question_that_was_too_much_silences_all_until_the_venue_said() -> None:
    asked: list[str] = []

    async def too_much(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"code": -1003, "msg": "Too much"}, status=429, headers={"Retry-After": "7"})

    app = web.Application()
    app.router.add_get("/api/v3/time", too_much)
    async with TestServer(app) as server:
        limits = Limits(0.2)
        async with client(server.make_url(""), limits) as rest:
            assert (await rest.public("/api/v3/time")).status == 429
            assert limits.paused_for_ms(NOW) == 7_000
            with pytest.raises(NotSentError, match="nothing for another 7000 ms"):
                await rest.public("/api/v3/time")
    assert len(asked) == 1
