"""The engine dies at bad moments, and a fresh one goes on from SQL and the exchange."""

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.store.tables import alerts, orders
from tests.fixtures.processes import Exchange, Gateway, alive, wait_until


@pytest.mark.parametrize("dies", ["engine", "venues"])
async def test_an_order_in_flight_when_the_engine_dies_is_found_not_sent_again(
    exchange: Exchange, gateway: Gateway, dies: str
) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    client = gateway.client()
    await client.connect()
    await exchange.control("hold", op="order.place", when="after")  # the exchange has it, its answer is under way
    await exchange.control("events", silent=True)
    cl_ord_id = client.new_order("BTCUSDT", "buy", "2", price="30000", time_in_force="gtc")
    await exchange.wait_for_order("test-O1-1")
    await exchange.control("fill", clientOrderId="test-O1-1", qty="0.5")

    engine, venues = gateway.engine_pid(), gateway.venues_pid()
    gateway.kill_engine(venues if dies == "venues" else engine)
    wait_until(lambda: not alive(engine) and not alive(venues), "neither lives without the other")
    await client.wait_closed()
    await exchange.control("events", silent=False)
    await exchange.control("release")

    client = gateway.client()
    await client.connect()
    filled = await client.expect("8", {11: cl_ord_id, 150: "F"}, timeout=30)
    assert (filled[39], filled.decimal(14), filled.decimal(151)) == ("1", Decimal("0.5"), Decimal("1.5"))
    await exchange.control("fill", clientOrderId="test-O1-1")
    done = await client.expect("8", {11: cl_ord_id, 150: "F", 39: "2"})
    assert done.decimal(14) == Decimal(2)
    found = await exchange.look("orders")
    ours = [o for o in (found["orders"] if isinstance(found, dict) else found) if "test-O1" in o["clientOrderId"]]
    assert len(ours) == 1
    await client.logout()
    assert ("the venues' process ended" in gateway.log()) == (dies == "venues")


async def test_a_new_order_is_refused_until_the_old_ones_are_settled(exchange: Exchange, gateway: Gateway) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    client = gateway.client()
    await client.connect()
    await exchange.control("hold", op="order.place", when="before")
    first = client.new_order("BTCUSDT", "buy", "2", price="30000", time_in_force="gtc")
    await exchange.until_held("order.place")  # so it is committed: else the client would only send it again
    await exchange.control("hold", op="order.status", when="before")
    seen = len(gateway.log())
    gateway.kill_engine()
    await client.wait_closed()

    client = gateway.client()
    await client.connect()
    wait_until(lambda: "available=True" in gateway.log()[seen:], "the venue is back")
    refused = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    answer = await client.expect("8", {11: refused}, timeout=30)
    assert (answer[39], answer[150]) == ("8", "8")
    assert "VENUE_UNAVAILABLE" in answer[58]
    cancel = client.cancel(first)  # cancels always pass
    await client.expect("8", {11: cancel, 150: "6"}, timeout=30)
    await exchange.control("release")
    await client.logout()


async def test_a_commit_that_fails_stops_the_engine_and_nothing_is_sent(
    exchange: Exchange, gateway: Gateway, tmp_path: Path
) -> None:
    client = gateway.client()
    await client.connect()
    database = sqlite3.connect(tmp_path / "gateway.db", timeout=10)
    database.execute("CREATE TRIGGER full BEFORE INSERT ON intents BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    database.commit()
    seen = len(gateway.log())
    client.new_order("BTCUSDT", "buy", "2", price="30000", time_in_force="gtc")
    await client.wait_closed()
    told = "DATABASE_LOST orders cannot be recorded; log on again; open orders stay at the exchange"
    assert client.closed_reason == f"logged out by FIXGW: {told}"
    wait_until(lambda: "journal halted" in gateway.log()[seen:], "the engine halts")
    wait_until(lambda: "reconciled account=" in gateway.log()[seen:], "a fresh engine is ready")
    database.execute("DROP TRIGGER full")
    database.commit()
    database.close()

    found = await exchange.look("orders")
    assert not (found["orders"] if isinstance(found, dict) else found), "an uncommitted order reached the exchange"
    with gateway.sql() as sql:
        assert sql.execute(select(orders)).all() == []
        assert sql.execute(select(alerts).where(alerts.c.code == "QUARANTINED")).all() == []
    # The client's order was never acknowledged: its resend is a new message to us, and now it is taken.
    client = gateway.client()
    await client.connect()
    again = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    await client.expect("8", {11: again, 150: "0"})
    await client.logout()
