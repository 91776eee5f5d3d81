"""Matrices D: several requests for one order, one after the other and chained.

The gateway answers each request at once and works them off in order, which is matrix D.2.b; where D.2.a shows them
handled strictly one after the other, the rows are the same but for when the second becomes pending.
"""

import pytest

from tests.acceptance.scenario import Scenario


async def _part_filled(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)


@pytest.mark.scenario("D.1.a", "a replace accepted, then another accepted")
async def test_d_1_a(s: Scenario) -> None:
    await _part_filled(s)
    await s.holds("order.amend.keepPriority")
    s.replace("Y,X", 8_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 1_000, 9_000)
    await s.until_held("order.amend.keepPriority")
    await s.fills(500)
    await s.sees("X", "Trade/PendingReplace", 10_000, 1_500, 8_500, 500)
    await s.releases("order.amend.keepPriority")
    await s.sees("Y,X", "Replaced/PartiallyFilled", 8_000, 1_500, 6_500)
    await s.fills(2_000)
    await s.sees("Y", "Trade/PartiallyFilled", 8_000, 3_500, 4_500, 2_000)
    await s.holds("order.amend.keepPriority")
    s.replace("Z,Y", 6_000)
    await s.sees("Z,Y", "PendingReplace/PendingReplace", 8_000, 3_500, 4_500)
    await s.until_held("order.amend.keepPriority")
    await s.fills(500)
    await s.sees("Y", "Trade/PendingReplace", 8_000, 4_000, 4_000, 500)
    await s.releases("order.amend.keepPriority")
    await s.sees("Z,Y", "Replaced/PartiallyFilled", 6_000, 4_000, 2_000)
    await s.fills(2_000)
    await s.sees("Z", "Trade/Filled", 6_000, 6_000, 0, 2_000)
    await s.agrees()


@pytest.mark.scenario("D.1.b", "a replace rejected before it is pending, then another accepted")
async def test_d_1_b(s: Scenario) -> None:
    await _part_filled(s)
    s.replace("Y,X", 8_000, price="50.001")  # no multiple of the tick: refused before anybody is asked
    await s.refused("Y,X", "PartiallyFilled", "2", replace=True)
    await s.fills(500)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_500, 8_500, 500)
    await s.fills(2_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 3_500, 6_500, 2_000)
    s.replace("Z,X", 6_000)
    await s.sees("Z,X", "PendingReplace/PendingReplace", 10_000, 3_500, 6_500)
    await s.sees("Z,X", "Replaced/PartiallyFilled", 6_000, 3_500, 2_500)
    await s.fills(1_500)
    await s.sees("Z", "Trade/PartiallyFilled", 6_000, 5_000, 1_000, 1_500)
    await s.agrees()


@pytest.mark.scenario("D.1.c", "a replace rejected after it is pending, then another accepted")
async def test_d_1_c(s: Scenario) -> None:
    await _part_filled(s)
    await s.holds("order.amend.keepPriority")
    await s.exchange.control("reject", op="order.amend.keepPriority", code=-2038, msg="Order amend rejected.")
    s.replace("Y,X", 8_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 1_000, 9_000)
    await s.until_held("order.amend.keepPriority")
    await s.fills(500)
    await s.sees("X", "Trade/PendingReplace", 10_000, 1_500, 8_500, 500)
    await s.releases("order.amend.keepPriority")
    await s.refused("Y,X", "PartiallyFilled", "99", replace=True)
    await s.fills(2_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 3_500, 6_500, 2_000)
    s.replace("Z,X", 6_000)
    await s.sees("Z,X", "PendingReplace/PendingReplace", 10_000, 3_500, 6_500)
    await s.sees("Z,X", "Replaced/PartiallyFilled", 6_000, 3_500, 2_500)
    await s.fills(1_500)
    await s.sees("Z", "Trade/PartiallyFilled", 6_000, 5_000, 1_000, 1_500)
    await s.agrees()


