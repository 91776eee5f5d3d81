"""When an engine counts as lost: by ticks without a beat, and not by how late it is."""

import socket
import threading
from pathlib import Path

from gateway.engine.attendance import STEADY, Attendance, Missing
from gateway.engine.private_socket import private_listener
from gateway.engine.pulse import Pulse


def at_work(*, hang: int = 3, absent: int = 20) -> Attendance:
    attendance = Attendance(hang, absent)
    attendance.beat("first")
    return attendance


def ticks(attendance: Attendance, count: int) -> list[Missing | None]:
    return [attendance.tick() for _ in range(count)]


def test_nobody_is_missed_who_never_came_or_was_excused() -> None:
    assert ticks(Attendance(1, 1), 5) == [None] * 5
    attendance = at_work()
    attendance.excused()
    assert ticks(attendance, 50) == [None] * 50


def test_one_that_lives_and_is_silent_hangs_and_is_told_once() -> None:
    attendance = at_work()
    assert ticks(attendance, 2) == [None, None]
    attendance.beat("first")
    assert ticks(attendance, 4) == [None, None, Missing.HUNG, None]
    for _ in range(50):
        attendance.beat("second")
        assert attendance.tick() is None, "the first after it is no return from the dead"
    assert ticks(at_work(hang=0), 500) == [None] * 500, "an engine that lives is no absent one"


def test_one_that_died_may_take_its_time_to_come_back() -> None:
    attendance = at_work()
    attendance.ended("first")
    assert ticks(attendance, 19) == [None] * 19
    assert attendance.tick() is Missing.ABSENT
    attendance = at_work()
    attendance.ended("first")
    ticks(attendance, 19)
    for _ in range(STEADY):
        attendance.beat("second")
    attendance.ended("another, which never beat")
    assert ticks(attendance, 2) == [None, None]
    attendance = at_work(absent=0)
    attendance.ended("first")
    assert ticks(attendance, 500) == [None] * 500


def test_engines_that_die_again_and_again_are_no_engine() -> None:
    attendance = at_work()
    found = []
    for engine in range(10):
        attendance.ended(engine - 1 if engine else "first")
        for _ in range(STEADY - 1):
            attendance.beat(engine)
        found += ticks(attendance, 2)
    assert found == [None] * 19 + [Missing.ABSENT]


def test_a_beat_needs_a_sign_of_life_from_every_thread(tmp_path: Path) -> None:
    """And its end is told, and whoever listens anew is told who speaks."""
    stuck, asked = threading.Event(), threading.Event()

    def alive() -> threading.Event:
        done = threading.Event()
        done.set()
        return done

    def may_hang() -> threading.Event:
        asked.set()
        return stuck

    listener = private_listener(tmp_path / "pulse.sock")
    pulse = Pulse(tmp_path / "pulse.sock", 7)
    assert pulse.connect()
    heard = listener.accept()[0].makefile()
    beats = threading.Semaphore(0)
    pulse.start((alive, may_hang), beats.release)
    assert heard.readline() == "hello 7\n"
    asked.wait(10)
    assert not beats.acquire(timeout=1.2), "one thread stands still"
    stuck.set()
    assert heard.readline() == "beat\n"
    heard.close()
    again, _ = listener.accept()
    with again, again.makefile() as heard:
        assert [heard.readline() for _ in range(2)] == ["hello 7\n", "beat\n"]
        pulse.stop()
        while (word := heard.readline()) != "bye\n":
            assert word == "beat\n"
    listener.close()


def test_without_a_watchdog_it_does_no_harm(tmp_path: Path) -> None:
    pulse = Pulse(tmp_path / "nobody.sock", 0)
    assert not pulse.connect()
    pulse.stop()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "nobody.sock"))
        assert not pulse.connect(), "bound, and nobody listens"
