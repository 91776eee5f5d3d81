"""A client that does not read is disconnected; it has everything after its next Logon, and others notice nothing."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.client import FixClient, NotConnected
from tests.fixtures.processes import Exchange, Gateway

FRONT = "max_buffered_bytes = 65536\nslow_reader_seconds = 1"
FLOOD = 600  # answers of 60 kB: more than the sockets on the way hold


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    exchange = Exchange(tmp_path).start()
    process = Gateway(tmp_path, exchange.url, front=FRONT)
    process.start()
    yield process
    process.stop()
    exchange.stop()


async def trades(client: FixClient) -> bool:
    order = client.new_order("BTCUSDT", "buy", "0.1", price="30000", time_in_force="GTC")
    await client.expect("8", {11: order, 150: "0"})
    client.cancel(order)
    await client.expect("8", {41: order, 150: "4"})
    return True


async def test_a_slow_reader_recovers_by_resend(gateway: Gateway) -> None:
    slow, other = gateway.client("DESK"), gateway.client("OMS42")
    await slow.connect()
    await other.connect()
    engine = gateway.engine_pid()
    assert slow._connection is not None
    assert slow._connection._transport is not None
    slow._connection._transport.pause_reading()
    orders = []
    with contextlib.suppress(NotConnected):  # perhaps before all is sent
        for number in range(FLOOD):
            slow.send("1", [(112, "x" * 60_000)])
            if number % 20 == 0:
                orders.append(slow.new_order("BTCUSDT", "buy", "0.1", price="30000", time_in_force="GTC"))
            await asyncio.sleep(0)
    async with asyncio.timeout(60):
        while "closed: slow reader" not in gateway.log():
            assert await trades(other)
    assert "reads slowly, " in gateway.log()
    slow.abort()
    await slow.connect(timeout=30)
    for order in orders:
        assert (await slow.expect("8", {11: order, 150: "0"}, timeout=30))[11] == order
    assert any(message.get(43) == "Y" for message in slow.inbox if message.type == "8")
    assert await trades(slow)
    assert gateway.engine_pid() == engine
    await slow.logout()
    await other.logout()
