"""Which engine the watchdog takes the last one to be, by its connections."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway import unattended
from gateway.config import Config
from gateway.engine.attendance import Missing
from gateway.engine.emergency import OpenOrder
from gateway.engine.orders_in_sql import InSql
from gateway.engine.pulse import pulse_socket
from tests.fixtures.processes import wait_until


async def until(done: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_until, lambda: bool(done()), "it is so", 10)


class Watch:
    """A watchdog's half that neither kills nor sends, and whose SQL says which number holds the lease."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, lease: int) -> None:
        config = SimpleNamespace(
            engine=SimpleNamespace(hang_seconds=3600, absent_seconds=3600, directory=directory),
            database=SimpleNamespace(url=""),
        )
        self.canceled: list[Any] = []
        monkeypatch.setattr(unattended, "is_anothers", lambda _url, number: number != lease)
        monkeypatch.setattr(unattended, "orders_in_sql", lambda _url: InSql((), {}))
        self.half = unattended.Unattended(
            cast("Config", config),
            build=cast("Any", None),
            begin=lambda _: None,
            cancel=lambda emergency, _: self.canceled.append(emergency),
        )
        self._path = str(pulse_socket(directory))

    def engine(self, words: str) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._path)
        connection.sendall(words.encode())
        return connection


async def test_an_engine_that_died_before_its_first_beat_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has taken the lease with a number of its own: nobody else has the orders."""
    watch = Watch(tmp_path, monkeypatch, lease=6)
    await watch.half.start()
    engine = watch.engine("hello 5\nbeat\n")
    await until(lambda: watch.half.attendance.knows(os.getpid()))
    engine.close()
    await until(lambda: watch.half.attendance.died)
    again = watch.engine("hello 6\n")
    await until(lambda: watch.half._engines)
    again.close()
    await until(lambda: not watch.half._engines)  # so that nobody is killed: it is this process
    await watch.half._see_to_it(Missing.ABSENT)
    assert len(watch.canceled) == 1
    await watch.half.stop()


async def test_an_engine_that_connected_again_is_still_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it could not be killed before its orders are canceled."""
    watch = Watch(tmp_path, monkeypatch, lease=5)
    await watch.half.start()
    first = watch.engine("hello 5\nbeat\n")
    await until(lambda: watch.half._engines)
    before = watch.half._engines[os.getpid()]
    second = watch.engine("hello 5\nbeat\n")
    await until(lambda: watch.half._engines[os.getpid()] != before)
    first.close()
    await until(lambda: not Path(f"/proc/self/fd/{before}").exists())
    os.fstat(watch.half._engines[os.getpid()])
    assert not watch.half.attendance.died
    second.close()
    await until(lambda: watch.half.attendance.died)
    await watch.half.stop()


