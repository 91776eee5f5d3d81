"""What a conformance test needs of a venue: its exchange under control, and the adapter connected to it.

A second venue brings its own Exchange; the tests themselves speak the venue protocol only.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from gateway.domain.funds import Balance
from gateway.domain.instruments import Instrument
from gateway.domain.intents import AmendIntent, CancelIntent, PlaceIntent, SettleIntent
from gateway.domain.prices import Quote
from gateway.domain.values import OrdType, Side, TimeInForce
from gateway.domain.venue_reports import VenueReport
from gateway.venues.base import Sinks, Venue

_R = TypeVar("_R", bound=VenueReport)
DEADLINE_S = 30.0


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what nobody announces."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.02)


class Exchange(Protocol):
    """The exchange behind the adapter, scripted from outside. Operations: place, cancel, amend, status."""

    symbol: str
    resting_px: Decimal  # a buy here does not trade by itself

    def venue(self, sinks: Sinks, **settings: object) -> Venue: ...
    async def manual(self) -> None: ...
    async def fill(self, client_id: str, qty: str | None = None) -> None: ...
    async def fill_if_open(self, client_id: str, qty: str | None = None) -> None: ...
    async def cancel_foreign(self, client_id: str) -> None: ...
    async def expire(self, client_id: str) -> None: ...
    async def reject(self, operation: str, *, unknown_outcome: bool = False, too_many: bool = False) -> None: ...
    async def fault(self, operation: str, kind: str, count: int = 1) -> None: ...
    async def hold(self, operation: str, when: str) -> None: ...
    async def held(self, operation: str) -> int: ...
    async def release(self) -> None: ...
    async def lose_events(self, count: int) -> None: ...
    async def duplicate_events(self, count: int) -> None: ...
    async def delay_events(self, ms: int) -> None: ...
    async def hold_events(self) -> None: ...
    async def release_events_backwards(self) -> None: ...
    async def silence(self, *, silent: bool) -> None: ...
    async def ban(self, ms: int) -> None: ...
    async def skew(self, ms: int) -> None: ...
    async def maintenance(self, *, on: bool) -> None: ...
    async def drop_connections(self) -> None: ...
    async def orders(self) -> list[Mapping[str, Any]]: ...
    async def trades(self) -> list[Mapping[str, Any]]: ...


@dataclass
class Desk:
    """Sinks that remember, and wait for what is expected."""

    reports: list[VenueReport] = field(default_factory=list)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    alerts: list[tuple[str, str]] = field(default_factory=list)
    clocks: list[tuple[str, int, int]] = field(default_factory=list)
    availabilities: list[tuple[bool, str]] = field(default_factory=list)
    known: Mapping[str, Instrument] = field(default_factory=dict)
    quoted: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # where prices came from
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def report(self, report: VenueReport) -> None:
        self.reports.append(report)
        self._news.set()

    def call(
        self, *, direction: str, operation: str, order_id: str, intent_id: int, text: str, venue_account: str = ""
    ) -> None:
        self.calls.append((direction, operation, text))
        self._news.set()

    def availability(self, venue_account: str, *, available: bool, reason: str) -> None:
        self.availabilities.append((available, reason))
        self._news.set()

    def clock(self, venue_account: str, offset_ns: int, error_ns: int) -> None:
        self.clocks.append((venue_account, offset_ns, error_ns))
        self._news.set()

    def instruments(self, venue_account: str, instruments: Mapping[str, Instrument]) -> None:
        self.known = instruments
        self._news.set()

    def quotes(self, venue_account: str, quotes: Mapping[str, Quote]) -> None:
        for symbol, quote in quotes.items():
            self.quoted[symbol].add(quote.source)
        self._news.set()

    def balances(self, venue_account: str, balances: Mapping[str, Balance] | None, *, whole: bool) -> None: ...

    async def owner(self, venue_account: str, owner: str) -> str:
        return ""

    def alert(self, code: str, text: str) -> None:
        self.alerts.append((code, text))
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to be true; fail with all that was seen."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not seen in time; reports={self.reports} alerts={self.alerts}") from None

    async def expect(self, kind: type[_R], **wanted: object) -> _R:
        """The first report of a kind with these fields."""

        def found() -> _R | None:
            for report in self.reports:
                if isinstance(report, kind) and all(getattr(report, k) == v for k, v in wanted.items()):
                    return report
            return None

        await self.until(lambda: found() is not None)
        report = found()
        assert report is not None
        return report

    def of(self, kind: type[_R]) -> list[_R]:
        return [report for report in self.reports if isinstance(report, kind)]

    def alert_codes(self) -> set[str]:
        return {code for code, _ in self.alerts}


_ids = itertools.count(1)


class Intents:
    """Makes the intents of one order, as the engine would."""

    def __init__(self, venue: Venue, symbol: str, px: Decimal, recv_window_ms: int = 5_000) -> None:
        number = next(_ids)
        self.venue = venue
        self.order_id = f"O{number}"
        self.client_id = f"test-{self.order_id}-1"
        self._common: dict[str, Any] = {
            "order_id": self.order_id,
            "leg": 1,
            "venue_account": venue.venue_account,
            "symbol": symbol,
            "client_id": self.client_id,
            "recv_window_ms": recv_window_ms,
        }
        self._px = px
        self._recv_window_ms = recv_window_ms
        self.placed_at_ms = 0

    def _stamp(self) -> dict[str, Any]:
        return {**self._common, "intent_id": next(_ids), "timestamp_ms": self.venue.clock_ms()}

    def place(self, **fields: Any) -> PlaceIntent:
        intent = PlaceIntent(
            **{
                "side": Side.BUY,
                "ord_type": OrdType.LIMIT,
                "time_in_force": TimeInForce.GTC,
                "qty": Decimal(1),
                "price": self._px,
                **self._stamp(),
                **fields,
            }
        )
        self.placed_at_ms = intent.timestamp_ms
        return intent

    def cancel(self, venue_order_id: str | None = None, **fields: Any) -> CancelIntent:
        return CancelIntent(**{**self._stamp(), "venue_order_id": venue_order_id, **fields})

    def amend(self, qty: str, venue_order_id: str | None = None) -> AmendIntent:
        return AmendIntent(**self._stamp(), venue_order_id=venue_order_id, qty=Decimal(qty))

    def settle_truly(self) -> SettleIntent:
        """With the time until which the exchange may really take the order: a request can lie unread until then."""
        left = self.placed_at_ms + self._recv_window_ms - self.venue.clock_ms()
        return self.settle(accepted_for_ms=left)

    def settle(self, venue_order_id: str | None = None, accepted_for_ms: int = 0) -> SettleIntent:
        return SettleIntent(
            **self._stamp(),
            venue_order_id=venue_order_id,
            accepted_until_ms=self.venue.clock_ms() + accepted_for_ms,
            placed_ms=self.placed_at_ms or self.venue.clock_ms(),
            side=Side.BUY,
            qty=Decimal(1),
            price=self._px,
        )
