"""Emergency cancels are sent until each order is over, by what the venue says and not by what is hoped."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.domain.intents import CancelIntent
from gateway.domain.reconcile import SnapshotRequest, VenueSnapshot
from gateway.domain.venue_reports import CloseReason, Operation, VenueClosed, VenueOutcomeUnknown, VenueRefused
from gateway.engine.emergency import OpenOrder, Over, Said
from gateway.venues import emergency
from gateway.venues.base import Sinks, VenueSettingsError
from gateway.venues.emergency import EmergencyCancels

KNOWN = OpenOrder("O1", 1, "main", "BTCUSDT", "gw-O1-1", "77")
IN_FLIGHT = OpenOrder("O2", 1, "main", "BTCUSDT", "gw-O2-1", None)


class ScriptedVenue:
    """Answers cancels as the script says; after its end they are done."""

    venue_account = "main"

    def __init__(self, sinks: Sinks, script: Iterator[dict[str, Any] | None]) -> None:
        self._sinks = sinks
        self._script = script
        self.sent: list[CancelIntent] = []
        self.stopped = False

    async def start(self) -> None:
        raise VenueSettingsError("it never gets its stream; cancels work all the same")

    async def stop(self) -> None:
        self.stopped = True

    def clock_ms(self) -> int:
        return 5

    def cancel(self, intent: CancelIntent) -> None:
        self.sent.append(intent)
        of: dict[str, Any] = {"venue_account": "main", "symbol": intent.symbol, "client_id": intent.client_id}
        answer = next(self._script, None)
        if answer is None:
            self._sinks.report(VenueClosed(**of, reason=CloseReason.CANCELED, cum_qty=Decimal(intent.leg - 1)))
        elif answer.pop("unknown", False):
            self._sinks.report(VenueOutcomeUnknown(**of, operation=Operation.CANCEL, intent_id=1, text="timeout"))
        elif answer.pop("raise", False):
            raise RuntimeError("a defect")
        else:
            self._sinks.report(
                VenueRefused(**of, operation=Operation.CANCEL, intent_id=intent.intent_id, text="-2011", **answer)
            )


async def cancels(
    order: OpenOrder, *script: dict[str, Any] | None, in_flight_s: float = 60, monkeypatch: pytest.MonkeyPatch
) -> tuple[ScriptedVenue, list[Said | Over]]:
    monkeypatch.setattr(emergency, "_RETRY_S", 0.001)
    venues: list[ScriptedVenue] = []

    def build(_name: str, sinks: Sinks) -> Any:
        venues.append(ScriptedVenue(sinks, iter(script)))
        return venues[0]

    noted: list[Said | Over] = []
    await EmergencyCancels(build, noted.append, in_flight_s).run([order])
    assert venues[0].stopped
    return venues[0], noted


async def test_it_is_tried_until_the_venue_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [{"may_retry": True}, {"unknown": True}, {"raise": True}, {}]
    venue, noted = await cancels(KNOWN, *script, monkeypatch=monkeypatch)
    assert len(venue.sent) == 5
    assert [(n.order_id, n.outcome) for n in noted if isinstance(n, Over)] == [("O1", "canceled cum_qty=0")]
    first = venue.sent[0]
    assert (first.venue_order_id, first.client_id, first.timestamp_ms) == ("77", "gw-O1-1", 5)


async def test_an_order_that_the_venue_had_and_does_not_know_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    venue, noted = await cancels(KNOWN, {"order_unknown": True}, monkeypatch=monkeypatch)
    assert len(venue.sent) == 1
    assert [n.outcome for n in noted if isinstance(n, Over)] == ["not open: -2011"]


async def test_one_that_may_be_on_its_way_is_asked_for_until_it_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    venue, noted = await cancels(IN_FLIGHT, *[{"order_unknown": True}] * 3, monkeypatch=monkeypatch)
    assert len(venue.sent) == 4, "it arrived after all"
    assert [n.outcome for n in noted if isinstance(n, Over)] == ["canceled cum_qty=0"]
    never = [{"order_unknown": True} for _ in range(1000)]
    seconds = itertools.count()
    monkeypatch.setattr(emergency, "time", SimpleNamespace(monotonic=lambda: next(seconds), time_ns=lambda: 1))
    venue, noted = await cancels(IN_FLIGHT, *never, in_flight_s=3, monkeypatch=monkeypatch)
    assert len(venue.sent) == 4
    assert [n.outcome for n in noted if isinstance(n, Over)] == ["not open: -2011"]


class AllAtOnce(ScriptedVenue):
    """Shows nothing foreign, and cancels all of a symbol; of BTCUSDT alone it fails to."""

    def __init__(self, sinks: Sinks, script: Iterator[dict[str, Any] | None]) -> None:
        super().__init__(sinks, script)
        self.shows = asyncio.Event()

    async def snapshot(self, request: SnapshotRequest) -> VenueSnapshot:
        await self.shows.wait()
        return VenueSnapshot(request=request, asked_at=1, orders=(), trades=())

    def cancel_all(self, intents: Sequence[CancelIntent]) -> None:
        if intents[0].symbol == "BTCUSDT":
            raise RuntimeError("a defect")
        for one in intents:
            self._sinks.report(
                VenueClosed(
                    venue_account="main", symbol=one.symbol, client_id=one.client_id, reason=CloseReason.CANCELED,
                    cum_qty=Decimal(0),
                )
            )  # fmt: skip


async def all_canceled(monkeypatch: pytest.MonkeyPatch, *, shows: bool) -> tuple[set[str], set[str]]:
    """What was canceled alone, and what is over. shows: the venue answers when it is looked at."""
    venues: list[AllAtOnce] = []

    def build(_name: str, sinks: Sinks) -> Any:
        venues.append(AllAtOnce(sinks, iter([])))
        if shows:
            venues[0].shows.set()
        return venues[0]

    noted: list[Said | Over] = []
    other = OpenOrder("O3", 1, "main", "ETHUSDT", "gw-O3-1", "78")
    run = EmergencyCancels(build, noted.append, 60, exclusive=["main"], prefix="gw-").run([KNOWN, other])
    await asyncio.wait_for(run, 30)
    return {intent.client_id for intent in venues[0].sent}, {n.client_id for n in noted if isinstance(n, Over)}


async def test_nobody_waits_for_a_request_that_could_not_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emergency, "_ANSWER_S", 3_600.0)
    assert await all_canceled(monkeypatch, shows=True) == ({"gw-O1-1"}, {"gw-O1-1", "gw-O3-1"})


async def test_a_look_that_is_not_answered_soon_holds_up_no_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emergency, "_ANSWER_S", 3_600.0)
    monkeypatch.setattr(emergency, "_LOOK_S", 0.01)
    assert await all_canceled(monkeypatch, shows=False) == ({"gw-O1-1", "gw-O3-1"}, {"gw-O1-1", "gw-O3-1"})


async def test_what_is_open_is_closed_however_often_it_is_canceled(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping, may_stop = asyncio.Event(), asyncio.Event()

    class Slow(ScriptedVenue):
        async def stop(self) -> None:
            stopping.set()
            await may_stop.wait()
            await super().stop()

    venues: list[Slow] = []

    def build(_name: str, sinks: Sinks) -> Any:
        venues.append(Slow(sinks, iter([])))
        return venues[0]

    run = asyncio.create_task(EmergencyCancels(build, lambda _: None, 60).run([KNOWN]))
    await stopping.wait()
    run.cancel()
    await asyncio.sleep(0)
    may_stop.set()
    await asyncio.wait({run})
    assert venues[0].stopped
