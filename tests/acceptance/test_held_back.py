"""A client that sends more than the engine decides is not read for a while: memory stays bounded, others trade on, and
in the end all of it is answered.
"""

import asyncio
import contextlib
import os
import signal
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.client import FixClient
from gateway.control.client import look
from tests.acceptance.test_slow_reader import trades
from tests.fixtures.patient import PATIENCE_S
from tests.fixtures.processes import Exchange, Gateway, wait_until

BOUND = 1 << 17  # far less than comes while a commit waits, be the client slow
ON_ITS_WAY = 4 << 20  # two buffers of the front, the sockets on the way, and what comes until the front has heard of it
KEY = "FIX.4.4:FIXGW->DESK"
FLOOD = 1_000
TEXT = [(58, "x" * 20_000)]  # 20 MB in all


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    exchange = Exchange(tmp_path).start()
    process = Gateway(tmp_path, exchange.url, engine=f"most_waiting = 20\nmost_waiting_bytes = {BOUND}")
    process.start()
    yield process
    process.stop()
    exchange.stop()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is asked has much to do meanwhile."""
    monkeypatch.setattr("gateway.control.client.LOOK_S", 30.0)


@contextlib.asynccontextmanager
async def slow_database(path: Path) -> AsyncIterator[None]:
    """Each commit waits for half a second, since another process writes so long. SQLite asks ten times a second."""
    over = threading.Event()

    def write() -> None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as database:
            while not over.is_set():
                database.execute("BEGIN IMMEDIATE")
                time.sleep(0.5)
                database.execute("COMMIT")
                time.sleep(0.15)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        await asyncio.to_thread(writer.join)


async def shown(gateway: Gateway, who: str) -> dict[str, dict[str, Any]]:
    socket = {"front": "front.sock", "engine": "control.sock"}[who]
    return await asyncio.to_thread(look, gateway.directory / "run" / socket, who)


def memory(pid: int) -> int:
    """Resident, bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) << 10


async def flood(client: FixClient) -> list[str]:
    """As fast as it goes; more is sent than the sockets on the way hold."""
    sent = []
    for _ in range(FLOOD):
        sent.append(client.new_order("BTCUSDT", "buy", "0.1", price="30000", time_in_force="GTC", extra=TEXT))
        await asyncio.sleep(0)
    return sent


async def answers(client: FixClient, sent: list[str]) -> dict[str, str]:
    """The first ExecType(150) of each, as long as there are more of them."""
    left, found, deadline = set(sent), dict[str, str](), 0.0
    while left:
        more = [m for m in client.inbox if m.type == "8" and m.get(11) in left]
        for report in more:
            left.discard(report[11])
            found.setdefault(report[11], report[150])
        deadline = time.monotonic() + PATIENCE_S if more or not deadline else deadline
        assert time.monotonic() < deadline, f"{len(left)} were not answered"
        await asyncio.sleep(0.1)
    return found


async def test_a_client_that_floods_a_slow_engine_is_held_back_alone(gateway: Gateway) -> None:
    client = await gateway.client(store=None, heart_bt_int=300).connect()  # it is neither heard nor answered for long
    other = await gateway.client("OMS42", heart_bt_int=300).connect()
    resting = client.new_order("BTCUSDT", "buy", "0.1", price="30000", time_in_force="GTC")
    await client.expect("8", {11: resting, 150: "0"})
    most, held = 0, False
    async with slow_database(gateway.directory / "gateway.db"):
        flooding = asyncio.create_task(flood(client))
        async with asyncio.timeout(60):
            while not held or most <= BOUND // 2:
                most = max(most, (await shown(gateway, "engine"))[KEY]["waiting_bytes"])
                front = await shown(gateway, "front")
                keys = [key for key, has in front.items() if has["held_back"]]
                assert keys in ([KEY], []), "it alone"
                held = held or bool(keys)
        assert await trades(other)
        sent = await flooding
        client.cancel(resting)
        most = max(most, (await shown(gateway, "engine"))[KEY]["waiting_bytes"])
    assert most < BOUND + ON_ITS_WAY
    found = await answers(client, sent)
    assert set(found.values()) <= {"0", "8"}, "taken, or refused since too many wait"
    await client.expect("8", {41: resting, 150: "4"}, timeout=30)
    use = await shown(gateway, "engine")
    assert (use[KEY]["waiting_bytes"], use[KEY]["held_back"]) == (0, False)
    async with asyncio.timeout(PATIENCE_S):
        while (await shown(gateway, "front"))[KEY]["held_back"]:
            pass  # it is told on a way of its own
    assert await trades(client)
    await a_stopped_engine(gateway, client, other)
    await client.logout()
    await other.logout()


async def a_stopped_engine(gateway: Gateway, client: FixClient, other: FixClient) -> None:
    """It reads nothing and says nothing: the front holds no more than its buffers."""
    engine, front = gateway.engine_pid(), gateway.child_pid("front")
    before = memory(front)
    os.kill(engine, signal.SIGSTOP)
    try:
        sent = await flood(client)
        await asyncio.to_thread(wait_until, lambda: _stands_still(gateway), "the front holds all that it may")
        assert memory(front) - before < 16 << 20
    finally:
        os.kill(engine, signal.SIGCONT)
    assert await trades(other)
    assert len(await answers(client, sent)) == FLOOD
    assert await trades(client)
    assert gateway.engine_pid() == engine


def _stands_still(gateway: Gateway) -> bool:
    front = gateway.directory / "run" / "front.sock"
    first = look(front, "front")[KEY]
    time.sleep(0.3)
    return bool(first["held_back"]) and look(front, "front")[KEY] == first
