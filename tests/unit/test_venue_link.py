"""The venues' process and the engine's end of it: real processes, adapters without an exchange."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.domain.funds import Balance
from gateway.domain.instruments import Capabilities
from gateway.domain.intents import Intent
from gateway.domain.prices import Quote
from gateway.domain.reconcile import SnapshotRequest
from gateway.domain.venue_reports import VenueAccepted, VenueOutcomeUnknown
from gateway.engine import inbox as i
from gateway.engine.lease import monotonic_ns
from gateway.errors import ConfigError, GatewayError, LeaseLost
from gateway.venues.base import Sinks, VenueSettingsError
from gateway.venues.fork import VenueProcess
from gateway.venues.link import VenueLink
from gateway.venues.process import serve
from tests.fixtures.fake_venues import BITCOIN, FakeVenue, place
from tests.fixtures.processes import ROOT, alive

ONE, TWO = Quote(Decimal(1), Decimal(2), 3, "test"), Quote(Decimal(5), Decimal(6), 7, "test")
BTC, USDT = Balance("BTC", Decimal(1), Decimal(0), 5), Balance("USDT", Decimal("7.50"), Decimal(1), 6)


class Talking(FakeVenue):
    """Tells all that there is to tell, in order; accepts what it is given. Intents 97 to 99 end the process."""

    capabilities = Capabilities(ord_types=frozenset(), times_in_force=frozenset(), dead_man_timer=True)

    def __init__(self, venue_account: str, sinks: Sinks) -> None:
        super().__init__(venue_account, sinks)
        sinks.call(direction="out", operation="", order_id="", intent_id=0, text="built", venue_account=venue_account)

    async def start(self) -> None:
        said, name = self.sinks, self.venue_account
        said.clock(name, 10**15, 7)
        said.instruments(name, {"BTCUSDT": BITCOIN})
        said.quotes(name, {"BTCUSDT": ONE, "ETHUSDT": ONE})
        said.quotes(name, {"ETHUSDT": TWO})
        said.balances(name, {"BTC": BTC, "ETH": BTC}, whole=True)
        said.balances(name, {"USDT": USDT}, whole=False)
        said.call(direction="out", operation="place", order_id="O1", intent_id=1, text="x", venue_account=name)
        if problem := await said.owner(name, "owner of " + name):
            raise VenueSettingsError(problem)
        await super().start()

    def note(self, what: str, intent: Intent) -> None:
        super().note(what, intent)
        if intent.intent_id == 97:
            self.sinks.quotes("a", cast(Any, threading.Lock()))  # what cannot be handed over
        if intent.intent_id == 98:
            os.kill(os.getpid(), signal.SIGKILL)
        if intent.intent_id == 99:
            raise SystemExit("no loop catches this")
        if intent.intent_id == 50:
            self.sinks.balances(self.venue_account, None, whole=True)
        self.sinks.report(VenueAccepted(venue_account=self.venue_account, symbol="BTCUSDT", client_id=intent.client_id))

    def keep_dead_man_timer(self) -> None:
        self.sinks.alert("KEPT", "")


class Engine:
    """The engine's end, and what it heard."""

    def __init__(self, *accounts: str, owner: str = "", deadline: int | None = None) -> None:
        builders = [lambda sinks, name=name: Talking(name, sinks) for name in accounts]
        self.process = VenueProcess(lambda connection: serve(connection, builders))
        self.items: deque[Any] = deque()
        self.deaths: list[BaseException] = []
        self.deadline = deadline
        self.turns = True  # its loop does
        self.link = VenueLink(
            self.process,
            self.put,
            owner=lambda account, known: owner if (account, known) == ("a", "owner of a") else "",
            on_death=self.deaths.append,
            deadline=lambda: self.deadline,
        )

    def put(self, item: Any) -> None:
        self.items.append(item)
        if type(item) is i.SignOfLife and self.turns:
            item.done.set()

    def of(self, kind: type[Any]) -> list[Any]:
        return [item for item in tuple(self.items) if type(item) is kind]

    def alerts(self) -> list[str]:
        return [item.code for item in self.of(i.AlertRaised)]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.002)


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine("a", "b")
    made.link.start()
    until(lambda: made.link.available("a") and made.link.available("b"))
    yield made
    made.link.stop()
    assert not alive(made.process.pid)


