"""Nothing rests by accident: what nobody looks after, or what is out of date, does not stay in the exchange's book."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.client import FixClient
from gateway.client.errors import LogonRefused
from gateway.store.tables import alerts, venue_calls
from tests.fixtures.processes import Exchange, Gateway, wait_until
from tests.fixtures.relay import Relay
from tests.fixtures.resting import open_orders, rest

ON_DISCONNECT = 'cancel_on_disconnect = "disconnect"\ncancel_on_disconnect_grace_seconds = 1'
SESSIONS = {
    "DESK": ("FIX.4.4", ON_DISCONNECT),
    "OMS42": ("FIX.4.2", 'cancel_on_disconnect = "logout"\ncancel_on_disconnect_grace_seconds = 0'),
    "STAYS": ("FIX.4.4", ""),
}


async def until_open(exchange: Exchange, wanted: set[str]) -> None:
    async with asyncio.timeout(60):
        while await open_orders(exchange) != wanted:  # noqa: ASYNC110 - the exchange announces nothing
            await asyncio.sleep(0.05)


async def test_a_lost_connection_or_a_logout_cancels_as_the_session_has_it(tmp_path: Path, exchange: Exchange) -> None:
    gateway = Gateway(tmp_path, exchange.url, sessions=SESSIONS).start()
    try:
        desk, oms, stays = gateway.client("DESK"), gateway.client("OMS42"), gateway.client("STAYS")
        ids = {}
        for client in (desk, oms, stays):
            await client.connect()
            ids[client] = await rest(client)
        assert await open_orders(exchange) == {"test-O1-1", "test-O2-1", "test-O3-1"}
        desk.abort()
        stays.abort()
        await until_open(exchange, {"test-O2-1", "test-O3-1"})
        await oms.logout()
        await until_open(exchange, {"test-O3-1"})
        for comp_id, client, reason in (("DESK", desk, "disconnect"), ("OMS42", oms, "logout")):
            back = gateway.client(comp_id)
            await back.connect()
            told = await back.expect("8", {11: ids[client], 150: "4", 39: "4"})
            assert told[58].startswith(f"CANCEL_ON_DISCONNECT reason={reason}")
            assert 41 not in told, "unsolicited"
            await back.logout()
        with gateway.sql() as sql:
            assert len(sql.execute(select(alerts).where(alerts.c.code == "CANCEL_ON_DISCONNECT")).all()) == 2
    finally:
        gateway.stop()


async def test_the_gateways_own_end_counts_and_the_grace_begins_with_the_next_start(
    tmp_path: Path, exchange: Exchange
) -> None:
    gateway = Gateway(tmp_path, exchange.url, sessions=SESSIONS).start()
    try:
        desk, oms = gateway.client("DESK"), gateway.client("OMS42")
        await desk.connect()
        await oms.connect()
        left = await rest(desk)
        await rest(oms)
        gateway.stop()  # logs both out; neither asked to leave
        assert await open_orders(exchange) == {"test-O1-1", "test-O2-1"}
        gateway.start()
        await until_open(exchange, {"test-O2-1"})
        back = gateway.client("DESK")
        await back.connect()
        await back.expect("8", {11: left, 150: "4"})

        # The engine dies with the session on: that too is a disconnect.
        left = await rest(back)
        gateway.kill_engine()
        await back.wait_closed()
        await until_open(exchange, {"test-O2-1"})
        back = gateway.client("DESK")
        await back.connect()
        await back.expect("8", {11: left, 150: "4"})
        await back.logout()
    finally:
        gateway.stop()


async def test_what_was_made_too_long_ago_is_refused_and_so_is_a_heartbeat_interval_outside_of_the_bounds(
    tmp_path: Path, exchange: Exchange
) -> None:
    sessions = {"DESK": ("FIX.4.4", "max_order_age_seconds = 60"), "OMS42": ("FIX.4.2", "max_order_age_seconds = 60")}
    bounds = "heart_bt_int_min = 20\nheart_bt_int_max = 40"
    gateway = Gateway(tmp_path, exchange.url, sessions=sessions, engine=bounds).start()
    try:
        for comp_id in sessions:
            await heartbeat_intervals(gateway, comp_id)
            client = gateway.client(comp_id)
            await client.connect()
            old = (60, f"{datetime.now(UTC) - timedelta(seconds=61):%Y%m%d-%H:%M:%S}")
            resting = await rest(client)
            late = client.new_order("BTCUSDT", "buy", "1", price="30000", extra=[old])
            refused = await client.expect("8", {11: late, 39: "8"})
            assert (refused[103], refused[58].split()[0]) == ("4", "MAX_ORDER_AGE")
            change = client.replace(resting, order_qty="1", extra=[old])
            answer = await client.expect("9", {11: change})
            assert answer[58].startswith("MAX_ORDER_AGE ")
            cancel = client.cancel(resting, extra=[old])  # cancels have no age
            await client.expect("8", {11: cancel, 150: "4"})
            await client.logout()
    finally:
        gateway.stop()


async def heartbeat_intervals(gateway: Gateway, comp_id: str) -> None:
    """With HeartBtInt(108)=0 nobody would ever notice that the client is gone, and its orders would rest for ever."""
    for interval in (0, 19, 41):
        told = rf"HeartBtInt\(108\)={interval} is not allowed: 20 to 40 seconds"
        with pytest.raises(LogonRefused, match=told):
            await gateway.client(comp_id, heart_bt_int=interval).connect()
    for interval in (20, 40):
        async with gateway.client(comp_id, heart_bt_int=interval):
            pass


async def test_an_order_whose_time_ended_while_the_gateway_was_stopped_ends_at_the_start(
    exchange: Exchange, gateway: Gateway
) -> None:
    client = gateway.client()
    await client.connect()
    stays = await rest(client)
    for seconds in (4, 15, 40):  # a busy machine may take longer to stop the gateway
        end = time.time() + seconds
        expire_time = f"{datetime.fromtimestamp(end, UTC):%Y%m%d-%H:%M:%S}"
        ends = await rest(client, time_in_force="gtd", expire_time=expire_time)
        await client.logout()
        assert gateway.stop() == 0
        left = await open_orders(exchange) - {"test-O1-1"}
        wait_until(lambda end=end: time.time() > end, "its time is over")  # type: ignore[misc]  # mypy infers no lambda with a default
        gateway.start()
        await until_open(exchange, {"test-O1-1"})
        await client.connect()
        await client.expect("8", {11: ends, 150: "C", 39: "C"})
        if left:
            break
    assert left, "the gateway never stopped in time"

    # The engine dies while the cancel of one whose time has just ended is under way.
    await exchange.control("hold", op="order.cancel", when="before")
    ends = await one_that_ends_soon(client)
    await exchange.until_held("order.cancel")
    gateway.kill_engine()
    await client.wait_closed()
    await client.connect()
    await client.ping()
    assert not [m for m in client.unconsumed("8") if m[150] == "C"], "told before the exchange has confirmed"
    await exchange.control("release")
    await client.expect("8", {11: ends, 150: "C", 39: "C"}, timeout=30)
    await until_open(exchange, {"test-O1-1"})
    client.cancel(stays)
    await client.expect("8", {41: stays, 150: "4"})
    await client.logout()


async def one_that_ends_soon(client: FixClient) -> str:
    """A good-till-date order that was taken: refused where its time was over before it came."""
    for seconds in (2, 8, 30):
        expire_time = f"{datetime.fromtimestamp(time.time() + seconds, UTC):%Y%m%d-%H:%M:%S}"
        order = client.new_order("BTCUSDT", "buy", "2", price="30000", time_in_force="gtd", expire_time=expire_time)
        report = await client.expect("8", {11: order})
        if report[150] == "0":
            return order
    pytest.fail(f"no order is taken: {report}")


async def test_a_day_order_ends_across_a_restart(tmp_path: Path, exchange: Exchange) -> None:
    for seconds in (8, 25, 60):  # a busy machine may take longer to get there
        directory = tmp_path / str(seconds)
        directory.mkdir()
        end = datetime.now(UTC) + timedelta(seconds=seconds)
        gateway = Gateway(directory, exchange.url, engine=f'day_end = "{end:%H:%M:%S}"').start()
        try:
            client = gateway.client()
            await client.connect()
            ends = await rest(client, time_in_force="day")
            await client.logout()
            gateway.stop()
            if datetime.now(UTC) > end - timedelta(seconds=1):  # to the second
                continue
            assert len(await open_orders(exchange)) == 1
            wait_until(lambda end=end: datetime.now(UTC) > end, "the day is over")  # type: ignore[misc]  # mypy infers no lambda with a default
            gateway.start()
            client = gateway.client()
            await client.connect()
            await client.expect("8", {11: ends, 150: "C", 39: "C"})
            await client.logout()
            assert await open_orders(exchange) == set()
            return
        finally:
            gateway.stop()
            await exchange.control("reset")
    pytest.fail("the gateway never stopped before its day ended")


async def test_while_the_venue_cannot_be_reached_orders_are_refused_and_a_cancel_is_tried_until_it_can(
    tmp_path: Path, exchange: Exchange
) -> None:
    relay = Relay(exchange.port)
    await relay.join()
    gateway = await asyncio.to_thread(Gateway(tmp_path, relay.url).start)
    try:
        client = gateway.client()
        await client.connect()
        resting = await rest(client)
        await relay.cut()
        await asyncio.to_thread(wait_until, lambda: "available=False" in gateway.log(), "the venue is gone")
        refused = client.new_order("BTCUSDT", "buy", "1", price="30000")
        answer = await client.expect("8", {11: refused, 39: "8"})
        assert (answer[103], answer[58]) == ("0", "VENUE_UNAVAILABLE why=the venue is not connected")
        cancel = client.cancel(resting)
        await client.expect("8", {11: cancel, 150: "6"})
        await asyncio.to_thread(wait_until, lambda: cancels_asked(gateway) >= 3, "the cancel is tried again")
        assert not client.unconsumed(), "neither done nor refused"
        await relay.join()
        await client.expect("8", {11: cancel, 150: "4", 39: "4"}, timeout=30)
        assert await open_orders(exchange) == set()
        await client.logout()
    finally:
        await asyncio.to_thread(gateway.stop)
        await relay.cut()


def cancels_asked(gateway: Gateway) -> int:
    """How often a cancel was sent, or would have been."""
    asked = select(venue_calls).where(venue_calls.c.operation == "cancel", venue_calls.c.direction == "out")
    with gateway.sql() as sql:
        return len(sql.execute(asked).all())


async def test_without_the_venues_stream_orders_are_refused_and_cancels_go_on(
    exchange: Exchange, gateway: Gateway
) -> None:
    client = gateway.client()
    await client.connect()
    resting = await rest(client)
    await exchange.control("hold", op="userDataStream.subscribe.signature", when="before")
    await exchange.control("drop_connections")
    wait_until(lambda: "available=False" in gateway.log(), "the stream is gone")
    refused = client.new_order("BTCUSDT", "buy", "1", price="30000")
    answer = await client.expect("8", {11: refused, 39: "8"})
    assert answer[58].startswith("VENUE_UNAVAILABLE why=")
    await exchange.control("reject", op="order.cancel", code=-1021, msg="outside of the recvWindow", count=2)
    cancel = client.cancel(resting)
    await client.expect("8", {11: cancel, 150: "4"})
    assert await open_orders(exchange) == set()
    await exchange.control("release")
    await client.logout()
