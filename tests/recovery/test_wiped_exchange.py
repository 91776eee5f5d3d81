"""A test exchange is wiped now and then, and numbers orders and trades from the start again; the database stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.client.message import FixMessage
from gateway.store.tables import alerts, executions
from tests.fixtures.processes import Exchange, Gateway, wait_until


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[Exchange]:
    """Every start of it gives the same ids."""
    process = Exchange(tmp_path, options=("--first-id", "0")).start()
    yield process
    process.stop()


@pytest.fixture
def its_gateway(tmp_path: Path, forgetful: Exchange) -> Iterator[Gateway]:
    process = Gateway(tmp_path, forgetful.url).start()
    yield process
    process.stop()


async def test_what_repeats_old_ids_is_reported_all_the_same(forgetful: Exchange, its_gateway: Gateway) -> None:
    client = its_gateway.client()
    await client.connect()

    async def trade() -> FixMessage:
        await forgetful.control("mode", symbol="*", mode="manual")
        cl_ord_id = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
        accepted = await client.expect("8", {11: cl_ord_id, 150: "0"})
        await forgetful.control("fill", clientOrderId=f"test-{accepted[37]}-1")
        return await client.expect("8", {11: cl_ord_id, 150: "F", 39: "2"})

    first = await trade()
    seen = len(its_gateway.log())
    forgetful.stop()
    forgetful.start()
    wait_until(lambda: "reconciled account=" in its_gateway.log()[seen:], "the gateway compared with the new exchange")
    second = await trade()
    await client.logout()
    its_gateway.stop()
    its_gateway.start()

    assert first[37] != second[37]
    with its_gateway.sql() as sql:
        rows = sql.execute(select(executions.c.trade_id, executions.c.venue_order_id)).all()
        codes = sql.execute(select(alerts.c.code)).scalars().all()
    assert len(rows) == 2
    assert rows[0] == rows[1], "the exchange did not repeat its ids, and the test shows nothing"
    assert "VENUE_ORDER_ID_REUSED" in codes
