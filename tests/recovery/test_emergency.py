"""SQL is lost: the engine ends, clients are told why, and the watchdog cancels what is open; the books follow."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.store.tables import alerts, journal, orders, venue_calls
from tests.fixtures.processes import Exchange, Gateway, wait_until
from tests.fixtures.resting import open_orders, rest


@pytest.fixture
async def guarded(tmp_path: Path, exchange: Exchange) -> AsyncIterator[Gateway]:
    """A gateway with a watchdog."""
    process = Gateway(tmp_path, exchange.url, emergency_cancel=True).start()
    yield process
    process.stop()


class BrokenDatabase:
    """No order can be committed, as on a full disk; reading works."""

    def __init__(self, gateway: Gateway) -> None:
        self._database = sqlite3.connect(gateway.database_url.removeprefix("sqlite:///"), timeout=20)
        self._run("CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'disk full'); END")

    def mend(self) -> None:
        self._run("DROP TRIGGER full")
        self._database.close()

    def _run(self, statement: str) -> None:
        self._database.execute(statement)
        self._database.commit()


async def test_open_orders_are_canceled_clients_told_and_the_next_start_tells_the_rest(
    tmp_path: Path, exchange: Exchange, guarded: Gateway
) -> None:
    gateway = guarded
    await exchange.control("mode", symbol="*", mode="manual")
    desk, oms = gateway.client("DESK"), gateway.client("OMS42")
    await desk.connect()
    await oms.connect()
    plain, traded, theirs = await rest(desk), await rest(desk), await rest(oms)
    assert await open_orders(exchange) == {"test-O1-1", "test-O2-1", "test-O3-1"}
    first_engine = gateway.engine_pid()
    await exchange.control("events", silent=True)
    await exchange.control("fill", clientOrderId="test-O2-1", qty="0.5")  # the engine never hears of it
    broken = BrokenDatabase(gateway)
    lost = desk.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    for client in (desk, oms):
        await client.wait_closed()
        why = "DATABASE_LOST orders cannot be recorded; log on again; all open orders are being canceled"
        assert client.closed_reason == f"logged out by FIXGW: {why}"
    wait_until(lambda: "emergency cancels done orders=3" in gateway.log(), f"all canceled\n{gateway.log()}")
    found = {o["originalClientOrderId"]: o["status"] for o in await exchange.look("orders")}
    assert found == {f"test-O{n}-1": "CANCELED" for n in (1, 2, 3)}, "and the order without a commit never left"

    # An engine that fails again has nothing left to hand over; the one that can write tells the story.
    wait_until(lambda: "SQL is lost, 0 open orders" in gateway.log(), "another fails too")
    assert gateway.engine_pid() != first_engine
    await exchange.control("events", silent=False)
    seen = len(gateway.log())
    broken.mend()
    desk, oms = gateway.client("DESK"), gateway.client("OMS42")
    wait_until(lambda: "reconciled account=" in gateway.log()[seen:], "a healthy start")
    await desk.connect()
    await oms.connect()
    missed = await desk.expect("8", {11: traded, 150: "F"}, timeout=30)
    assert missed[32] == "0.5"
    for client, cl_ord_id in ((desk, plain), (desk, traded), (oms, theirs)):
        told = await client.expect("8", {11: cl_ord_id, 150: "4", 39: "4"}, timeout=30)
        assert told[58] == "EMERGENCY_CANCEL reason=database_lost the gateway could not record orders any more"
        assert 41 not in told, "unsolicited"
    again = desk.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    await desk.expect("8", {11: again, 150: "0"}, timeout=30)
    await desk.logout()
    await oms.logout()

    with gateway.sql() as sql:
        (alert,) = sql.execute(select(alerts).where(alerts.c.code == "EMERGENCY_CANCEL")).all()
        assert alert.severity == "critical"
        assert alert.text.startswith("3 open orders, 3 of them over before this start, file=emergency-")
        assert "disk full" in alert.text
        said = sql.execute(select(venue_calls).where(venue_calls.c.text.startswith("watchdog: "))).all()
        assert {row.order_id for row in said if row.operation == "cancel" and row.direction == "out"} == {
            "O1",
            "O2",
            "O3",
        }
        withdrawn = select(journal.c.order_id).where(journal.c.event_type == "WithdrawalRequested")
        assert set(sql.execute(withdrawn).scalars()) == {"O1", "O2", "O3"}
        assert not sql.execute(select(orders).where(orders.c.cl_ord_id == lost)).all()
    # A start that gave up waiting for SQL to have it could not put the file aside. Another one does no more than that.
    (aside,) = (tmp_path / "run").glob("emergency-*.jsonl.imported")
    aside.rename(aside.with_suffix(""))
    gateway.kill_engine()
    with gateway.sql() as sql:
        assert len(sql.execute(select(alerts).where(alerts.c.code == "EMERGENCY_CANCEL")).all()) == 1
    assert len(list((tmp_path / "run").glob("emergency-*.jsonl.imported"))) == 1
    assert not list((tmp_path / "run").glob("emergency-*.jsonl"))
    assert "Traceback" not in gateway.log()