async def test_an_engine_that_came_while_the_orders_were_looked_for_cancels_them_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has found the halt written down. Two that cancel the same orders would use the rate budget twice."""
    watch = Watch(tmp_path, monkeypatch, lease=5)
    await watch.half.start()
    engine = watch.engine("hello 5\nbeat\n")
    await until(lambda: watch.half.attendance.knows(os.getpid()))
    engine.close()
    await until(lambda: not watch.half._engines)  # so that nobody is killed: it is this process
    watch.half.attendance.excused()
    looking, found, written = threading.Event(), threading.Event(), list[str]()

    def slow(_url: str) -> InSql:
        looking.set()
        assert found.wait(10)
        return InSql((), {})

    monkeypatch.setattr(unattended, "orders_in_sql", slow)
    file = SimpleNamespace(add=lambda _: written.append("found"), close=lambda: written.append("closed"))
    watch.half._begin = lambda _: cast("Any", file)
    seeing = asyncio.create_task(watch.half._see_to_it(Missing.HUNG))
    await until(looking.is_set)
    fresh = watch.engine("hello 5\nbeat\n")
    await until(lambda: watch.half.attendance.at_work)
    found.set()
    await seeing
    assert (watch.canceled, written) == ([], ["found", "closed"])
    fresh.close()
    await watch.half.stop()


DIES = """
import socket, sys
engine = socket.socket(socket.AF_UNIX)
engine.connect(sys.argv[1])
engine.sendall(b"hello 5\\nbeat\\n")
sys.stdin.readline()
engine.sendall(sys.argv[2].encode())
"""


@pytest.mark.parametrize(("last_words", "seen_to"), [("", 1), ("bye\n", 0)])
async def test_that_the_engine_cannot_work_may_be_heard_before_its_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_words: str, seen_to: int
) -> None:
    watch = Watch(tmp_path, monkeypatch, lease=5)
    await watch.half.start()
    arguments = [sys.executable, "-c", DIES, str(pulse_socket(tmp_path)), last_words]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE) as engine:  # noqa: ASYNC220 - starts at once
        await until(lambda: watch.half.attendance.knows(engine.pid))
        engine.communicate(b"die\n")  # nothing else runs here meanwhile
    watch.half.given_up()
    await watch.half.stop()
    assert len(watch.canceled) == seen_to


async def test_what_a_lost_engine_left_is_seen_to_also_when_no_other_will_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(tmp_path, monkeypatch, lease=0)
    looking, found = threading.Event(), threading.Event()

    def slow(_url: str) -> InSql:
        looking.set()
        assert found.wait(10)
        return InSql((), {})

    monkeypatch.setattr(unattended, "orders_in_sql", slow)
    await watch.half.start()
    watch.half._begin_to_see_to_it(Missing.ABSENT)
    await until(looking.is_set)
    watch.half.given_up()
    stopping = asyncio.create_task(watch.half.stop())
    await asyncio.wait({stopping}, timeout=0.1)
    assert not stopping.done()
    found.set()
    await stopping
    assert len(watch.canceled) == 1


async def test_a_process_id_that_was_killed_may_be_a_fresh_engines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the watchdog would go on to cancel beside it."""
    watch = Watch(tmp_path, monkeypatch, lease=5)

    async def ended(process: int) -> None:
        os.close(process)

    monkeypatch.setattr(unattended, "_ended", ended)
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda *_: None)  # it is this process
    await watch.half.start()
    killed = watch.engine("hello 5\nbeat\n")
    await until(lambda: watch.half.attendance.at_work)
    await watch.half._kill()
    assert not watch.half._is_replaced(), "it hangs in the kernel"
    killed.close()
    await until(lambda: not watch.half._engines)
    assert not watch.half._is_replaced(), "it is dead"
    fresh = watch.engine("hello 5\nbeat\n")
    await until(lambda: watch.half.attendance.at_work)
    assert watch.half._is_replaced()
    fresh.close()
    await watch.half.stop()


async def test_an_account_that_does_not_show_its_orders_holds_up_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key may be revoked, its adapter broken. What it shows later is canceled then."""
    watch = Watch(tmp_path, monkeypatch, lease=0)
    gate = asyncio.Event()

    async def listed(_build: object, name: str, _prefix: str) -> tuple[OpenOrder, ...]:
        if name == "broken":
            raise ZeroDivisionError
        if name == "slow":
            await gate.wait()
        return (OpenOrder(f"O-{name}", 1, name, "BTCUSDT", f"test-{name}-1", None),)

    def unreadable(_url: str) -> InSql:
        raise OSError

    accounts = [SimpleNamespace(name=name) for name in ("broken", "slow", "main")]
    cast("Any", watch.half._config).venue_accounts = accounts
    cast("Any", watch.half._config).deployment = "test"
    monkeypatch.setattr(unattended, "_LISTS_S", 0.1)
    monkeypatch.setattr(unattended, "ours_at", listed)
    monkeypatch.setattr(unattended, "orders_in_sql", unreadable)
    async with asyncio.timeout(30):
        await watch.half._see_to_it(Missing.ABSENT)
    gate.set()
    await until(lambda: len(watch.canceled) == 2)
    assert [[order.venue_account for order in one.orders] for one in watch.canceled] == [["main"], ["slow"]]
    assert all(one.halt for one in watch.canceled)
