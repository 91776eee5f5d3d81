"""Best prices of chosen symbols, from the market data stream (web-socket-streams.md, Individual Symbol Book Ticker).

The stream speaks only of changes, and has no time of its own: a price that nothing was heard of for a while is asked
for again over REST, so that its age tells how long nobody confirmed it, be the market quiet or the stream dead.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from decimal import Decimal

import aiohttp
import msgspec

from gateway.domain.prices import Quote
from gateway.venues.backoff import backoff_s
from gateway.venues.binance.channel import RequestLostError
from gateway.venues.binance.payload import PayloadError, decode

STREAM, QUERY = "bookTicker stream", "bookTicker query"
_SILENCE_S = 60.0  # the venue pings every 20 s


class UnknownSymbolError(RequestLostError):
    """The venue does not have one of the symbols that were asked for."""


class _Top(msgspec.Struct):
    s: str
    b: Decimal
    a: Decimal


class _Message(msgspec.Struct):
    data: _Top


class _Queried(msgspec.Struct):
    symbol: str
    bidPrice: Decimal
    askPrice: Decimal


_MESSAGE = msgspec.json.Decoder(_Message)
_QUERIED = msgspec.json.Decoder(list[_Queried])


class BookTickers:
    """Follows symbols until it is stopped."""

    def __init__(
        self,
        url: str,
        symbols: Sequence[str],
        *,
        query: Callable[[Sequence[str]], Awaitable[bytes]],
        refresh_s: float,
        now_ns: Callable[[], int],
        alert: Callable[[str, str], None],
        told: Callable[[Mapping[str, Quote]], None],
    ) -> None:
        """query: GET ticker/bookTicker of these symbols; raises RequestLostError, UnknownSymbolError where it is that.

        refresh_s: when a price that was not heard of is asked for.
        """
        self._heard_at: dict[str, int] = {}
        self._url = url
        self._symbols = symbols
        self._query = query
        self._refresh_s = refresh_s
        self._now_ns = now_ns
        self._alert = alert
        self._told = told
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, session: aiohttp.ClientSession, listed: Collection[str] | None = None) -> None:
        """Begin, and go on until stop(). listed: all symbols that the venue has; None: it is not known.

        One that it has not is alerted and left out: it would have the venue refuse every question that names it.
        """
        for symbol in self._symbols:
            if listed is not None and symbol not in listed:
                self._alert(
                    "UNKNOWN_SYMBOL", f"reference_symbols: the venue has no symbol {symbol!r}, so no price of it"
                )
        self._symbols = [symbol for symbol in self._symbols if listed is None or symbol in listed]
        if self._symbols:
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._follow(session)), loop.create_task(self._keep_fresh())]

    async def stop(self) -> None:
        """Close the stream."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, session: aiohttp.ClientSession) -> None:
        url = f"{self._url}?streams={'/'.join(f'{symbol.lower()}@bookTicker' for symbol in self._symbols)}"
        attempt = 0
        while True:
            reason = "it ended"
            try:
                async with session.ws_connect(url, heartbeat=_SILENCE_S / 2, max_msg_size=1 << 20) as ws:
                    async for message in ws:
                        if message.type is aiohttp.WSMsgType.ERROR:  # such as a missed heartbeat
                            reason = str(message.data)
                            break
                        self._take(message.data)
                        attempt = 0
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
            except PayloadError as error:
                reason = f"it said something unreadable: {error}"
            if attempt % 10 == 0:
                self._alert("VENUE_PRICES_LOST", f"the stream of best prices: {reason}")
            attempt += 1
            await asyncio.sleep(backoff_s(attempt))

    def _take(self, text: str | bytes) -> None:
        top = decode(_MESSAGE, text if isinstance(text, bytes) else text.encode()).data
        at = self._heard_at[top.s] = self._now_ns()
        self._told({top.s: Quote(top.b, top.a, at, STREAM)})

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_s / 2)
            now = self._now_ns()
            old = [s for s in self._symbols if now - self._heard_at.get(s, 0) > self._refresh_s * 1e9]
            if old:
                with contextlib.suppress(RequestLostError, PayloadError):  # its age goes on to tell
                    await self._ask(old)

    async def _ask(self, symbols: Sequence[str]) -> None:
        """One that was delisted meanwhile would keep the others from being told, so it is found and left out."""
        try:
            self._heard(await self._query(symbols))
        except UnknownSymbolError:
            if len(symbols) > 1:
                for symbol in symbols:
                    await self._ask([symbol])
                return
            self._symbols = [symbol for symbol in self._symbols if symbol not in symbols]
            self._alert(
                "UNKNOWN_SYMBOL", f"reference_symbols: the venue has no symbol {symbols[0]!r} any more: no price of it"
            )

    def _heard(self, raw: bytes) -> None:
        at = self._now_ns()
        queried = decode(_QUERIED, raw)
        self._heard_at |= {one.symbol: at for one in queried}
        self._told({one.symbol: Quote(one.bidPrice, one.askPrice, at, QUERY) for one in queried})
