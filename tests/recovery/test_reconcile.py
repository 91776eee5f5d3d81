"""Books and exchange compared at start, on reconnect and from time to time; every break a row, an alert, an end."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gateway.store.tables import alerts, breaks, executions, intents, venue_calls
from tests.fixtures.processes import Exchange, Gateway, wait_until
from tests.fixtures.resting import rest
from tests.fixtures.strangers import place_past_the_gateway


def rows(gateway: Gateway) -> list[Any]:
    with gateway.sql() as sql:
        return list(sql.execute(select(breaks).order_by(breaks.c.break_id)).all())


def alert_codes(gateway: Gateway) -> list[str]:
    with gateway.sql() as sql:
        return list(sql.execute(select(alerts.c.code).order_by(alerts.c.id)).scalars())


def settled_orders(gateway: Gateway) -> set[str]:
    with gateway.sql() as sql:
        return set(sql.execute(select(intents.c.order_id).where(intents.c.operation == "settle")).scalars())


async def test_what_happened_while_the_gateway_was_stopped(exchange: Exchange, gateway: Gateway) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    client = gateway.client()
    await client.connect()
    partly, untouched, gone = await rest(client), await rest(client, "1"), await rest(client, "3")
    await client.logout()
    assert gateway.stop() == 0
    await exchange.control("fill", clientOrderId="test-O1-1", qty="0.5")
    await exchange.control("cancel", clientOrderId="test-O1-1")
    await exchange.control("cancel", clientOrderId="test-O3-1")
    gateway.start()

    client = gateway.client()
    await client.connect()
    fill = await client.expect("8", {11: partly, 150: "F"})
    (trade,) = await exchange.look("trades")
    at = datetime.strptime(fill[60][:21], "%Y%m%d-%H:%M:%S.%f").replace(tzinfo=UTC)
    assert round(at.timestamp() * 1000) == trade["time"], "TransactTime is the exchange's"
    ended = await client.expect("8", {11: partly, 150: "4"})
    assert (ended[39], ended.decimal(14), ended.decimal(151)) == ("4", Decimal("0.5"), Decimal(0))
    await client.expect("8", {11: gone, 150: "4", 39: "4"})
    wait_until(lambda: all(row.resolved_at for row in rows(gateway)), "breaks end")
    found = {(row.kind, row.order_id): row for row in rows(gateway)}
    assert set(found) == {("trade_missed", "O1"), ("closed_at_venue", "O3")}
    missed = found["trade_missed", "O1"]
    assert json.loads(missed.ours)["cum_qty"] == "0"
    assert json.loads(missed.theirs)["last_qty"] == "0.5"
    assert "CANCELED" in found["closed_at_venue", "O3"].resolution
    assert {"BREAK_TRADE_MISSED", "BREAK_CLOSED_AT_VENUE"} <= set(alert_codes(gateway))
    assert settled_orders(gateway) == {"O1", "O3"}, "what agrees costs no query of its own"
    client.cancel(untouched)
    await client.expect("8", {41: untouched, 150: "4"})
    await client.logout()
    with gateway.sql() as sql:
        assert len(sql.execute(select(executions)).all()) == 1
        seen = select(venue_calls.c.text).where(venue_calls.c.operation == "reconcile").order_by(venue_calls.c.id)
        last = json.loads(list(sql.execute(seen).scalars())[-1])
    assert last["open_orders"] == 1
    assert Decimal(last["balances"]["USDT"]["locked"]) == Decimal(30000)


async def test_a_fill_lost_with_the_connection_is_found_on_reconnect(exchange: Exchange, gateway: Gateway) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    client = gateway.client()
    await client.connect()
    whole, part, quiet = await rest(client), await rest(client), await rest(client)
    await exchange.control("events", lose=100)
    await exchange.control("fill", clientOrderId="test-O1-1")
    await exchange.control("fill", clientOrderId="test-O2-1", qty="1")
    await exchange.control("events", lose=0)
    await client.ping()
    assert not client.unconsumed("8")
    seen = gateway.log().count("reconciled account=")
    await exchange.control("drop_connections")
    await client.expect("8", {11: whole, 150: "F", 39: "2"})
    await client.expect("8", {11: part, 150: "F", 39: "1"})
    wait_until(lambda: gateway.log().count("reconciled account=") > seen, "compared again")
    assert {(row.kind, row.order_id, bool(row.resolved_at)) for row in rows(gateway)} == {
        ("trade_missed", "O1", True),
        ("trade_missed", "O2", True),
    }
    assert "O3" not in settled_orders(gateway)
    client.cancel(quiet)
    await client.expect("8", {41: quiet, 150: "4"})
    await client.logout()


async def test_a_silent_stream_is_made_up_for_from_time_to_time(tmp_path: Path, exchange: Exchange) -> None:
    gateway = Gateway(tmp_path, exchange.url, engine="reconcile_seconds = 1").start()
    try:
        await exchange.control("mode", symbol="*", mode="manual")
        client = gateway.client()
        await client.connect()
        canceled, reduced, kept = await rest(client), await rest(client), await rest(client)
        await exchange.control("events", silent=True)
        await exchange.control("cancel", clientOrderId="test-O1-1")
        await exchange.control("reduce", clientOrderId="test-O2-1", qty="1.5")
        await client.expect("8", {11: canceled, 150: "4", 39: "4"})
        restated = await client.expect("8", {11: reduced, 150: "D"})
        assert restated.decimal(38) == Decimal("1.5")
        await exchange.control("events", silent=False)
        wait_until(lambda: len(rows(gateway)) == 2 and all(r.resolved_at for r in rows(gateway)), "breaks end")
        assert {(row.kind, row.order_id) for row in rows(gateway)} == {("closed_at_venue", "O1"), ("qty_differs", "O2")}
        client.cancel(kept)
        await client.expect("8", {41: kept, 150: "4"})
        await client.logout()
    finally:
        gateway.stop()


async def test_orphans_are_kept_and_told_or_canceled_and_strangers_left_alone(
    tmp_path: Path, exchange: Exchange
) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    await place_past_the_gateway(exchange, "test-O77-1")
    await place_past_the_gateway(exchange, "by-hand-1")
    kept = Gateway(tmp_path, exchange.url).start()
    try:
        wait_until(lambda: len(rows(kept)) == 1, "the orphan is found")
        (row,) = rows(kept)
        assert (row.kind, row.order_id, row.client_id) == ("orphan", None, "test-O77-1")
        assert (row.ours, row.resolved_at) == ("null", None)
        assert alert_codes(kept) == ["BREAK_ORPHAN"]
    finally:
        kept.stop()
    assert {o["clientOrderId"] for o in await exchange.look("orders") if o["status"] == "NEW"} == {
        "test-O77-1",
        "by-hand-1",
    }

    canceling = Gateway(tmp_path, exchange.url, engine='orphans = "cancel"').start()
    try:
        wait_until(lambda: all(r.resolved_at for r in rows(canceling)), "the orphan ends")
        (row,) = rows(canceling)  # the same break, found before this start
        assert "canceled" in row.resolution
        with canceling.sql() as sql:
            (cancel,) = sql.execute(select(intents)).all()
        assert (cancel.operation, cancel.client_id, cancel.order_id) == ("cancel", "test-O77-1", "")
        assert alert_codes(canceling) == ["BREAK_ORPHAN"], "found once"
        # The journal with the stray cancel in it is read again, and orders go on.
        canceling.stop()
        canceling.start()
        client = canceling.client()
        await client.connect()
        await rest(client)
        await client.logout()
    finally:
        canceling.stop()
    assert {o["clientOrderId"] for o in await exchange.look("orders") if o["status"] == "NEW"} == {
        "test-O1-1",
        "by-hand-1",
    }


async def test_no_new_order_before_the_start_is_compared_and_cancels_pass(exchange: Exchange, gateway: Gateway) -> None:
    client = gateway.client()
    await client.connect()
    resting, other = await rest(client), await rest(client)
    await client.logout()
    assert gateway.stop() == 0
    await exchange.control("hold", op="openOrders.status", when="before")
    seen = len(gateway.log())
    gateway.start(wait_for_venue=False)
    client = gateway.client()
    await client.connect()
    wait_until(lambda: "available=True" in gateway.log()[seen:], "the venue is back")
    refused = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    answer = await client.expect("8", {11: refused, 39: "8"})
    assert "VENUE_UNAVAILABLE" in answer[58]
    assert "compared with the venue" in answer[58]
    change = client.replace(other, order_qty="1", price="30000")
    refusal = await client.expect("9", {11: change})
    assert "compared with the venue" in refusal[58]
    client.cancel(resting)
    await client.expect("8", {41: resting, 150: "4"})
    await exchange.control("release")
    wait_until(lambda: "reconciled account=" in gateway.log()[seen:], "compared")
    await rest(client)
    await client.logout()
    assert rows(gateway) == []


async def test_an_order_closed_at_the_exchange_ends_by_its_own_query_alone(
    exchange: Exchange, gateway: Gateway
) -> None:
    """The account's list is a suspicion: until the order's own query is answered, nobody is told anything."""
    await exchange.control("mode", symbol="*", mode="manual")
    client = gateway.client()
    await client.connect()
    cl_ord_id = await rest(client)
    await exchange.control("events", lose=100)
    await exchange.control("cancel", clientOrderId="test-O1-1")
    await exchange.control("events", lose=0)
    await exchange.control("hold", op="order.status", when="before")
    await exchange.control("drop_connections")
    wait_until(lambda: len(rows(gateway)) == 1, "the break is found")
    await client.ping()
    assert not client.unconsumed("8")
    assert rows(gateway)[0].resolved_at is None
    await exchange.control("release")
    await client.expect("8", {11: cl_ord_id, 150: "4"})
    wait_until(lambda: rows(gateway)[0].resolved_at is not None, "the break ends")
    await client.logout()


async def test_an_order_for_a_symbol_that_does_not_exist_does_not_keep_the_gateway_closed(
    exchange: Exchange, gateway: Gateway
) -> None:
    """The comparison at a start asks for trades by symbol; what was refused here never was at the exchange."""
    client = gateway.client()
    await client.connect()
    refused = client.new_order("NOSUCH", "buy", "1", price="30000", time_in_force="gtc")
    answer = await client.expect("8", {11: refused})
    assert answer[39] == "8"
    await client.logout()
    gateway.stop()
    gateway.start()
    client = gateway.client()
    await client.connect()
    accepted = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    answer = await client.expect("8", {11: accepted})
    assert answer[39] == "0", answer
    await client.logout()