def test_what_adapters_tell_is_there_before_they_are_available(engine: Engine) -> None:
    link = engine.link
    assert link.capabilities("a") == Talking.capabilities
    assert link.instrument("a", "BTCUSDT") == BITCOIN
    assert link.instrument("a", "ETHUSDT") is link.instrument("nobody", "BTCUSDT") is None
    assert link.symbols() == {"BTCUSDT"}
    assert link.quote("a", "BTCUSDT") == ONE
    assert link.quote("a", "ETHUSDT") == TWO
    assert link.quote("a", "BNBUSDT") is link.quote("nobody", "BTCUSDT") is None
    assert link.balances("a") == {"BTC": BTC, "ETH": BTC, "USDT": USDT}
    assert abs(link.clock_ms("a") - (time.time_ns() + 10**15) // 1_000_000) < 60_000
    assert not link.available("nobody")
    assert {(read.name, read.offset_ns, read.error_ns) for read in engine.of(i.ClockRead)} == {
        ("a", 10**15, 7),
        ("b", 10**15, 7),
    }
    assert [called.text for called in engine.of(i.VenueCalled)] == ["built", "built", "x", "x"]
    assert len(engine.of(i.AvailabilityChanged)) == 2


def test_requests_arrive_in_order_and_reports_come_back(engine: Engine) -> None:
    engine.link.release([place(1), place(2, "b"), place(13)])
    engine.link.release([place(50)])
    until(lambda: len(engine.of(VenueAccepted)) == 3)
    assert [report.venue_account for report in engine.of(VenueAccepted)] == ["a", "b", "a"]
    assert [report.intent_id for report in engine.of(VenueOutcomeUnknown)] == [13]
    assert engine.link.balances("a") is None, "the last one lost its stream"
    assert engine.link.balances("b") is not None


def test_questions_are_answered(engine: Engine) -> None:
    request = SnapshotRequest(venue_account="a", request_id=5, trades_since_ms={"BTCUSDT": 1})
    engine.link.snapshot(request)
    engine.link.reload_keys("b")
    engine.link.reload_keys("a", 8)
    engine.link.keep_timers()
    assert engine.link.sign_of_life().wait(20)
    until(lambda: engine.of(i.SnapshotTaken) and engine.of(i.KeysReloaded))
    assert engine.of(i.SnapshotTaken)[0].snapshot.request == request
    assert engine.of(i.KeysReloaded) == [
        i.KeysReloaded(8, "a", "no such variable, and others have ['b']", unchanged=True)
    ]
    assert engine.alerts().count("KEPT") == 2
    assert engine.alerts().count("VENUE_KEY_NOT_RELOADED") == 2


def test_a_process_that_does_not_read_holds_nobody_up(engine: Engine) -> None:
    os.kill(engine.process.pid, signal.SIGSTOP)
    alive = engine.link.sign_of_life()
    orders = [place(1) for _ in range(1_000)]
    for _ in range(10):
        engine.link.release(orders)
    assert not alive.is_set()
    os.kill(engine.process.pid, signal.SIGCONT)
    until(lambda: len(engine.of(VenueAccepted)) == 10_000)
    assert alive.is_set()
    engine.link.release([place(50)])
    until(lambda: engine.link.balances("a") is None)


def test_after_stop_nothing_is_sent_and_it_is_said(engine: Engine) -> None:
    engine.link.stop()
    assert not alive(engine.process.pid)
    engine.link.stop()
    engine.link.release([place(1)])
    engine.link.reload_keys("a", 3)  # a request that was still waiting must not end the engine
    engine.link.keep_timers()
    assert not engine.link.sign_of_life().is_set()
    assert engine.alerts() == ["VENUES_STOPPED"]
    assert engine.of(i.KeysReloaded) == [i.KeysReloaded(3, "a", "the venues have stopped")]
    assert not engine.of(VenueAccepted)
    assert not engine.deaths


@pytest.mark.parametrize("intent_id", [97, 98, 99])
def test_when_the_process_dies_no_more_orders_are_taken_and_it_is_said(engine: Engine, intent_id: int) -> None:
    engine.link.release([place(intent_id)])
    until(lambda: engine.deaths)
    assert isinstance(engine.deaths[0], GatewayError)
    assert not engine.link.available("a")
    assert not engine.link.available("b")
    assert [item.available for item in engine.of(i.AvailabilityChanged)][-2:] == [False, False]
    assert engine.alerts() == ["VENUE_PROCESS_DIED"]
    engine.link.release([place(1)])
    assert not engine.of(VenueAccepted)


def test_the_engine_records_that_the_process_died_before_it_ends(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.venues.link._TURN_S", 600)
    engine.turns = False
    os.kill(engine.process.pid, signal.SIGSTOP)
    engine.link.sign_of_life()  # of which it will not hear
    os.kill(engine.process.pid, signal.SIGKILL)
    until(lambda: engine.of(i.SignOfLife))
    assert engine.alerts() == ["VENUE_PROCESS_DIED"]
    assert not engine.deaths
    engine.of(i.SignOfLife)[0].done.set()
    until(lambda: engine.deaths)
    assert isinstance(engine.deaths[0], GatewayError)


def test_signals_are_for_the_engine_alone(engine: Engine) -> None:
    ignored = re.search(r"SigIgn:\s+(\w+)", Path(f"/proc/{engine.process.pid}/status").read_text())
    assert ignored is not None
    assert not int(ignored[1], 16) & 1 << signal.SIGTERM - 1, "a command that prints a key could not be told to end"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(engine.process.pid, number)
    assert engine.link.sign_of_life().wait(20)


def test_what_is_released_after_the_lease_is_not_sent(engine: Engine) -> None:
    engine.deadline = monotonic_ns() + 3_600 * 10**9
    engine.link.release([place(1)])
    until(lambda: engine.of(VenueAccepted))
    engine.deadline = monotonic_ns() - 1
    engine.link.release([place(2)])
    engine.deadline = monotonic_ns() + 3_600 * 10**9
    engine.link.release([place(3)])  # it may not come without what was to come before
    until(lambda: engine.deaths)
    assert isinstance(engine.deaths[0], LeaseLost)
    assert engine.link.sign_of_life().wait(20)
    assert len(engine.of(VenueAccepted)) == 1


def test_an_owner_that_is_refused_keeps_its_account_from_starting() -> None:
    engine = Engine("a", "b", owner="the key is another's")
    engine.link.start()
    until(lambda: engine.link.available("b") and engine.alerts())
    assert engine.of(i.AlertRaised)[0].text == "venue account 'a': the key is another's"
    assert not engine.link.available("a")
    engine.link.stop()


def test_a_wrong_configuration_is_told_and_leaves_no_process() -> None:
    with pytest.raises(ConfigError, match="two venue accounts are named 'a'"):
        Engine("a", "a")


def test_a_process_that_dies_before_it_has_built_anything_is_told() -> None:
    process = VenueProcess(lambda _: os._exit(3))
    with pytest.raises(GatewayError, match="did not start"):
        VenueLink(process, print, owner=lambda *_: "", on_death=print)
    process.end(20)


def test_its_end_is_awaited_where_whoever_started_the_gateway_ignores_its_children() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        process = VenueProcess(lambda _: None)
        process.end(20)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert not alive(process.pid)


def test_it_ends_with_its_engine() -> None:
    """However that ends: a venue must hear of no engine that is dead."""
    program = """
import os, signal, sys, time
from gateway.venues.fork import VenueProcess
from gateway.venues.link import VenueLink
from gateway.venues.process import serve
process = VenueProcess(lambda connection: serve(connection, []))
link = VenueLink(process, print, owner=lambda *_: "", on_death=print)
os.kill(process.pid, signal.SIGSTOP)  # so that it cannot notice by itself
print(process.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not alive(pid))


def test_it_ends_when_the_engine_hangs_up() -> None:
    process = VenueProcess(lambda connection: serve(connection, []))
    process.socket.close()
    until(lambda: not alive(process.pid))
    process.end(20)
