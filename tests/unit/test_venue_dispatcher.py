"""The venue thread: routing, order, defects, and that it never stands in the engine's way."""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.funds import Balance
from gateway.domain.instruments import Capabilities, Instrument
from gateway.domain.intents import AmendIntent, CancelIntent, Intent, PlaceIntent, SettleIntent
from gateway.domain.prices import Quote
from gateway.domain.reconcile import SnapshotRequest, VenueSnapshot
from gateway.domain.values import OrdType, Side, TimeInForce
from gateway.domain.venue_reports import Operation, VenueOutcomeUnknown, VenueReport
from gateway.venues.base import Sinks, SnapshotError, Venue, VenueSettingsError
from gateway.venues.binance.adapter import BinanceVenue
from gateway.venues.dispatcher import VenueThread
from gateway.venues.registry import build_venue

COMMON: dict[str, Any] = {
    "order_id": "O1", "leg": 1, "symbol": "BTCUSDT", "client_id": "gw-O1-1", "timestamp_ms": 1, "recv_window_ms": 1,
}  # fmt: skip


def place(intent_id: int, account: str = "a") -> PlaceIntent:
    return PlaceIntent(
        **COMMON, intent_id=intent_id, venue_account=account, side=Side.BUY, ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.GTC, qty=Decimal(1), price=Decimal(1),
    )  # fmt: skip


class FakeVenue:
    """Notes what it is asked, on which thread."""

    capabilities = Capabilities(ord_types=frozenset(), times_in_force=frozenset())

    def __init__(self, venue_account: str, sinks: Sinks, *, starts: bool = True) -> None:
        self.venue_account = venue_account
        self.sinks = sinks
        self.starts = starts
        self.asked: list[tuple[str, int]] = []
        self.threads: set[str] = set()
        self.stopped = False
        self.looks = 0
        self.quotes: Mapping[str, Quote] = {}
        self.balances: Mapping[str, Balance] | None = None
        self.instruments: Mapping[str, Instrument] = {"BTCUSDT": Instrument(symbol="BTCUSDT", base="BTC", quote="USDT")}

    @property
    def identity(self) -> str:
        return self.venue_account.removeprefix("same-")

    def clock_ms(self) -> int:
        return 42

    async def start(self) -> None:
        if not self.starts:
            raise VenueSettingsError("the key may withdraw")
        self.sinks.availability(self.venue_account, available=True, reason="")

    async def stop(self) -> None:
        self.stopped = True

    def _note(self, what: str, intent: Intent) -> None:
        self.asked.append((what, intent.intent_id))
        self.threads.add(threading.current_thread().name)
        if intent.intent_id == 13:
            raise ZeroDivisionError("defect")
        if intent.intent_id == 99:
            raise SystemExit("no loop catches this")

    def place(self, intent: PlaceIntent) -> None:
        self._note("place", intent)

    def cancel(self, intent: CancelIntent) -> None:
        self._note("cancel", intent)

    def amend(self, intent: AmendIntent) -> None:
        self._note("amend", intent)

    def settle(self, intent: SettleIntent) -> None:
        self._note("settle", intent)

    async def snapshot(self, request: SnapshotRequest) -> VenueSnapshot:
        self.looks += 1
        if self.looks == 1:
            raise SnapshotError("not now")
        return VenueSnapshot(request=request, asked_at=1, orders=(), trades=())

    async def reload_keys(self, others: Collection[str] = ()) -> None:
        if self.venue_account not in others:
            raise VenueSettingsError(f"no such variable, and others have {sorted(others)}")


@dataclass
class Engine:
    """Sinks as an engine has them: safe from any thread."""

    reports: list[VenueReport] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    available: list[tuple[str, bool]] = field(default_factory=list)

    def report(self, report: VenueReport) -> None:
        self.reports.append(report)

    def call(
        self, *, direction: str, operation: str, order_id: str, intent_id: int, text: str, venue_account: str = ""
    ) -> None:
        raise AssertionError

    def availability(self, venue_account: str, *, available: bool, reason: str) -> None:
        self.available.append((venue_account, available))

    def clock(self, venue_account: str, offset_ns: int, error_ns: int) -> None: ...

    def owner(self, venue_account: str, owner: str) -> str:
        return ""

    def alert(self, code: str, text: str) -> None:
        self.alerts.append(code)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.002)


