"""The adapters of the venues' process: routing, order, and defects."""

import asyncio
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.instruments import Capabilities
from gateway.domain.intents import AmendIntent, CancelIntent, Intent, SettleIntent
from gateway.domain.reconcile import SnapshotRequest, VenueSnapshot
from gateway.domain.values import Side
from gateway.domain.venue_reports import Operation, VenueOutcomeUnknown
from gateway.venues.base import Sinks, Venue, VenueSettingsError
from gateway.venues.binance.adapter import BinanceVenue
from gateway.venues.dispatcher import Dispatcher
from gateway.venues.registry import build_venue
from tests.fixtures.fake_venues import COMMON, FakeVenue, Heard, place


class Built:
    def __init__(self, *accounts: str, broken: str = "") -> None:
        self.heard = Heard()
        self.venues: dict[str, FakeVenue] = {}

        def builder(account: str) -> Callable[[Sinks], Venue]:
            def build(sinks: Sinks) -> Venue:
                self.venues[account] = FakeVenue(account, sinks, starts=account != broken)
                return self.venues[account]

            return build

        self.dispatcher = Dispatcher([builder(account) for account in accounts], self.heard)


async def reloaded(dispatcher: Dispatcher, account: str = "a") -> tuple[str, bool]:
    """How it went."""
    told: asyncio.Future[tuple[str, bool]] = asyncio.get_running_loop().create_future()
    dispatcher.reload_keys(account, lambda *said: told.set_result(said))
    return await asyncio.wait_for(told, 20)


async def test_routes_by_account_and_keeps_the_order() -> None:
    built = Built("a", "b")
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
    built.dispatcher.release(batch)
    built.dispatcher.release([place(7)])
    assert built.venues["a"].asked == [
        ("place", 1), ("cancel", 3), ("amend", 4), ("settle", 5), ("place", 6), ("place", 7),
    ]  # fmt: skip
    assert built.venues["b"].asked == [("place", 2)]
    await built.dispatcher.stop()
    assert built.venues["a"].stopped
    assert built.venues["b"].stopped
    assert not built.heard.alerts


async def test_a_defect_is_an_unknown_outcome_and_stops_nobody() -> None:
    built = Built("a")
    built.dispatcher.release([place(13), place(14), place(15, "nobody")])
    assert len(built.heard.reports) == 2
    unknown = built.heard.reports[0]
    assert isinstance(unknown, VenueOutcomeUnknown)
    assert (unknown.intent_id, unknown.operation, unknown.client_id) == (13, Operation.PLACE, "gw-O1-1")
    assert built.venues["a"].asked == [("place", 13), ("place", 14)]
    assert built.heard.alerts == ["VENUE_ADAPTER_DEFECT"] * 2


async def test_an_account_that_does_not_start_stops_no_other() -> None:
    built = Built("a", "b", broken="b")
    built.dispatcher.start()
    await built.heard.until_alerted("VENUE_NOT_STARTED")
    assert built.heard.available == [("a", True)]
    assert (await reloaded(built.dispatcher))[0] == "no such variable, and others have ['b']"
    assert built.heard.alerts[-1] == "VENUE_KEY_NOT_RELOADED"
    await built.dispatcher.stop()


async def test_a_key_read_again_is_told_from_a_new_one_and_from_one_that_was_refused() -> None:
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

    heard = Heard()
    dispatcher = Dispatcher([keyed], heard)
    dispatcher.start()
    await heard.until_alerted("VENUE_NOT_STARTED")
    venues[0].starts = True
    assert await reloaded(dispatcher) == ("", False), "it was not in use until now"
    assert await reloaded(dispatcher) == ("", True)
    venues[0].there = "second"
    assert await reloaded(dispatcher) == ("", False)
    assert await reloaded(dispatcher) == ("", True)
    await dispatcher.stop()
    assert heard.available == [("a", True)]


async def test_a_snapshot_is_tried_again_until_it_is_there() -> None:
    built = Built("a")
    taken: asyncio.Queue[VenueSnapshot] = asyncio.Queue()
    request = SnapshotRequest(venue_account="a", request_id=1, trades_since_ms={})
    built.dispatcher.snapshot(request, taken.put_nowait)
    assert (await asyncio.wait_for(taken.get(), 20)).request is request
    assert built.heard.alerts == ["RECONCILE_DELAYED"]
    await built.dispatcher.stop()


def test_timers_are_kept_where_there_are_any() -> None:
    class Timed(FakeVenue):
        capabilities = Capabilities(ord_types=frozenset(), times_in_force=frozenset(), dead_man_timer=True)
        kept = 0

        def keep_dead_man_timer(self) -> None:
            self.kept += 1

    timed = Timed("timed", Heard())
    Dispatcher([lambda _: timed, lambda sinks: FakeVenue("plain", sinks)], Heard()).keep_timers()
    assert timed.kept == 1


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
        BinanceVenue(name, at[port], Heard(), environ=keys).identity for name, port in (("a", 1), ("b", 1), ("b", 2))
    )
    assert a == b != elsewhere
    assert "SECRET" not in a


def test_the_registry_names_the_adapters_there_are() -> None:
    with pytest.raises(VenueSettingsError, match="'nasdaq'; there are binance"):
        build_venue("nasdaq", "main", {}, Heard())
    with pytest.raises(VenueSettingsError, match="'main': settings: environment"):
        build_venue("binance", "main", {}, Heard())
