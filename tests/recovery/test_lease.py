"""Two gateways and one PostgreSQL database: one works, and one that was away too long sends nothing more."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.client import FixClient, FixMessage
from gateway.engine.crash_points import PAUSE_VARIABLE
from gateway.store.tables import executions, intents, leases, messages, orders, sessions
from tests.fixtures.databases import expire_lease
from tests.fixtures.processes import Exchange, Gateway, wait_until

# A window that outlasts the pause, so that the exchange would take what comes late; and a lease that does not.
SETTINGS = "recv_window_ms = 60000"
SHORT_LEASE = "lease_seconds = 6"


@pytest.fixture
def lease() -> str:
    """Of the first; by default nobody loses it by being slow."""
    return ""


@pytest.fixture
def hosts(tmp_path: Path, exchange: Exchange, postgres_database: str, lease: str) -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateways with directories and ports of their own. Neither runs yet."""
    both = []
    for name, its_lease in (("first", lease), ("second", "")):
        (tmp_path / name).mkdir()
        engine = f"{SETTINGS}\n{its_lease}"
        both.append(Gateway(tmp_path / name, exchange.url, engine=engine, database=postgres_database))
    yield both[0], both[1]
    for gateway in both:
        gateway.stop()


@pytest.mark.parametrize("lease", [SHORT_LEASE])
@pytest.mark.parametrize("point", ["committed", "leaving"])
async def test_an_engine_paused_past_its_lease_sends_nothing(
    hosts: tuple[Gateway, Gateway], exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    first, second = hosts
    pause = tmp_path / "pause"
    monkeypatch.setenv(PAUSE_VARIABLE, f"{point}:{pause}")
    await asyncio.to_thread(first.start)
    monkeypatch.delenv(PAUSE_VARIABLE)
    await exchange.control("mode", symbol="*", mode="manual")
    client = first.client()
    await client.connect()
    await client.ping()
    # Nothing is left to be committed but what comes now.
    await asyncio.to_thread(wait_until, lambda: in_sql(first) == (client.next_out, client.next_in - 1), "all of it")
    pause.touch()
    client.new_order("BTCUSDT", "buy", "2", price="30000", time_in_force="gtc")
    paused = first.engine_pid()
    await asyncio.to_thread(wait_until, lambda: state(paused) == "T", f"the engine stops at {point}")
    received = len(heard(client))
    with first.sql() as sql:  # committed, and on its way
        assert sql.execute(select(func.count()).select_from(intents)).scalar() == 1

    await asyncio.to_thread(second.start, wait_for_venue=False)
    with second.sql() as sql:
        (held,) = sql.execute(select(leases)).all()
    assert held.fencing_number == 2
    assert str(tmp_path / "second") in held.holder

    os.kill(paused, signal.SIGCONT)
    await asyncio.to_thread(wait_until, first._ended, "the first gateway gives up")
    assert "journal halted: " in first.log()
    assert f"in use by another engine, {held.holder}" in first.log()
    await client.wait_closed()
    assert heard(client)[received:] == []
    at_exchange = await exchange.look("orders")
    assert [order["clientOrderId"] for order in at_exchange] == (["test-O1-1"] if point == "leaving" else [])

    # The second has the session, its numbers and the order.
    client = second.client(store=first.directory / "DESK.json")
    await client.connect()
    await client.logout()
    with second.sql() as sql:
        assert sql.execute(select(func.count()).select_from(orders)).scalar() == 1


async def test_another_host_takes_over_what_is_under_way(hosts: tuple[Gateway, Gateway], exchange: Exchange) -> None:
    first, second = hosts
    await asyncio.to_thread(first.start)
    await exchange.control("mode", symbol="*", mode="manual")
    store = first.directory / "DESK.json"
    client = await first.client().connect()
    resting = client.new_order("BTCUSDT", "buy", "2", price="30000", time_in_force="gtc")
    await client.expect("8", {11: resting, 150: "0"})
    await exchange.control("hold", op="order.place", when="after")  # the exchange has it, its answer is under way
    await exchange.control("events", silent=True)
    in_flight = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    await exchange.wait_for_order("test-O2-1")
    await asyncio.to_thread(kill_all, first)
    expire_lease(first.database_url)
    received = heard(client)
    await exchange.control("fill", clientOrderId="test-O1-1", qty="0.5")
    await exchange.control("events", silent=False)
    await exchange.control("release")

    await asyncio.to_thread(second.start)
    client = await second.client(store=store).connect()
    filled = await client.expect("8", {11: resting, 150: "F"})
    assert (filled[32], filled[151]) == ("0.5", "1.5")
    await client.expect("8", {11: in_flight, 150: "0"})
    received += heard(client)
    await asyncio.to_thread(kill_all, second)
    expire_lease(second.database_url)
    shutil.rmtree(second.directory / "run")

    await asyncio.to_thread(second.start)
    client = await second.client(store=store).connect()
    fresh = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    taken = await client.expect("8", {11: fresh, 150: "0"})
    assert taken[37] == "O3"
    client.cancel(resting)
    await client.expect("8", {41: resting, 150: "4"})
    await client.logout()
    received += heard(client)

    names = [order["clientOrderId"] for order in await exchange.look("orders")]
    assert sorted(names) == ["test-O1-1", "test-O2-1", "test-O3-1"]
    reports = [message for message in received if message.type == "8"]
    once = [message[17] for message in reports if "Y" not in (message.get(43), message.get(97))]
    assert len(once) == len(set(once))
    fills = {message[17] for message in reports if message[150] == "F"}
    assert len(fills) == 1
    numbers = [message.seq for message in received if message.get(43) != "Y"]
    assert len(numbers) == len(set(numbers))
    with second.sql() as sql:
        assert sql.execute(select(func.count()).select_from(executions)).scalar() == 1
        assert sql.execute(select(leases.c.fencing_number)).scalar() == 3


def in_sql(gateway: Gateway) -> tuple[int, int]:
    """The number that DESK uses next, and the last that was sent to it."""
    sent = select(func.max(messages.c.msg_seq_num)).where(messages.c.direction == "out")
    with gateway.sql() as sql:
        next_in = sql.execute(select(sessions.c.next_in).where(sessions.c.session.contains("DESK"))).scalar_one()
        return next_in, sql.execute(sent.where(messages.c.session.contains("DESK"))).scalar_one()


def heard(client: FixClient) -> list[FixMessage]:
    """All that it received."""
    return [message for way, message in client.transcript if way == "in"]


def kill_all(gateway: Gateway) -> None:
    """As if the host had lost its power."""
    children = [gateway.child_pid(name) for name in ("engine", "front")]
    gateway.kill()  # the supervisor first, so that nothing starts again
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def state(pid: int) -> str:
    """R running, S sleeping, T stopped by a signal..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
