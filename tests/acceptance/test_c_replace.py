"""Matrices C: one replace, and the executions it races with."""

import time

import pytest

from gateway.client.message import Fields, utc_timestamp
from tests.acceptance.scenario import PRICE, SYMBOL, Scenario


@pytest.mark.scenario("C.1.a", "replace up, nothing executed")
async def test_c_1_a(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    s.replace("Y,X", 11_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 0, 10_000)
    await s.sees("Y,X", "Replaced/New", 11_000, 0, 11_000)
    await s.fills(1_000)
    await s.sees("Y", "Trade/PartiallyFilled", 11_000, 1_000, 10_000, 1_000)
    await s.fills(2_000)
    await s.sees("Y", "Trade/PartiallyFilled", 11_000, 3_000, 8_000, 2_000)
    await s.agrees()


@pytest.mark.scenario("C.1.b", "replace up of a part-filled order, an execution while it is pending")
async def test_c_1_b(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    await s.holds("order.cancel")  # more quantity means another venue order: the old one is canceled first
    s.replace("Y,X", 12_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 1_000, 9_000)
    await s.until_held("order.cancel")
    await s.fills(100)
    await s.sees("X", "Trade/PendingReplace", 10_000, 1_100, 8_900, 100)
    await s.releases("order.cancel")
    await s.sees("Y,X", "Replaced/PartiallyFilled", 12_000, 1_100, 10_900)
    await s.fills(10_900)
    await s.sees("Y", "Trade/Filled", 12_000, 12_000, 0, 10_900)
    await s.agrees()


@pytest.mark.scenario("C.1.c", "replace up of a filled order: refused, the venue cannot revive one")
async def test_c_1_c(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(10_000)
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 10_000)
    s.replace("Y,X", 12_000)
    await s.refused("Y,X", "Filled", "0", replace=True)
    await s.agrees()


@pytest.mark.scenario("C.2.a", "replace of the price refused, since the order filled first")
async def test_c_2_a(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    await s.fills(9_000)
    await s.until_row(cum_qty=10_000)  # reported, and it passes the replace on the wire
    s.replace("Y,X", 10_000, price="51")
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 9_000)
    await s.refused("Y,X", "Filled", "0", replace=True)
    await s.agrees()


@pytest.mark.scenario("C.2.a", "same, filled while the replace is pending")
async def test_c_2_a_pending(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.holds("order.cancel")
    s.replace("Y,X", 10_000, price="51")
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 0, 10_000, tags={44: "50"})
    await s.until_held("order.cancel")
    await s.fills(10_000)
    await s.sees("X", "Trade/PendingReplace", 10_000, 10_000, 0, 10_000, tags={44: "50"})
    await s.refused("Y,X", "Filled", "0", replace=True)
    await s.releases("order.cancel")
    await s.agrees()


@pytest.mark.scenario("C.2.a", "replace of the price accepted")
async def test_c_2_a_accepted(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    s.replace("Y,X", 10_000, price="51")
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 0, 10_000, tags={44: "50"})
    await s.sees("Y,X", "Replaced/New", 10_000, 0, 10_000, tags={44: "51"})
    await s.agrees()


@pytest.mark.scenario("C.3.a", "replace down to above what executed meanwhile")
async def test_c_3_a(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    await s.holds("order.amend.keepPriority")
    await s.fills(500)
    await s.until_row(cum_qty=1_500)
    s.replace("Y,X", 8_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_500, 8_500, 500)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 1_500, 8_500)
    await s.until_held("order.amend.keepPriority")
    await s.fills(100)
    await s.sees("X", "Trade/PendingReplace", 10_000, 1_600, 8_400, 100)
    await s.releases("order.amend.keepPriority")
    await s.sees("Y,X", "Replaced/PartiallyFilled", 8_000, 1_600, 6_400)
    await s.fills(6_400)
    await s.sees("Y", "Trade/Filled", 8_000, 8_000, 0, 6_400)
    await s.agrees()


@pytest.mark.scenario("C.3.b", "replace down to exactly what executed meanwhile")
async def test_c_3_b(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(7_000)
    await s.until_row(cum_qty=7_000)
    s.replace("Y,X", 7_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 7_000, 3_000, 7_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 7_000, 3_000)
    await s.sees("Y,X", "Replaced/Filled", 7_000, 7_000, 0)
    await s.agrees()


@pytest.mark.scenario("C.3.b", "same, executed while the replace is pending")
async def test_c_3_b_pending(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.holds("order.amend.keepPriority")
    s.replace("Y,X", 7_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 0, 10_000)
    await s.until_held("order.amend.keepPriority")
    await s.fills(7_000)
    await s.sees("X", "Trade/PendingReplace", 10_000, 7_000, 3_000, 7_000)
    await s.releases("order.amend.keepPriority")
    await s.sees("Y,X", "Replaced/Filled", 7_000, 7_000, 0)
    await s.agrees()


@pytest.mark.scenario("C.3.c", "replace down to below what executed meanwhile")
async def test_c_3_c(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(8_000)
    await s.until_row(cum_qty=8_000)
    s.replace("Y,X", 7_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 8_000, 2_000, 8_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 8_000, 2_000)
    await s.sees("Y,X", "Replaced/Filled", 8_000, 8_000, 0)
    await s.agrees()


@pytest.mark.scenario("C.3.c", "same, executed while the replace is pending")
async def test_c_3_c_pending(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.holds("order.amend.keepPriority")
    s.replace("Y,X", 7_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 0, 10_000)
    await s.until_held("order.amend.keepPriority")
    await s.fills(8_000)
    await s.sees("X", "Trade/PendingReplace", 10_000, 8_000, 2_000, 8_000)
    await s.releases("order.amend.keepPriority")
    await s.sees("Y,X", "Replaced/Filled", 8_000, 8_000, 0)
    await s.agrees()


@pytest.mark.scenario("C house 1", "the second half of a replace is refused by the exchange")
async def test_c_new_leg_refused(s: Scenario) -> None:
    """Where a replace is a cancel and a new venue order, a refusal of the latter leaves nothing at the exchange."""
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    await s.exchange.control("reject", op="order.place", code=-2010, msg="Account has insufficient balance.")
    s.replace("Y,X", 12_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 1_000, 9_000)
    refusal = await s.refused("Y,X", "PartiallyFilled", "99", replace=True)
    assert "-2010" in refusal[58]
    await s.sees("X", "Canceled/Canceled", 10_000, 1_000, 0)
    await s.agrees()


@pytest.mark.scenario("C house 2", "a replace with a field that is not offered")
async def test_c_unsupported_field(s: Scenario) -> None:
    """Refused for what it is, with the state of the order, which is anything but rejected."""
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    s.replace("Y,X", 9_000, extra=[(111, "100")])
    refusal = await s.refused("Y,X", "New", "99", replace=True)
    assert refusal[58].startswith("UNSUPPORTED_FIELD tag=111 ")
    await s.agrees()


def by_order_id(s: Scenario, name: str, *more: tuple[int, str]) -> None:
    """Replace Request(name) that names the order by OrderID(37) alone."""
    terms: Fields = [(55, SYMBOL), (54, "1"), (38, 12_000), (40, "2"), (44, PRICE), (60, utc_timestamp(time.time_ns()))]
    handling = [(21, "1")] if s.is_42 else []
    s.client.send("G", [(11, s.id(name)), (37, s.order_id), *handling, *terms, *more])


@pytest.mark.scenario("C house 3", "a replace that names the order by OrderID(37) alone")
async def test_c_by_order_id(s: Scenario) -> None:
    """It is for the order as last accepted, so it cannot follow a replace that is pending."""
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    by_order_id(s, "Z", (111, "100"))
    refusal = await s.refused("Z,X", "New", "99", replace=True)
    assert refusal[58].startswith("UNSUPPORTED_FIELD tag=111 ")
    await s.holds("order.cancel")
    by_order_id(s, "Y")
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 0, 10_000)
    await s.until_held("order.cancel")
    by_order_id(s, "Z")
    await s.refused("Z,X", "PendingReplace", "3", replace=True)
    await s.releases("order.cancel")
    await s.sees("Y,X", "Replaced/New", 12_000, 0, 12_000)
    await s.agrees()
