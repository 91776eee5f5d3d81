"""A gateway that goes on from a backup: halted, with new numbers, and with what the exchange knows."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.client import FixClient, LogonRefused
from gateway.store.database import open_database
from gateway.store.tables import breaks, halts
from tests.fixtures.processes import Exchange, Gateway


async def new_order(client: FixClient, qty: str = "1") -> str:
    cl_ord_id = client.new_order("BTCUSDT", "buy", qty, price="30000", time_in_force="gtc")
    await client.expect("8", {11: cl_ord_id, 150: "0"})
    return cl_ord_id


async def test_a_gateway_goes_on_from_a_backup(exchange: Exchange, gateway: Gateway, tmp_path: Path) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    client = await gateway.client().connect()
    kept = await new_order(client, "2")
    code, out, err = await gateway.fixgw("db", "backup", str(tmp_path / "monday.fixgw"))
    assert code == 0, err
    assert "monday.fixgw has the database" in out
    code, _, err = await gateway.fixgw("db", "restore", str(tmp_path / "monday.fixgw"))
    assert code == 2
    assert "in use by another engine" in err
    await new_order(client)  # after the backup: the restored database will not know it
    await exchange.control("fill", clientOrderId="test-O1-1", qty="0.5")
    before = await client.expect("8", {11: kept, 150: "F"})
    await client.logout()
    assert await asyncio.to_thread(gateway.stop) == 0
    (tmp_path / "gateway.db").rename(tmp_path / "lost.db")

    code, out, err = await gateway.fixgw("db", "restore", str(tmp_path / "monday.fixgw"))
    assert code == 0, err
    assert "HALTED" in out
    assert "ResetSeqNumFlag(141)=Y" in out
    await asyncio.to_thread(gateway.start)
    code, out, err = await gateway.fixgw("halts", "--json")
    assert json.loads(out)["reason"].startswith("restored from monday.fixgw"), err
    stale = gateway.client()
    with pytest.raises(LogonRefused):
        await stale.connect()
    refusals = [message for way, message in stale.transcript if way == "in"]
    assert "restored from a backup: log on with ResetSeqNumFlag(141)=Y" in str(refusals)
    client = await gateway.client(reset_seq_num=True).connect()

    # What the exchange knows of the order that is known: its fill. Under another ExecID(17) than before.
    fill = await client.expect("8", {11: kept, 150: "F"})
    assert (fill[32], fill[151]) == ("0.5", "1.5")
    assert int(fill[17]) > int(before[17]) + 1_000_000
    refused = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    answer = await client.expect("8", {11: refused})
    assert (answer[39], answer[58].split()[0]) == ("8", "TRADING_HALTED")
    replace = client.replace(kept, order_qty="3", price="30000")
    assert (await client.expect("9", {11: replace}))[58].startswith("TRADING_HALTED")
    with gateway.sql() as sql:
        orphans = sql.execute(select(breaks.c.client_id).where(breaks.c.order_id.is_(None))).scalars().all()
    assert orphans == ["test-O2-1"]
    client.cancel(kept)
    await client.expect("8", {41: kept, 150: "4"})
    await client.logout()

    # Two people have to agree to going on; here they have, and ids go on where none can have been.
    assert await asyncio.to_thread(gateway.stop) == 0
    database = open_database(gateway.database_url, "sim", "test")
    with database.begin() as connection:
        connection.execute(halts.update().values(state="active"))
    database.dispose()
    await asyncio.to_thread(gateway.start)
    client = await gateway.client().connect()  # the numbers agreed on go on
    await new_order(client)
    await client.logout()
    ours = [order["clientOrderId"] for order in await exchange.look("orders")]
    assert len(set(ours)) == len(ours) == 3
