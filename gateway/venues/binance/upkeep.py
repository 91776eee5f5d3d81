"""What must be kept fresh while connected: the venue's time, its instruments and limits, and prices when asked."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import quote

import msgspec

from gateway.domain.instruments import Instrument
from gateway.venues.base import Sinks
from gateway.venues.binance.book_ticker import UnknownSymbolError
from gateway.venues.binance.channel import RequestLostError
from gateway.venues.binance.clock import VenueClock
from gateway.venues.binance.errors import UNKNOWN_SYMBOL
from gateway.venues.binance.limits import Limits, Use
from gateway.venues.binance.payload import PayloadError
from gateway.venues.binance.rest import NotSentError, RestClient
from gateway.venues.binance.settings import BinanceSettings
from gateway.venues.binance.startup import learn_instruments, measure_clock

_BOOK_TICKER_WEIGHT = 4
_CLOCK_WEIGHT = 5  # as many requests of one
_INSTRUMENTS_WEIGHT = 20
_SOON_S = 60.0  # from one reading of the instruments to another that something asks for


class Upkeep:
    """Over REST."""

    def __init__(
        self,
        venue_account: str,
        settings: BinanceSettings,
        sinks: Sinks,
        clock: VenueClock,
        limits: Limits,
        rest: Callable[[], RestClient],
    ) -> None:
        """rest: raises NotSentError while there is none."""
        self._venue_account = venue_account
        self._settings = settings
        self._sinks = sinks
        self._alert = sinks.alert
        self._clock = clock
        self._limits = limits
        self._rest = rest
        self.instruments: Mapping[str, Instrument] = {}
        self._missing: set[str] = set()
        self._halted: set[str] = set()  # symbols that traded before
        self._doubted = asyncio.Event()

    async def keep_clock(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(self._settings.clock_refresh_s)
            await self._wait_for(lambda now_ms: self._limits.query_wait_ms(now_ms, _CLOCK_WEIGHT, Use.ROUTINE))
            await self.measure_clock()

    async def measure_clock(self) -> None:
        """Once, as soon as a cancel could go too, which needs the time. What goes wrong is alerted."""
        await self._wait_for(self._limits.cancel_wait_ms)
        try:
            await self.learn_clock()
        except (RequestLostError, PayloadError) as error:
            self._alert("VENUE_CLOCK_STALE", f"venue account {self._venue_account}: {error}")

    async def learn_clock(self) -> None:
        """Once, now. Raises RequestLostError or PayloadError."""
        self._limits.spend(self._clock.clock_ms(), _CLOCK_WEIGHT)
        best = await measure_clock(self._rest(), self._clock)
        offset_ns = self._clock.offset_ns  # it may be what was known before
        error_ns = best.error_ns + abs(best.offset_ns - offset_ns)
        self._sinks.clock(self._venue_account, offset_ns, error_ns)

    def doubt_instruments(self) -> None:
        """The venue refused what they allow: read them again soon."""
        self._doubted.set()

    async def keep_instruments(self) -> None:
        """For ever; sooner than usual where they are in doubt, or where a market is closed that may open again."""
        usual_s = self._settings.instruments_refresh_s
        soon_s = pause_s = min(_SOON_S, usual_s)
        while True:
            pause_s = min(2 * pause_s, usual_s) if self._halted else usual_s
            await self._pause_or_doubt(soon_s, pause_s)
            was_halted = self._halted
            await self._wait_for(lambda now_ms: self._limits.query_wait_ms(now_ms, _INSTRUMENTS_WEIGHT, Use.ROUTINE))
            try:
                await self.learn_instruments()
            except (RequestLostError, PayloadError) as error:
                self._alert("VENUE_INSTRUMENTS_STALE", f"venue account {self._venue_account}: {error}")
            if self._halted - was_halted:
                pause_s = soon_s / 2

    async def _pause_or_doubt(self, soon_s: float, pause_s: float) -> None:
        await asyncio.sleep(soon_s)
        if pause_s > soon_s:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s - soon_s):
                    await self._doubted.wait()
        self._doubted.clear()

    async def learn_instruments(self) -> None:
        """Once, now, and the venue's limits with them. Raises RequestLostError or PayloadError."""
        self._limits.spend(self._clock.clock_ms(), _INSTRUMENTS_WEIGHT)
        instruments, limits = await learn_instruments(self._rest(), self._settings.symbols)
        self._limits.learn(limits)
        missing = set(self._settings.symbols) - instruments.keys()
        if missing - self._missing:
            text = f"venue account {self._venue_account}: the venue does not have {', '.join(sorted(missing))}"
            self._alert("VENUE_SYMBOLS_MISSING", f"{text}, which its symbols name: no order in them can be taken")
        self._missing = missing
        self._halted = {name for name, one in instruments.items() if not one.tradable and self._may_open(name)}
        if instruments != self.instruments:
            self.instruments = instruments
            self._sinks.instruments(self._venue_account, instruments)

    def _may_open(self, symbol: str) -> bool:
        """Whether somebody may want to trade it: the venue lists others for ever that it closed for good."""
        before = self.instruments.get(symbol)
        return symbol in self._halted or symbol in self._settings.symbols or (before is not None and before.tradable)

    async def _wait_for(self, wait_ms: Callable[[int], int]) -> None:
        """Until the rate budget has room: a minute that is used up is all the closer to a ban by what can wait."""
        while ms := wait_ms(self._clock.clock_ms()):  # noqa: ASYNC110 - time alone helps
            await asyncio.sleep(ms / 1_000)

    async def book_tickers(self, symbols: Sequence[str]) -> bytes:
        """GET ticker/bookTicker. Raises RequestLostError, and UnknownSymbolError where a symbol is the reason."""
        now_ms = self._clock.clock_ms()
        if self._limits.query_wait_ms(now_ms, _BOOK_TICKER_WEIGHT, Use.ROUTINE):
            raise NotSentError("no budget for it now")
        self._limits.spend(now_ms, _BOOK_TICKER_WEIGHT)
        names = msgspec.json.encode(list(symbols)).decode()
        answer = await self._rest().public("/api/v3/ticker/bookTicker", f"symbols={quote(names)}")
        if not answer.ok:
            failure = answer.failure()
            raise (UnknownSymbolError if failure.code == UNKNOWN_SYMBOL else RequestLostError)(failure.text)
        return bytes(answer.result)
