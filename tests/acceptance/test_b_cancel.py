"""Matrices B: cancels, and the executions they race with."""

import pytest

from tests.acceptance.scenario import Scenario


@pytest.mark.scenario("B.1.a", "cancel of a zero-filled order")
async def test_b_1_a(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    s.cancel("Y,X")
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 0, 10_000)
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 0, 0)
    await s.agrees()


@pytest.mark.scenario("B.1.b", "cancel of a part-filled order, executions while it is pending")
async def test_b_1_b(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(2_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 2_000, 8_000, 2_000)
    await s.holds("order.cancel")
    await s.fills(3_000)
    await s.until_row(cum_qty=5_000)  # reported, and it passes the cancel on the wire
    s.cancel("Y,X")
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 5_000, 5_000, 3_000)
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 5_000, 5_000)
    await s.until_held("order.cancel")
    await s.fills(1_000)
    await s.sees("X", "Trade/PendingCancel", 10_000, 6_000, 4_000, 1_000)
    await s.releases("order.cancel")
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 6_000, 0)
    await s.agrees()


@pytest.mark.scenario("B.1.c", "order fills before the cancel is accepted")
async def test_b_1_c(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(5_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 5_000, 5_000, 5_000)
    await s.holds("order.cancel")
    s.cancel("Y,X")
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 5_000, 5_000)
    await s.until_held("order.cancel")
    await s.fills(5_000)
    await s.sees("X", "Trade/PendingCancel", 10_000, 10_000, 0, 5_000)
    await s.refused("Y,X", "Filled", "0")
    await s.releases("order.cancel")
    await s.agrees()


@pytest.mark.scenario("B.1.c", "cancel of a filled order")
async def test_b_1_c_filled_before(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(10_000)
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 10_000)
    s.cancel("Y,X")
    await s.refused("Y,X", "Filled", "0")
    await s.agrees()


@pytest.mark.scenario("B.1.d", "cancel of an order that is not acknowledged yet")
async def test_b_1_d(s: Scenario) -> None:
    """The cancel goes to the exchange at once, which may see it before the order; it is repeated until it counts."""
    await s.holds("order.place")
    s.order("X", 10_000)
    await s.until_held("order.place")
    s.cancel("Y,X")
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 0, 10_000)
    await s.releases("order.place")
    await s.sees("X", "New/PendingCancel", 10_000, 0, 10_000)
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 0, 0)
    await s.agrees()


@pytest.mark.scenario("B.1.d", "same, on a session that wants PendingNew")
async def test_b_1_d_pending_new(explicit: Scenario) -> None:
    s = explicit
    await s.holds("order.place")
    s.order("X", 10_000)
    await s.sees("X", "PendingNew/PendingNew", 10_000, 0, 10_000)
    s.cancel("Y,X")
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 0, 10_000)
    await s.until_held("order.place")
    await s.releases("order.place")
    await s.sees("X", "New/PendingCancel", 10_000, 0, 10_000)
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 0, 0)
    await s.agrees()


@pytest.mark.scenario("B.1.e", "cancel and acknowledgment cross on the wire")
async def test_b_1_e(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.until_row(ord_status="0")  # acknowledged, and the client has not read it
    s.cancel("Y,X")
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 0, 10_000)
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 0, 0)
    await s.agrees()


@pytest.mark.scenario("B.1.f", "cancel of an unknown order")
async def test_b_1_f(s: Scenario) -> None:
    s.cancel("Y,X", order_qty=10_000)
    await s.refused("Y,X", "Rejected", "1", order_id="NONE")
    await s.nothing()
    s.order("X", 10_000)  # the refusal did not use up X
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.agrees()


@pytest.mark.scenario("B house 1", "cancel refused by the exchange, the order goes on")
async def test_b_refused_by_exchange(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(2_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 2_000, 8_000, 2_000)
    await s.exchange.control("reject", op="order.cancel", code=-2011, msg="Order was not canceled due to restrictions.")
    s.cancel("Y,X")
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 2_000, 8_000)
    refusal = await s.refused("Y,X", "PartiallyFilled", "99")
    assert "restrictions" in refusal[58]
    await s.fills(8_000)
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 8_000)
    await s.agrees()


@pytest.mark.scenario("B house 2", "a second cancel while one is pending")
async def test_b_second_cancel(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.holds("order.cancel")
    s.cancel("Y,X")
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 0, 10_000)
    s.cancel("Z,X")
    await s.refused("Z,X", "PendingCancel", "3")
    await s.releases("order.cancel")
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 0, 0)
    await s.agrees()
