"""Sessions with a schedule, on real sockets: at the boundary, outside of it, and over an engine that was down."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.client import FixClient
from gateway.client.errors import ClientError, ExpectTimeout, LogonRefused
from tests.fixtures.processes import SESSIONS, Exchange, Gateway, wait_until
from tests.fixtures.resting import resting_order
from tests.recovery.test_numbers_epochs import drop, session_row
from tests.recovery.test_operator_sessions import assert_no_number_is_used_twice, fresh


def schedule(start: datetime, end: datetime) -> str:
    return f'schedule = {{ time_zone = "UTC", start = "{start:%H:%M:%S}", end = "{end:%H:%M:%S}" }}'


def scheduled(directory: Path, exchange: Exchange, start: datetime, end: datetime) -> Gateway:
    """DESK has this schedule, OMS42 none."""
    return Gateway(directory, exchange.url, sessions={**SESSIONS, "DESK": ("FIX.4.4", schedule(start, end))})


def whole_second() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


async def test_a_session_rolls_over_at_its_boundary(tmp_path: Path, exchange: Exchange) -> None:
    for seconds in (15, 40):  # a busy machine may take longer to get there
        directory = tmp_path / str(seconds)
        directory.mkdir()
        boundary = whole_second() + timedelta(seconds=seconds)
        gateway = scheduled(directory, exchange, boundary, boundary).start()
        try:
            client, other = gateway.client(), gateway.client("OMS42")
            if name := await rests_before(boundary, exchange, client, other):
                await rolls_over(gateway, boundary, client, other, name)
                return
        finally:
            gateway.stop()
            await exchange.control("reset")
    pytest.fail("the gateway was never up before its boundary")


async def rests_before(boundary: datetime, exchange: Exchange, client: FixClient, other: FixClient) -> str:
    """Both are on, and the first has an order. Returns its ClOrdID(11), or "" when there was no time for that."""
    try:
        await client.connect()
        await other.connect()
        name = await resting_order(exchange, client)
    except (ClientError, ExpectTimeout):
        if datetime.now(UTC) < boundary:
            raise
        return ""
    return name if datetime.now(UTC) < boundary - timedelta(seconds=1) else ""


async def rolls_over(gateway: Gateway, boundary: datetime, client: FixClient, other: FixClient, name: str) -> None:
    epoch = session_row(gateway).epoch
    await client.wait_closed(timeout=60)
    assert client.closed_reason == "logged out by FIXGW: the session's period is over; log on to the next"
    await asyncio.to_thread(wait_until, lambda: session_row(gateway).epoch == epoch + 1, "a new epoch")
    row = session_row(gateway)
    assert (row.next_in, row.next_out) == (1, 1)
    assert row.created_at >= boundary.timestamp() * 1e9

    client = await fresh(gateway).connect()
    cancel = client.cancel(name)
    canceled = await client.expect("8", {11: cancel, 150: "4"})
    assert canceled.seq < 10, "a number of the new epoch"
    await other.ping()
    await client.logout()
    await other.logout()
    assert_no_number_is_used_twice(gateway)


async def test_outside_of_its_schedule_a_session_is_closed_and_a_missed_boundary_is_made_up_for(
    tmp_path: Path, exchange: Exchange
) -> None:
    gateway = Gateway(tmp_path, exchange.url).start()
    try:
        client = await gateway.client(heartbeats=False).connect()  # or it would prove that it has the report
        name = await resting_order(exchange, client)
        await drop(client, gateway)
    finally:
        gateway.stop()
    await exchange.control("fill", clientOrderId="test-O1-1", qty="0.5")

    # Its period ended just now, while no engine ran, and the next begins in an hour.
    ended = whole_second() + timedelta(seconds=1)
    await asyncio.sleep(max(0.0, ended.timestamp() - time.time()))
    gateway = scheduled(tmp_path, exchange, ended + timedelta(hours=1), ended).start()
    try:
        row = session_row(gateway)
        assert (row.epoch, row.next_in, row.next_out) == (2, 1, 1)
        opens = f"{ended + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        with pytest.raises(LogonRefused, match=f"outside of the session's schedule; it opens at {opens}"):
            await fresh(gateway).connect()
        with pytest.raises(LogonRefused, match="outside of the session's schedule"):
            await gateway.client(reset_seq_num=True).connect()
        epoch = session_row(gateway).epoch
        other = await gateway.client("OMS42").connect()
        await other.logout()
        code, out, _ = await gateway.fixgw("session", "reset", "DESK", "--reason", "a closed one, too")
        assert (code, f"begins epoch {epoch + 1}" in out) == (0, True)
    finally:
        gateway.stop()

    # Open again, by another schedule whose boundary has not come since.
    now = whole_second()
    gateway = scheduled(tmp_path, exchange, now - timedelta(hours=1), now + timedelta(hours=1)).start()
    try:
        assert session_row(gateway).epoch == epoch + 1
        client = await fresh(gateway).connect()
        assert (await client.expect("8", {11: name, 150: "0"}))[97] == "Y"
        assert 97 not in await client.expect("8", {11: name, 150: "F"})
        await client.logout()
        assert_no_number_is_used_twice(gateway)
    finally:
        gateway.stop()
