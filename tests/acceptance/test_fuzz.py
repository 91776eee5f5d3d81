"""Hundreds of damaged messages on one session: good orders between them are each answered once, and the engine lives.

FIXGW_FUZZ_MESSAGES (default 400) makes it run longer, FIXGW_FUZZ_SEED (default 1) differently.
"""

import asyncio
import os
import random
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from gateway.client import ClientError, ExpectTimeout, FixClient, NotConnected
from gateway.client.message import utc_timestamp
from gateway.store.tables import alerts
from gateway.wire.framing import framed
from tests.fixtures.patient import PATIENCE_S
from tests.fixtures.processes import Exchange, Gateway

MESSAGES = int(os.environ.get("FIXGW_FUZZ_MESSAGES", "400"))
SEED = int(os.environ.get("FIXGW_FUZZ_SEED", "1"))
BATCH = 10
STALLED = 2  # seconds; a damaged length can make the front wait for more: then the client tries a new connection

Field = tuple[bytes, bytes]
VALUES = [
    *(
        b"",
        b"0",
        b"-1",
        b"NaN",
        b"1e400",
        b"9" * 60,
        b"x" * 5000,
        b"\xe9",
        b"\x00",
        b"Y",
        b"N",
        b"1",
        b"A",
        b"\xc3\xa9",
    ),
    *(b"=", b"a=b", b" ", b"0.000000000000000000000000000001", b"20260725-17:20:00", b"BTCUSDT", b"2000000000"),
]
TAGS = [b"%d" % tag for tag in (*range(1, 120), *range(120, 960, 7), 0, 5001, 99999999)] + [b"x", b"-1", b"", b"9" * 30]
DATA = [(b"95", b"96"), (b"354", b"355"), (b"93", b"89"), (b"212", b"213"), (b"348", b"349"), (b"90", b"91")]
TYPES = [*(b"D" for _ in range(12)), *b"F G H Q j n ZZ 8 0 1 2 3 5 A".split()]


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    exchange = Exchange(directory).start()
    process = Gateway(directory, exchange.url)
    process.start()
    yield process
    process.stop()
    exchange.stop()


