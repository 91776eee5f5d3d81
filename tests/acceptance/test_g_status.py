"""Matrices G: status requests."""

import pytest

from tests.acceptance.scenario import Scenario


@pytest.mark.scenario("G.1.a", "status request for an unknown order")
async def test_g_1_a(s: Scenario) -> None:
    s.asks_status("X")
    report = await s.next()
    expected = {11: s.id("X"), 37: "NONE", 17: "0", 39: "8", 14: "0", 151: "0", 6: "0", 55: "LTCUSDT", 54: "1"}
    expected |= {20: "3", 150: "8"} if s.is_42 else {150: "I"}
    assert {tag: report.get(tag) for tag in expected} == expected
    s.seen.append(f"{report[150]}/{report[39]}")
    await s.nothing()


@pytest.mark.scenario("G.1.b", "nothing done yet")
async def test_g_1_b(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    s.asks_status("X")
    await s.sees("X", "OrderStatus/New", 10_000, 0, 10_000)
    await s.agrees()


@pytest.mark.scenario("G.1.c", "status requests right after the order, and during its life")
async def test_g_1_c(s: Scenario) -> None:
    await s.holds("order.place")
    s.order("X", 10_000)
    s.asks_status("X")
    await s.sees("X", "OrderStatus/PendingNew", 10_000, 0, 10_000)
    await s.until_held("order.place")
    await s.releases("order.place")
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    s.asks_status("X")
    await s.sees("X", "OrderStatus/New", 10_000, 0, 10_000)
    await s.fills(2_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 2_000, 8_000, 2_000)
    s.asks_status("X")
    await s.sees("X", "OrderStatus/PartiallyFilled", 10_000, 2_000, 8_000, avg_px="50")
    await s.holds("order.amend.keepPriority")
    s.replace("Y,X", 9_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 2_000, 8_000)
    s.asks_status("X")
    await s.sees("X", "OrderStatus/PendingReplace", 10_000, 2_000, 8_000)
    await s.until_held("order.amend.keepPriority")
    await s.releases("order.amend.keepPriority")
    await s.sees("Y,X", "Replaced/PartiallyFilled", 9_000, 2_000, 7_000)
    s.asks_status("X", extra=[(37, s.order_id)])  # any id of the order will do
    await s.sees("Y", "OrderStatus/PartiallyFilled", 9_000, 2_000, 7_000)
    await s.holds("order.cancel")
    s.cancel("Z,Y")
    await s.sees("Z,Y", "PendingCancel/PendingCancel", 9_000, 2_000, 7_000)
    s.asks_status("Z")
    await s.sees("Y", "OrderStatus/PendingCancel", 9_000, 2_000, 7_000)
    await s.releases("order.cancel")
    await s.sees("Z,Y", "Canceled/Canceled", 9_000, 2_000, 0)
    s.asks_status("X")
    await s.sees("Y", "OrderStatus/Canceled", 9_000, 2_000, 0)
    await s.agrees()


@pytest.mark.scenario("G house 1", "status of an order whose outcome is unknown")
async def test_g_unknown_outcome(s: Scenario) -> None:
    """The answer to the order is lost: it stays pending, and a query settles it."""
    await s.holds("events")
    await s.holds("order.status")
    await s.exchange.control("fault", op="order.place", kind="http_503_after")
    s.order("X", 10_000)
    report = await s.sees("X", "OrderStatus/PendingNew", 10_000, 0, 10_000)
    assert report[58].startswith("outcome unknown: ")
    await s.until_held("order.status")
    await s.releases("order.status")
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.releases("events")  # says what is known by now
    await s.agrees()
