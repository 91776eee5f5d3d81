"""The stream of best prices, whatever becomes of its connection."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal

import aiohttp
from aiohttp import web

from gateway.domain.prices import Quote
from gateway.venues.binance.book_ticker import BookTickers

_TOO_LONG = "x" * (2 << 20)
_PRICE = '{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1.5","B":"1","a":"2.5","A":"1"}}'


async def test_a_frame_that_breaks_the_connection_ends_in_another_one() -> None:
    """Aiohttp tells of it by a message of type ERROR."""
    connections = 0

    async def serve(request: web.Request) -> web.WebSocketResponse:
        nonlocal connections
        connections += 1
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str(_TOO_LONG if connections == 1 else _PRICE)
        await ws.receive()
        return ws

    async def query(symbols: Sequence[str]) -> bytes:
        return b"[]"

    application = web.Application()
    application.router.add_get("/stream", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"ws://127.0.0.1:{runner.addresses[0][1]}/stream"
    alerts: list[tuple[str, str]] = []
    quotes: asyncio.Queue[Mapping[str, Quote]] = asyncio.Queue()
    tickers = BookTickers(
        url,
        ["BTCUSDT"],
        query=query,
        refresh_s=60,
        now_ns=time.time_ns,
        alert=lambda code, text: alerts.append((code, text)),
        told=quotes.put_nowait,
    )
    async with aiohttp.ClientSession() as session:
        tickers.start(session)
        async with asyncio.timeout(20):
            assert (await quotes.get())["BTCUSDT"].bid == Decimal("1.5")
        await tickers.stop()
    await runner.cleanup()
    assert [code for code, _ in alerts] == ["VENUE_PRICES_LOST"]


async def test_a_symbol_that_the_venue_has_not_is_alerted_and_spoils_no_question_for_the_others() -> None:
    asked: asyncio.Queue[Sequence[str]] = asyncio.Queue()
    alerts: list[str] = []

    async def query(symbols: Sequence[str]) -> bytes:
        asked.put_nowait(symbols)
        return b"[]"

    tickers = BookTickers(
        "ws://127.0.0.1:9/stream",
        ["BTCUSD", "BTCUSDT"],
        query=query,
        refresh_s=0.02,
        now_ns=time.time_ns,
        alert=lambda _, text: alerts.append(text),
        told=lambda _: None,
    )
    async with aiohttp.ClientSession() as session:
        tickers.start(session, {"BTCUSDT", "ETHUSDT"})
        assert await asyncio.wait_for(asked.get(), 20) == ["BTCUSDT"]
        await tickers.stop()
    assert alerts[0] == "reference_symbols: the venue has no symbol 'BTCUSD', so no price of it"
