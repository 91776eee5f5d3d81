"""Matrices F: the same order twice."""

import pytest

from tests.acceptance.scenario import Scenario

POSS_RESEND = [(97, "Y")]


@pytest.mark.scenario("F.1.a", "order rejected for its duplicate ClOrdID")
async def test_f_1_a(s: Scenario) -> None:
    """A reject of the second order, with the status of the first, which goes on."""
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    s.order("X", 15_000, price="49")
    report = await s.sees("X", "Rejected/PartiallyFilled", 10_000, 1_000, 9_000, tags={103: "6", 44: "50"})
    assert report[58].startswith("DUPLICATE_CL_ORD_ID ")
    await s.fills(9_000)
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 9_000)
    s.order("X", 15_000)  # nor is it free again the same day
    await s.sees("X", "Rejected/Filled", 10_000, 10_000, 0, tags={103: "6"})
    await s.agrees()


@pytest.mark.scenario("F.1.a", "the duplicate has a field that cannot be read")
async def test_f_1_a_unreadable(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    s.order("X", 15_000, extra=[(152, "1000")])
    await s.sees("X", "Rejected/New", 10_000, 0, 10_000)
    await s.agrees()


@pytest.mark.scenario("F.1.a", "a request under the ClOrdID of an order")
async def test_f_1_a_request(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    s.cancel("X,X")
    await s.refused("X,X", "New", "6")
    s.replace("X,X", 9_000)
    await s.refused("X,X", "New", "6", replace=True)
    await s.agrees()


@pytest.mark.scenario("F.1.b", "PossResend and duplicate ClOrdID")
async def test_f_1_b(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    s.order("X", 10_000, extra=POSS_RESEND)
    await s.sees("X", "OrderStatus/New", 10_000, 0, 10_000)
    s.order("X", 20_000)
    await s.sees("X", "Rejected/New", 10_000, 0, 10_000, tags={103: "6"})
    await s.agrees()


@pytest.mark.scenario("F.1.b", "PossResend of an order that never came")
async def test_f_1_b_new(s: Scenario) -> None:
    s.order("X", 15_000, extra=POSS_RESEND)
    await s.sees("X", "New/New", 15_000, 0, 15_000)
    await s.agrees()


@pytest.mark.scenario("F.1.b", "PossResend of requests that were acted on")
async def test_f_1_b_requests(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    s.replace("Y,X", 9_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 0, 10_000)
    await s.sees("Y,X", "Replaced/New", 9_000, 0, 9_000)
    s.replace("Y,X", 9_000, extra=POSS_RESEND)
    await s.sees("Y", "OrderStatus/New", 9_000, 0, 9_000)
    s.cancel("Z,Y")
    await s.sees("Z,Y", "PendingCancel/PendingCancel", 9_000, 0, 9_000)
    await s.sees("Z,Y", "Canceled/Canceled", 9_000, 0, 0)
    s.cancel("Z,Y", extra=POSS_RESEND)
    await s.sees("Y", "OrderStatus/Canceled", 9_000, 0, 0)
    await s.agrees()


@pytest.mark.scenario("F.1.c", "order already given verbally")
async def test_f_1_c(s: Scenario) -> None:
    s.not_applicable = "no orders are taken verbally, so OrdRejReason 7 cannot arise; a late order is an order"
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.agrees()
