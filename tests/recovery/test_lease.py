"""Two gateways and one PostgreSQL database: one works, and one that was away too long sends nothing more."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.engine.crash_points import PAUSE_VARIABLE
from gateway.store.tables import intents, leases, orders
from tests.fixtures.processes import Exchange, Gateway, wait_until

# The shortest lease; and a window that outlasts the pause, so that the exchange would take what comes late.
SETTINGS = "lease_seconds = 3\nrecv_window_ms = 60000"


@pytest.fixture
def hosts(tmp_path: Path, exchange: Exchange, postgres_database: str) -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateways with directories and ports of their own. Neither runs yet."""
    both = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        both.append(Gateway(tmp_path / name, exchange.url, engine=SETTINGS, database=postgres_database))
    yield both[0], both[1]
    for gateway in both:
        gateway.stop()


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
    await asyncio.sleep(0.1)  # nothing is left to be committed but what comes now
    pause.touch()
    client.new_order("BTCUSDT", "buy", "2", price="30000", time_in_force="gtc")
    paused = first.engine_pid()
    await asyncio.to_thread(wait_until, lambda: state(paused) == "T", f"the engine stops at {point}")
    received = len(client.inbox)
    with first.sql() as sql:  # committed, and on its way
        assert sql.execute(select(func.count()).select_from(intents)).scalar() == 1

    await asyncio.to_thread(second.start, wait_for_venue=False)
    with second.sql() as sql:
        (lease,) = sql.execute(select(leases)).all()
    assert lease.fencing_number == 2
    assert str(tmp_path / "second") in lease.holder

    os.kill(paused, signal.SIGCONT)
    await asyncio.to_thread(wait_until, first._ended, "the first gateway gives up")
    assert "journal halted: " in first.log()
    assert f"in use by another engine, {lease.holder}" in first.log()
    await client.wait_closed(20)
    assert client.inbox[received:] == []
    at_exchange = await exchange.look("orders")
    assert [order["clientOrderId"] for order in at_exchange] == (["test-O1-1"] if point == "leaving" else [])

    # The second has the session, its numbers and the order.
    client = second.client(store=first.directory / "DESK.json")
    await client.connect(timeout=20)
    await client.logout()
    with second.sql() as sql:
        assert sql.execute(select(func.count()).select_from(orders)).scalar() == 1


def state(pid: int) -> str:
    """R running, S sleeping, T stopped by a signal..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