class Built:
    def __init__(self, *accounts: str, broken: str = "") -> None:
        self.engine = Engine()
        self.venues: dict[str, FakeVenue] = {}

        def builder(account: str) -> Callable[[Sinks], Venue]:
            def build(sinks: Sinks) -> Venue:
                self.venues[account] = FakeVenue(account, sinks, starts=account != broken)
                return self.venues[account]

            return build

        self.deaths: list[BaseException] = []
        self.thread = VenueThread([builder(account) for account in accounts], self.engine, self.deaths.append)


def test_routes_by_account_and_keeps_the_order() -> None:
    built = Built("a", "b")
    built.thread.start()
    common: dict[str, Any] = {**COMMON, "venue_account": "a"}
    batch: list[Intent] = [
        place(1),
        place(2, "b"),
        CancelIntent(**common, intent_id=3),
        AmendIntent(**common, intent_id=4, venue_order_id=None, qty=Decimal(1)),
        SettleIntent(
            **common, intent_id=5, venue_order_id=None, accepted_until_ms=1, placed_ms=1,
            side=Side.BUY, qty=Decimal(1), price=None,
        ),
        place(6),
    ]  # fmt: skip
    built.thread.release(batch)
    built.thread.release([place(7)])
    until(lambda: len(built.venues["a"].asked) == 6)
    assert built.venues["a"].asked == [
        ("place", 1), ("cancel", 3), ("amend", 4), ("settle", 5), ("place", 6), ("place", 7),
    ]  # fmt: skip
    assert built.venues["b"].asked == [("place", 2)]
    assert built.venues["a"].threads == {"venues"}
    built.thread.stop()
    assert built.venues["a"].stopped
    assert built.venues["b"].stopped


def test_a_defect_is_an_unknown_outcome_and_stops_nobody() -> None:
    built = Built("a")
    built.thread.start()
    built.thread.release([place(13), place(14), place(15, "nobody")])
    until(lambda: len(built.engine.reports) == 2)
    unknown = built.engine.reports[0]
    assert isinstance(unknown, VenueOutcomeUnknown)
    assert (unknown.intent_id, unknown.operation, unknown.client_id) == (13, Operation.PLACE, "gw-O1-1")
    assert built.venues["a"].asked == [("place", 13), ("place", 14)]
    assert built.engine.alerts == ["VENUE_ADAPTER_DEFECT"] * 2
    built.thread.stop()


def test_tells_what_adapters_know() -> None:
    built = Built("a", "b", broken="b")
    assert not built.thread.available("a")
    built.thread.start()
    until(lambda: built.thread.available("a") and "VENUE_NOT_STARTED" in built.engine.alerts)
    assert not built.thread.available("b")
    assert not built.thread.available("nobody")
    assert built.engine.available == [("a", True)]
    assert built.thread.clock_ms("a") == 42
    instrument = built.thread.instrument("a", "BTCUSDT")
    assert instrument is not None
    assert instrument.base == "BTC"
    assert built.thread.instrument("a", "ETHUSDT") is None
    assert built.thread.instrument("nobody", "BTCUSDT") is None
    told: list[tuple[str, bool]] = []
    built.thread.reload_keys("a", lambda *said: told.append(said))
    until(lambda: bool(told))
    assert told[0][0].startswith("no such variable, and others have")
    assert "VENUE_KEY_NOT_RELOADED" in built.engine.alerts
    built.thread.stop()


def test_a_key_read_again_is_told_from_a_new_one_and_from_one_that_was_refused() -> None:
    class Keyed(FakeVenue):
        key = there = "first"

        @property
        def identity(self) -> str:
            return self.key

        async def reload_keys(self, others: Collection[str] = ()) -> None:
            self.key = self.there

    venues: list[Keyed] = []

    def keyed(sinks: Sinks) -> Venue:
        venues.append(Keyed("a", sinks, starts=False))
        return venues[0]

    engine = Engine()
    thread = VenueThread([keyed], engine)
    thread.start()
    until(lambda: "VENUE_NOT_STARTED" in engine.alerts)
    told: list[tuple[str, bool]] = []

    def reloaded() -> tuple[str, bool]:
        before = len(told)
        thread.reload_keys("a", lambda *said: told.append(said))
        until(lambda: len(told) > before)
        return told[-1]

    venues[0].starts = True
    assert reloaded() == ("", False), "it was not in use until now"
    assert reloaded() == ("", True)
    venues[0].there = "second"
    assert reloaded() == ("", False)
    assert reloaded() == ("", True)
    thread.stop()


