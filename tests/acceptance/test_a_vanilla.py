"""Matrices A: orders that fill, and a day order that is done for the day."""

import pytest

from gateway.domain import venue_reports as v
from tests.acceptance.scenario import Scenario


@pytest.mark.scenario("A.1.a", "filled order")
async def test_a_1_a(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000, avg_px="0")
    await s.fills(2_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 2_000, 8_000, 2_000, avg_px="50", tags={31: "50"})
    await s.fills(1_000, price="47")
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 3_000, 7_000, 1_000, avg_px="49")
    await s.fills(7_000, price="49")
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 7_000, avg_px="49")
    await s.agrees()


@pytest.mark.scenario("A.1.a", "filled order, in one execution")
async def test_a_1_a_at_once(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(10_000)
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 10_000, avg_px="50")
    await s.agrees()


@pytest.mark.scenario("A.1.a", "order rejected by the exchange")
async def test_a_1_a_rejected(s: Scenario) -> None:
    await s.exchange.control("reject", op="order.place", code=-2010, msg="Account has insufficient balance.")
    s.order("X", 10_000)
    report = await s.sees("X", "Rejected/Rejected", 10_000, 0, 0, tags={103: "3"})
    assert "-2010" in report[58]
    await s.agrees()


@pytest.mark.scenario("A.1.b", "part-filled day order, done for day")
async def test_a_1_b(injected: Scenario) -> None:
    """The simulated exchange trades around the clock, so its word for the end of the day is put into its mouth."""
    s = injected
    s.order("X", 10_000, tif="DAY")
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(2_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 2_000, 8_000, 2_000)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 3_000, 7_000, 1_000)
    await s.venue_says(v.VenueDoneForDay)
    await s.sees("X", "DoneForDay/DoneForDay", 10_000, 3_000, 0)
    await s.agrees(exchange=False)