@pytest.mark.scenario("D.2.a", "two replaces chained, accepted in order (the rows of D.2.b)")
async def test_d_2_a(s: Scenario) -> None:
    await _part_filled(s)
    await s.holds("order.amend.keepPriority")
    s.replace("Y,X", 8_000)
    s.replace("Z,Y", 7_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 1_000, 9_000)
    await s.sees("Z,X", "PendingReplace/PendingReplace", 10_000, 1_000, 9_000)  # 41: the last accepted
    await s.releases("order.amend.keepPriority")
    await s.sees("Y,X", "Replaced/PendingReplace", 8_000, 1_000, 7_000)
    await s.sees("Z,Y", "Replaced/PartiallyFilled", 7_000, 1_000, 6_000)
    await s.fills(6_000)
    await s.sees("Z", "Trade/Filled", 7_000, 7_000, 0, 6_000)
    await s.agrees()


@pytest.mark.scenario("D.2.b", "second replace names the order while the first is pending: refused (matrix D.2.d)")
async def test_d_2_b(s: Scenario) -> None:
    await _part_filled(s)
    await s.holds("order.amend.keepPriority")
    s.replace("Y,X", 8_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 1_000, 9_000)
    s.replace("Z,X", 7_000)
    await s.refused("Z,X", "PendingReplace", "3", replace=True)
    await s.releases("order.amend.keepPriority")
    await s.sees("Y,X", "Replaced/PartiallyFilled", 8_000, 1_000, 7_000)
    await s.fills(2_000)
    await s.sees("Y", "Trade/PartiallyFilled", 8_000, 3_000, 5_000, 2_000)
    await s.agrees()


@pytest.mark.scenario("D.2.c", "the first replace rejected after another was chained to it: both are")
async def test_d_2_c(s: Scenario) -> None:
    """The second was made for terms that never came to be, so it is not applied to others."""
    await _part_filled(s)
    await s.holds("order.amend.keepPriority")
    await s.exchange.control("reject", op="order.amend.keepPriority", code=-2038, msg="Order amend rejected.")
    s.replace("Y,X", 8_000)
    s.replace("Z,Y", 7_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 1_000, 9_000)
    await s.sees("Z,X", "PendingReplace/PendingReplace", 10_000, 1_000, 9_000)
    await s.releases("order.amend.keepPriority")
    await s.refused("Y,X", "PendingReplace", "99", replace=True)
    await s.refused("Z,X", "PartiallyFilled", "99", replace=True)
    await s.fills(9_000)
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 9_000)
    await s.agrees()


@pytest.mark.scenario("D.2.d", "a cancel chained to a pending replace")
async def test_d_2_d(s: Scenario) -> None:
    """Both are at the exchange, and the order in which it takes them is its own: here the replace comes first."""
    await _part_filled(s)
    await s.holds("order.amend.keepPriority")
    await s.holds("order.cancel")
    s.replace("Y,X", 8_000)
    s.cancel("Z,Y")
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 1_000, 9_000)
    await s.sees("Z,X", "PendingCancel/PendingCancel", 10_000, 1_000, 9_000)
    await s.until_held("order.cancel")
    await s.releases("order.amend.keepPriority")
    await s.sees("Y,X", "Replaced/PendingCancel", 8_000, 1_000, 7_000)
    await s.releases("order.cancel")
    await s.sees("Z,Y", "Canceled/Canceled", 8_000, 1_000, 0)
    await s.agrees()


@pytest.mark.scenario("D.2.d", "same, the exchange takes the cancel first")
async def test_d_2_d_cancel_first(s: Scenario) -> None:
    await _part_filled(s)
    await s.holds("order.amend.keepPriority")
    s.replace("Y,X", 8_000)
    await s.until_held("order.amend.keepPriority")
    s.cancel("Z,Y")
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 1_000, 9_000)
    await s.sees("Z,X", "PendingCancel/PendingCancel", 10_000, 1_000, 9_000)
    await s.refused("Y,X", "PendingCancel", "0", replace=True)
    await s.sees("Z,X", "Canceled/Canceled", 10_000, 1_000, 0)
    await s.releases("order.amend.keepPriority")
    await s.agrees()