def test_a_snapshot_is_tried_again_until_it_is_there() -> None:
    built = Built("a")
    built.thread.start()
    taken: list[VenueSnapshot] = []
    request = SnapshotRequest(venue_account="a", request_id=1, trades_since_ms={})
    built.thread.snapshot(request, taken.append)
    until(lambda: bool(taken))
    assert taken[0].request is request
    assert built.engine.alerts == ["RECONCILE_DELAYED"]
    built.thread.stop()
    built.thread.snapshot(request, taken.append)
    assert len(taken) == 1


def test_a_sign_of_life_comes_from_the_thread_and_timers_are_kept_where_there_are_any() -> None:
    class Timed(FakeVenue):
        capabilities = Capabilities(ord_types=frozenset(), times_in_force=frozenset(), dead_man_timer=True)
        kept = 0

        def keep_dead_man_timer(self) -> None:
            assert threading.current_thread().name == "venues"
            self.kept += 1

    venues: list[Timed] = []

    def timed(sinks: Sinks) -> Venue:
        venues.append(Timed("timed", sinks))
        return venues[0]

    thread = VenueThread([timed, lambda sinks: FakeVenue("plain", sinks)], Engine())
    assert not thread.sign_of_life().wait(0.05), "it does not run yet"
    thread.start()
    thread.keep_timers()
    assert thread.sign_of_life().wait(10)
    assert venues[0].kept == 1
    thread.stop()
    thread.keep_timers()
    assert not thread.sign_of_life().is_set()


def test_after_stop_nothing_is_sent_and_it_is_said() -> None:
    built = Built("a")
    built.thread.start()
    built.thread.stop()
    built.thread.stop()
    built.thread.release([place(1)])
    assert built.engine.alerts == ["VENUES_STOPPED"]
    told: list[tuple[str, bool]] = []
    # A request that was still waiting must not end the engine.
    built.thread.reload_keys("a", lambda *said: told.append(said))
    assert told == [("the venues have stopped", False)]
    assert not built.venues["a"].asked


def test_a_thread_that_dies_takes_no_more_orders_and_says_so() -> None:
    built = Built("a", "b")
    built.thread.start()
    until(lambda: built.thread.available("a") and built.thread.available("b"))
    built.thread.release([place(99)])
    until(lambda: bool(built.deaths))
    assert isinstance(built.deaths[0], SystemExit)
    assert not built.thread.available("a")
    assert not built.thread.available("b")
    assert built.engine.available[-2:] == [("a", False), ("b", False)]
    assert built.engine.alerts == ["VENUE_THREAD_DIED"]
    built.thread.stop()


def test_a_thread_that_was_stopped_did_not_die() -> None:
    built = Built("a")
    built.thread.start()
    built.thread.stop()
    assert not built.deaths
    assert not built.engine.alerts


def test_two_accounts_of_one_name_are_refused() -> None:
    with pytest.raises(VenueSettingsError, match="'a'"):
        Built("a", "a")


def test_two_accounts_with_the_same_key_are_refused() -> None:
    with pytest.raises(VenueSettingsError, match="'a' and 'same-a' have the same API key"):
        Built("a", "same-a")


def test_a_key_at_one_exchange_is_one_identity_and_not_shown() -> None:
    keys = {f"FIXGW_SIM_{name}_{part}": "SECRET" for name in ("A", "B") for part in ("API_KEY", "API_SECRET")}
    at = {port: {"environment": "sim", "base_url": f"http://127.0.0.1:{port}"} for port in (1, 2)}
    a, b, elsewhere = (
        BinanceVenue(name, at[port], Engine(), environ=keys).identity for name, port in (("a", 1), ("b", 1), ("b", 2))
    )
    assert a == b != elsewhere
    assert "SECRET" not in a


def test_the_registry_names_the_adapters_there_are() -> None:
    with pytest.raises(VenueSettingsError, match="'nasdaq'; there are binance"):
        build_venue("nasdaq", "main", {}, Engine())
    with pytest.raises(VenueSettingsError, match="'main': settings: environment"):
        build_venue("binance", "main", {}, Engine())
