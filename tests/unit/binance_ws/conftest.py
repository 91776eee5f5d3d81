"""A scripted server on a free port, and a client session."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from tests.unit.binance_ws.support import Script, Server


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
