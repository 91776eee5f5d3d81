"""An exchange that answers rubbish, breaks off or stays silent: the order ends clear, once, and nothing is lost."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from gateway.client import FixClient, FixMessage
from gateway.store.tables import alerts
from tests.fixtures.processes import Exchange, Gateway

# The one that takes ten seconds to be noticed last, and the others meanwhile.
FAULTS = ("http_503_after", "http_503_before", "rubbish", "drop_before", "drop_after", "timeout")
REACHED = {"http_503_after", "drop_after", "rubbish", "timeout"}
SETTLED = 80  # seconds: before an order is believed lost, the time in which it could still arrive must pass


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, shared_exchange: Exchange) -> Iterator[Gateway]:
    process = Gateway(tmp_path_factory.mktemp("gateway"), shared_exchange.url)
    process.start()
    yield process
    with process.sql() as sql:
        codes = set(sql.execute(select(alerts.c.code)).scalars())
    process.stop()
    assert not codes & {"CALLBACK_FAILED", "QUARANTINED"}
    assert "died, restarts" not in process.log()


def is_outcome(report: FixMessage) -> bool:
    return report.get(150) in {"0", "8", "4"}


async def outcome_of(client: FixClient, order: str) -> FixMessage:
    return await client.expect("8", {11: order}, predicate=is_outcome, timeout=SETTLED)


async def told(client: FixClient) -> tuple[str, FixMessage]:
    """An order that got as far as the exchange, and the first report of it: again while the connection is away."""
    while True:
        order = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="GTC")
        report = await client.expect("8", {11: order})
        if not (report.get(58) or "").startswith("VENUE_UNAVAILABLE"):
            return order, report
        await asyncio.sleep(0.05)


async def accepted(client: FixClient) -> str:
    order, report = await told(client)
    assert report[150] == "0"
    return order


async def canceled(client: FixClient, order: str) -> None:
    client.cancel(order)
    await client.expect("8", {41: order, 150: "4"}, timeout=SETTLED)


async def test_orders_whose_answers_are_lost_end_clear(shared_exchange: Exchange, gateway: Gateway) -> None:
    async with gateway.client() as client:
        under_way = {}
        for fault in FAULTS:
            await shared_exchange.control("fault", op="order.place", kind=fault)
            under_way[fault] = await told(client)
        for fault, (order, first) in under_way.items():
            later = None if is_outcome(first) else await outcome_of(client, order)
            assert (later or first)[150] == ("0" if fault in REACHED else "8"), fault
        assert len(await shared_exchange.look("orders")) == len(REACHED)
        for fault in REACHED:
            await canceled(client, under_way[fault][0])
        await canceled(client, await accepted(client))
        orders = {order for order, _ in under_way.values()}
        assert not [m for m in client.unconsumed("8") if m.get(11) in orders and is_outcome(m)]


async def test_cancels_whose_answers_are_lost_still_cancel(shared_exchange: Exchange, gateway: Gateway) -> None:
    async with gateway.client() as client:
        for fault in FAULTS:
            order = await accepted(client)
            await shared_exchange.control("fault", op="order.cancel", kind=fault)
            await canceled(client, order)
        await canceled(client, await accepted(client))


async def test_an_exchange_that_is_gone_and_comes_back(shared_exchange: Exchange, gateway: Gateway) -> None:
    async with gateway.client() as client:
        order = await accepted(client)
        await shared_exchange.control("drop_connections")
        await canceled(client, order)
