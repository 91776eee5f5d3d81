"""Matrices K: trading halts."""

import pytest

from gateway.client import FixClient
from gateway.domain import venue_reports as v
from tests.acceptance.scenario import SYMBOL, Scenario


@pytest.mark.scenario("K.1.a", "trading halt, the order is kept")
async def test_k_1_a(s: Scenario) -> None:
    """The exchange keeps orders through a halt and says nothing about them, so nothing is reported as suspended."""
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.exchange.control("symbol", symbol=SYMBOL, status="HALT")
    try:
        s.asks_status("X")
        await s.sees("X", "OrderStatus/New", 10_000, 0, 10_000)
        other = FixClient.new_cl_ord_id()
        s.client.new_order(SYMBOL, "buy", "10000", price="50", time_in_force="GTC", cl_ord_id=other)
        refused = await s.next()
        assert (refused[11], refused[150], refused[39], refused[103]) == (other, "8", "8", "2")
    finally:
        await s.exchange.control("symbol", symbol=SYMBOL, status="TRADING")
    await s.fills(10_000)
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 10_000)
    await s.agrees()


@pytest.mark.scenario("K.1.b", "trading halt, the order is canceled")
async def test_k_1_b(injected: Scenario) -> None:
    """The simulated exchange gives no reason for what it cancels, so one is put into its mouth."""
    s = injected
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(2_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 2_000, 8_000, 2_000)
    await s.venue_says(v.VenueClosed, reason="canceled", cum_qty="2000", text="trading halt")
    report = await s.sees("X", "Canceled/Canceled", 10_000, 2_000, 0)
    assert report[58] == "trading halt"
    await s.agrees(exchange=False)
