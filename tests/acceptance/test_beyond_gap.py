"""A client that owes messages and sends others instead: the engine does not keep more of those than it may."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.client import FixClient, LogonRefused
from gateway.wire.framing import framed
from tests.acceptance.test_held_back import memory
from tests.acceptance.test_slow_reader import trades
from tests.fixtures.processes import Exchange, Gateway

BOUND = 4_000_000
ON_ITS_WAY = 100 << 20  # a field is 130 bytes more in the engine than in the buffers on the way
FLOOD = 100_000  # some 270 MB in the engine, if it took them
KEY = "FIX.4.4:FIXGW->DESK"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    exchange = Exchange(tmp_path).start()
    process = Gateway(tmp_path, exchange.url, front=f"max_beyond_gap_bytes = {BOUND}").start()
    yield process
    process.stop()
    exchange.stop()


def message(msg_type: bytes, number: int, body: bytes) -> bytes:
    now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime()).encode()
    return framed(b"FIX.4.4", b"35=%b\x0149=DESK\x0156=FIXGW\x0134=%d\x0152=%b\x01%b" % (msg_type, number, now, body))


def orders(first: int, count: int) -> bytes:
    body = b"11=g%d\x0121=1\x0155=BTCUSDT\x0154=1\x0160=20260131-17:20:00\x0138=0.001\x0140=2\x0144=30000\x0159=1\x01"
    return b"".join(message(b"D", number, body % number) for number in range(first, first + count))


async def flood(writer: asyncio.StreamWriter) -> None:
    """All but number 2, until there is nobody to send it to."""
    with contextlib.suppress(ConnectionError):
        for first in range(3, 3 + FLOOD, 500):
            writer.write(orders(first, 500))
            await writer.drain()
            await asyncio.sleep(0)  # which it does not do by itself: what comes is to be read meanwhile


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """Until it is hung up on, which cuts off what it still sends."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(1 << 16):
            received += part
    return received


async def back(gateway: Gateway) -> FixClient:
    """As soon as its session is open again."""
    async with asyncio.timeout(30):
        while True:
            client = gateway.client("DESK", reset_seq_num=True)
            with contextlib.suppress(LogonRefused):
                return await client.connect()
            await asyncio.sleep(0.1)


async def test_a_client_that_sends_too_much_beyond_a_gap_is_logged_out(gateway: Gateway) -> None:
    other = await gateway.client("OMS42").connect()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(message(b"A", 1, b"98=0\x01108=30\x01"))
    assert b"\x0135=A\x01" in await reader.readuntil(b"\x0110=")
    before = memory(gateway.engine_pid())
    sending = asyncio.create_task(flood(writer))
    received = asyncio.create_task(all_of(reader))
    most = 0
    async with asyncio.timeout(90):
        while not received.done():
            assert await trades(other)
            most = max(most, memory(gateway.engine_pid()) - before)
    assert b"\x0158=BEYOND_GAP: 2 is missing, " in received.result()
    assert b" bytes wait; answer a ResendRequest before you go on\x01" in received.result()
    assert most < BOUND + ON_ITS_WAY
    assert f"logged out session={KEY} BEYOND_GAP" in gateway.log()
    await sending
    writer.close()
    client = await back(gateway)
    assert await trades(client)
    for each in (client, other):
        await each.logout()
