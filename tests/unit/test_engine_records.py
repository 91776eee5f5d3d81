"""What is recorded beside orders: clocks, comings and goings, words with venues."""

import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.engine import inbox as i
from gateway.engine.host_clock import HostClockWatch, read_host_clock
from gateway.engine.records import ClockLimits, Records, sent_row
from gateway.store.tables import clock_readings, messages, state_changes, venue_calls
from tests.fixtures.loop_world import SESSION, World
from tests.fixtures.processes import wait_until
from tests.fixtures.recorded import DESK
from tests.unit.test_engine_desk import Office

MS = 1_000_000


def alerted(*readings: i.ClockRead, limits: ClockLimits) -> list[str]:
    recorder = Office().recorder
    records = Records(recorder, limits)
    for reading in readings:
        records.clock_read(reading)
    assert len(recorder.batch.clock_readings) == len(readings), "each is kept"
    return [row.text for row in recorder.batch.alerts]


def utc(offset: int, error: int = 0, problem: str = "") -> i.ClockRead:
    return i.ClockRead("utc", "", offset, error, problem, 1)


def venue(offset: int, error: int = 0, name: str = "main") -> i.ClockRead:
    return i.ClockRead("venue", name, offset, error, "", 1)


def test_utc_is_alerted_by_its_worst_case_once_until_it_is_right() -> None:
    limits = ClockLimits(utc_ns=10 * MS)
    readings = (utc(9 * MS, MS), utc(-9 * MS, 2 * MS), utc(30 * MS), utc(0), utc(0, 0, "not synchronized"))
    said = alerted(*readings, limits=limits)
    assert said == [
        "clock=utc limit_ns=10000000 offset_ns=-9000000 error_ns=2000000",
        "clock=utc limit_ns=10000000 offset_ns=0 error_ns=0 not synchronized",
    ]
    assert not alerted(utc(1 << 40, 0, "not synchronized"), limits=ClockLimits()), "no limit"


def test_a_venue_is_alerted_by_what_is_certain_and_each_alone() -> None:
    limits = ClockLimits(venue_ns=10 * MS)
    said = alerted(venue(-12 * MS, 3 * MS), venue(-14 * MS, 3 * MS), venue(14 * MS, 3 * MS, "b"), limits=limits)
    assert said == [
        f"clock=venue account={name} limit_ns=10000000 offset_ns={sign}14000000 error_ns=3000000"
        for name, sign in (("main", "-"), ("b", ""))
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="adjtimex(2) is Linux's")
def test_the_host_clock_is_read_with_its_error_bound() -> None:
    reading = read_host_clock()
    assert reading is not None
    assert abs(reading.offset_ns) < 10_000_000_000
    assert 0 <= reading.error_ns < 1 << 62
    heard: list[i.ClockRead] = []
    watch = HostClockWatch(heard.append, 3_600)
    watch.start()
    wait_until(lambda: bool(heard), "read at once")
    watch.stop()
    assert (heard[0].source, heard[0].name) == ("utc", "")


def test_what_goes_out_is_found_by_its_order() -> None:
    text = "8=FIX.4.4\x0135=8\x0137=O1\x0111=A\x0141=B\x0110=0\x01"
    row = sent_row(i.MessageSent(DESK, text, "8", 2, True, 1, 5), 1, first_use=True)
    assert (row.cl_ord_id, row.order_id) == ("A", "O1")
    unknown = sent_row(i.MessageSent(DESK, text.replace("O1", "NONE"), "9", 2, True, 1, 5), 1, first_use=True)
    assert (unknown.cl_ord_id, unknown.order_id) == ("A", None)


def test_words_of_the_venue_and_comings_and_goings_are_rows(tmp_path: Path) -> None:
    world = World(tmp_path)
    order = world.order("A")
    world.start()
    client_id = order.legs[0].client_id
    for name in (client_id, "somebody-else", ""):
        world.inbox.put(i.VenueCalled("in", "event", name, 0, f"event {name}", 5, "main"))
    world.inbox.put(i.VenueCalled("in", "snapshot", "", 0, "x" * 5_000, 6, "main"))
    world.inbox.put(i.AvailabilityChanged("main", False, "the venue closed the connection", 7))
    world.inbox.put(i.LoggedOn(SESSION, 8))
    world.inbox.put(i.LoggedOut(SESSION, 9))
    world.inbox.put(i.EpochReset(SESSION, 10))
    world.inbox.put(venue(3))
    wait_until(lambda: bool(world.rows(select(clock_readings))), "recorded")
    calls = world.rows(select(venue_calls).order_by(venue_calls.c.id))
    assert [(c.order_id, c.venue_account) for c in calls] == [(order.order_id, "main"), *[(None, "main")] * 3]
    assert len(calls[3].text) == 5_000, "not cut"
    world.stop()
    states = world.rows(select(state_changes).order_by(state_changes.c.id))
    assert [(s.what, s.name, s.state) for s in states] == [
        ("engine", "", "started"),
        ("venue", "main", "unavailable"),
        ("session", SESSION, "on"),
        ("session", SESSION, "off"),
        ("session", SESSION, "reset"),
        ("engine", "", "stopped"),
    ]
    assert states[1].text == "the venue closed the connection"
    assert not world.rows(select(messages))
