"""An exchange that answers rubbish, breaks off or stays silent: the order ends clear, once, and nothing is lost."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from gateway.client import FixClient, FixMessage
from gateway.store.tables import alerts
from tests.fixtures.processes import Exchange, Gateway

FAULTS = ("http_503_after", "http_503_before", "drop_before", "drop_after", "rubbish", "timeout")
REACHED = {"http_503_after", "drop_after", "rubbish", "timeout"}
SETTLED = 60  # seconds: before an order is believed lost, the time in which it could still arrive must pass


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    process = Exchange(tmp_path_factory.mktemp("exchange")).start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, exchange: Exchange) -> Iterator[Gateway]:
    process = Gateway(tmp_path_factory.mktemp("gateway"), exchange.url, engine="recv_window_ms = 1000")
    process.start()
    yield process
    with process.sql() as sql:
        codes = set(sql.execute(select(alerts.c.code)).scalars())
    process.stop()
    assert not codes & {"CALLBACK_FAILED", "QUARANTINED"}
    assert "died, restarts" not in process.log()


def new_order(client: FixClient) -> str:
    return client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="GTC")


async def on_exchange(exchange: Exchange) -> int:
    found = await exchange.look("orders")
    return len(found["orders"] if isinstance(found, dict) else found)


def is_outcome(report: FixMessage) -> bool:
    return report.get(150) in {"0", "8", "4"}


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_order_whose_answer_is_lost_ends_clear(exchange: Exchange, gateway: Gateway, fault: str) -> None:
    await exchange.control("reset")
    async with gateway.client() as client:
        known = await on_exchange(exchange)
        await exchange.control("fault", op="order.place", kind=fault)
        order = new_order(client)
        outcome = await client.expect("8", {11: order}, predicate=is_outcome, timeout=SETTLED)
        assert outcome[150] == ("0" if fault in REACHED else "8")
        assert await on_exchange(exchange) == known + (fault in REACHED)
        if fault in REACHED:
            client.cancel(order)
            await client.expect("8", {41: order, 150: "4"}, timeout=SETTLED)
        after = new_order(client)
        await client.expect("8", {11: after, 150: "0"}, timeout=SETTLED)
        client.cancel(after)
        await client.expect("8", {41: after, 150: "4"}, timeout=SETTLED)
        assert len([m for m in client.unconsumed("8") if m.get(11) == order and is_outcome(m)]) == 0


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_cancel_whose_answer_is_lost_still_cancels(exchange: Exchange, gateway: Gateway, fault: str) -> None:
    await exchange.control("reset")
    async with gateway.client() as client:
        order = new_order(client)
        await client.expect("8", {11: order, 150: "0"}, timeout=SETTLED)
        await exchange.control("fault", op="order.cancel", kind=fault)
        client.cancel(order)
        await client.expect("8", {41: order, 150: "4"}, timeout=SETTLED)
        after = new_order(client)
        await client.expect("8", {11: after, 150: "0"}, timeout=SETTLED)
        client.cancel(after)
        await client.expect("8", {41: after, 150: "4"}, timeout=SETTLED)


async def test_an_exchange_that_is_gone_and_comes_back(exchange: Exchange, gateway: Gateway) -> None:
    await exchange.control("reset")
    async with gateway.client() as client:
        order = new_order(client)
        await client.expect("8", {11: order, 150: "0"}, timeout=SETTLED)
        await exchange.control("drop_connections")
        client.cancel(order)
        await client.expect("8", {41: order, 150: "4"}, timeout=SETTLED)