class Damage:
    """Messages that were good until something was done to them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def message(self, seq: int) -> bytes:
        chance = self._random
        fields = self._fields(seq)
        for _ in range(chance.choice((1, 1, 2, 5))):
            chance.choice(
                (self._replace, self._replace, self._insert, self._remove, self._repeat, self._swap, self._data)
            )(fields)
        raw = framed(b"FIX.4.4", b"".join(b"%b=%b\x01" % field for field in fields))
        return self._bytes(raw) if chance.random() < 0.2 else raw

    def _fields(self, seq: int) -> list[Field]:
        now = utc_timestamp(time.time_ns()).encode()
        header = [(b"35", self._random.choice(TYPES)), (b"49", b"DESK"), (b"56", b"FIXGW"), (b"34", b"%d" % seq)]
        order = [(b"52", now), (b"11", b"F%d" % time.time_ns()), (b"55", b"BTCUSDT"), (b"54", b"1"), (b"38", b"1")]
        return [*header, *order, (b"40", b"2"), (b"44", b"30000"), (b"59", b"1"), (b"60", now), (b"41", b"F1")]

    def _at(self, fields: list[Field]) -> int:
        """Mostly the body: a session is soon over when its header is damaged."""
        return self._random.randrange(0 if self._random.random() < 0.1 else 5, len(fields))

    def _replace(self, fields: list[Field]) -> None:
        at = self._at(fields)
        fields[at] = (fields[at][0], self._random.choice(VALUES))

    def _insert(self, fields: list[Field]) -> None:
        fields.insert(self._at(fields), (self._random.choice(TAGS), self._random.choice(VALUES)))

    def _remove(self, fields: list[Field]) -> None:
        if len(fields) > 6:
            del fields[self._at(fields)]

    def _repeat(self, fields: list[Field]) -> None:
        fields.insert(self._at(fields), fields[self._at(fields)])

    def _swap(self, fields: list[Field]) -> None:
        one, other = self._at(fields), self._at(fields)
        fields[one], fields[other] = fields[other], fields[one]

    def _data(self, fields: list[Field]) -> None:
        length, data = self._random.choice(DATA)
        value = self._random.choice((b"abc", b"a\x0144=1\x01", b"", b"8=FIX.4.4\x019=5\x01"))
        stated = self._random.choice((len(value), len(value), 0, 2_000_000_000, -50, len(value) + 1))
        at = self._at(fields)
        fields[at:at] = [(length, b"%d" % stated), (data, value)]

    def _bytes(self, raw: bytes) -> bytes:
        chance, damaged = self._random, bytearray(raw)
        at = chance.randrange(len(damaged))
        match chance.randrange(4):
            case 0:
                damaged[at] = chance.randrange(256)
            case 1:
                del damaged[at : at + chance.randrange(1, 20)]
            case 2:
                damaged[at:at] = chance.randbytes(chance.randrange(1, 20))
            case _:
                del damaged[at:]
        return bytes(damaged)


def answers(client: FixClient, cl_ord_id: str) -> set[str | None]:
    """ExecIDs of the reports that accept or reject the order; a report that is sent again has the same."""
    return {
        message.get(17)
        for direction, message in client.transcript
        if direction == "in" and message.type == "8" and message.get(11) == cl_ord_id and message.get(150) in {"0", "8"}
    }


async def is_answered(client: FixClient, cl_ord_ids: list[str], seconds: float) -> bool:
    """Whether all orders have their answer in time, on a connection that stands."""
    deadline = time.monotonic() + seconds
    while not all(answers(client, cl_ord_id) for cl_ord_id in cl_ord_ids):
        if not client.connected or time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


async def reconnect(client: FixClient) -> None:
    """A new connection; the session before may still be ending."""
    client.abort()
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            await client.connect()
        except ClientError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        else:
            return


@pytest.mark.timeout(60 + MESSAGES)
async def test_damaged_messages_do_not_touch_the_good_ones(gateway: Gateway) -> None:
    pid, damage, client = gateway.engine_pid(), Damage(SEED), gateway.client()
    await client.connect()
    good: list[str] = []
    for _ in range(MESSAGES // BATCH):
        batch: list[str] = []
        if not client.connected:
            await reconnect(client)
        try:
            for _ in range(BATCH):
                seq = client.next_out
                client.next_out = seq + 1
                client.send_raw(damage.message(seq))
                if len(batch) < 3:
                    batch.append(client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="IOC"))
                await asyncio.sleep(0)
        except NotConnected:
            pass
        good += batch
        for _ in range(15):
            if await is_answered(client, batch, STALLED):
                break
            await reconnect(client)
        else:
            missing = [cl_ord_id for cl_ord_id in batch if not answers(client, cl_ord_id)]
            pytest.fail(f"seed {SEED}: no answer to {missing}")
    if not client.connected:
        await reconnect(client)
    last = client.new_order("BTCUSDT", "sell", "1", price="90000", time_in_force="GTC")
    try:
        await client.expect("8", {11: last, 150: "0"}, timeout=STALLED)
    except (ExpectTimeout, NotConnected):
        await reconnect(client)
        await client.expect("8", {11: last, 150: "0"})
    assert {
        cl_ord_id: len(answers(client, cl_ord_id)) for cl_ord_id in good if len(answers(client, cl_ord_id)) != 1
    } == {}
    await client.logout()
    assert gateway.engine_pid() == pid
    assert "died, restarts" not in gateway.log()
    with gateway.sql() as sql:
        codes = set(sql.execute(select(alerts.c.code)).scalars())
    assert not codes & {"CALLBACK_FAILED", "QUARANTINED"}
    assert len(good) > MESSAGES // 10
