"""A gateway over several days, whose old ones are archived while it works: it goes on, and the record proves itself."""

import asyncio
import json
import sqlite3
import time
from pathlib import Path

import pytest

from gateway.compliance.audit.keys import KEY_VARIABLE, create_key
from tests.acceptance.scenario import SYMBOL, Scenario
from tests.fixtures.processes import KEYS, Exchange, Gateway, wait_until

DAY_S = 86_400
RETENTION = """
[audit]
seal_seconds = 1

[retention]
messages = 5
orders = 5
decisions = 5
venue_traffic = 5
clock_readings = 5
alerts = 5
wire_log = 5
"""


class OfAnotherDay(Gateway):
    """Started so many days from now: at noon, since orders close to a midnight count to both days, and stay."""

    module = "tests.fixtures.other_days"

    def on(self, days: int) -> "OfAnotherDay":
        to_noon = DAY_S // 2 - int(time.time()) % DAY_S if days else 0
        self._keys["FIXGW_TEST_AHEAD_S"] = str(days * DAY_S + to_noon)
        self.start()
        return self

    def begin_numbers_anew(self) -> None:
        """As the end of a session's day does. QuickFIX, whose clock is today's, takes no numbers of another day."""
        with sqlite3.connect(self.directory / "gateway.db") as database:
            database.execute("UPDATE sessions SET epoch = epoch + 1, next_in = 1, next_out = 1, out_reserved = 4001")
        (self.directory / "DESK.json").unlink()

    async def told(self, *arguments: str, code: int = 0) -> str:
        done, out, err = await self.fixgw(*arguments)
        assert done == code, f"{arguments}: {out}{err}"
        return out + err

    def one(self, query: str) -> int:
        with self.sql() as connection:
            return int(connection.exec_driver_sql(query).scalar() or 0)


async def ended(s: Scenario) -> None:
    """An order that fills in two."""
    s.order("X", 10)
    s.order_id = (await s.next())[37]
    for qty in (4, 6):
        await s.fills(qty)
        await s.next()


async def old_days(gateway: OfAnotherDay, exchange: Exchange) -> tuple[str, str, Scenario]:
    """Two of them: one order that is over, and one that stays open."""
    await exchange.control("mode", symbol=SYMBOL, mode="manual")
    gateway.on(-40)
    async with gateway.client() as client:
        over = Scenario(client, exchange, gateway)
        await ended(over)
        resting = Scenario(client, exchange, gateway)
        resting.order("X", 10)
        resting.order_id = (await resting.next())[37]
        await resting.fills(4)
        await resting.next()
    gateway.stop()
    gateway.begin_numbers_anew()
    gateway.on(-39)
    async with gateway.client() as client:
        await ended(Scenario(client, exchange, gateway))
    gateway.stop()
    return over.order_id, resting.order_id, resting


@pytest.mark.timeout(400)
async def test_old_days_are_archived_while_the_gateway_works(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_key(tmp_path / "audit.key")
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "audit.key"))
    gateway = OfAnotherDay(tmp_path, exchange.url, more=RETENTION, keys=KEYS)
    try:
        over, resting, story = await old_days(gateway, exchange)
        gateway.on(0)
        wait_until(
            lambda: gateway.one("SELECT count(*) FROM seals WHERE content LIKE '%\"closes_day\":true%'") >= 2,
            "the old days are closed",
        )
        await archived(gateway, exchange, tmp_path, over, resting, story)
        gateway.stop()
        gateway.on(0)
        async with gateway.client() as client:
            await ended(Scenario(client, exchange, gateway))
        assert "nothing was altered" in await gateway.told("audit", "verify", "--archive", str(tmp_path / "archive"))
        assert "were not derived" in await gateway.told("replay", "derive")
    finally:
        gateway.stop()
    await tampered(gateway, tmp_path)


async def archived(
    gateway: OfAnotherDay, exchange: Exchange, directory: Path, over: str, resting: str, story: Scenario
) -> None:
    to = ("retention", "archive", "--to", str(directory / "archive"))
    positions = json.loads((await gateway.told("positions", "--json")).splitlines()[0])
    whole = json.loads(await gateway.told("order", resting, "--json"))
    before = {table: gateway.one(f"SELECT count(*) FROM {table}") for table in ("journal", "messages", "venue_calls")}
    async with gateway.client() as client:
        mine = Scenario(client, exchange, gateway)

        async def trades() -> int:
            count = 0
            while not done.is_set():
                mine.order(f"N{count}", 10)
                order_id = (await mine.next())[37]
                assert order_id
                count += 1
            return count

        done = asyncio.Event()
        trading = asyncio.create_task(trades())
        said = await gateway.told(*to, "--delete")
        done.set()
        assert await trading, "orders were taken meanwhile"
    assert "-wire_log: archived and verified" in said
    assert "-orders: archived and verified" in said
    now = {table: gateway.one(f"SELECT count(*) FROM {table}") for table in before}
    assert gateway.one(f"SELECT count(*) FROM journal WHERE order_id = '{over}'") == 0, (before, now)
    verified = await gateway.told("audit", "verify")
    assert "nothing was altered" in verified
    assert "archived, and gone as signed entries say" in verified
    again = json.loads(gateway.look("order", resting, "--json"))
    assert again == whole, "an open order's story is whole"
    assert "Archived, and not shown here: orders of" in await gateway.told("order", over)
    held = json.loads(gateway.look("positions", "--json").splitlines()[0])
    assert held == positions


async def tampered(gateway: OfAnotherDay, directory: Path) -> None:
    """With the gateway stopped: one record less, which no entry tells of."""
    with sqlite3.connect(directory / "gateway.db") as database:
        database.execute("DELETE FROM journal WHERE position = (SELECT min(position) FROM journal)")
    assert "journal" in await gateway.told("audit", "verify", code=1)
