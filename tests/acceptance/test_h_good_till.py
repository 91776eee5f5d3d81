"""Matrices H: orders that stay longer than a day.

The simulated exchange knows no days, so done for the day and the renewal of the next morning are put into its mouth;
everything else happens at the exchange.
"""

import pytest

from gateway.domain import venue_reports as v
from tests.acceptance.scenario import Scenario

GT_RENEWAL = "1"  # ExecRestatementReason(378)


async def _first_day(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(2_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 2_000, 8_000, 2_000)
    await s.venue_says(v.VenueDoneForDay)
    await s.sees("X", "DoneForDay/DoneForDay", 10_000, 2_000, 8_000)  # of a day order nothing would be left
    await s.venue_says(v.VenueRestated, reason=GT_RENEWAL)
    await s.sees("X", "Restated/PartiallyFilled", 10_000, 2_000, 8_000, tags={378: GT_RENEWAL})


@pytest.mark.scenario("H.1.a", "GTC part-filled, restated the next day, part-filled again")
async def test_h_1_a(injected: Scenario) -> None:
    s = injected
    await _first_day(s)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 3_000, 7_000, 1_000)
    await s.agrees()


@pytest.mark.scenario("H.1.a", "same, by an exchange that does not restate")
async def test_h_1_a_not_restated(injected: Scenario) -> None:
    s = injected
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.venue_says(v.VenueDoneForDay)
    await s.sees("X", "DoneForDay/DoneForDay", 10_000, 0, 10_000)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    await s.agrees()


@pytest.mark.scenario("H.1.b", "GTC with a stock split")
async def test_h_1_b(injected: Scenario) -> None:
    """Of a restatement the gateway passes on quantity and price, and never the executed quantity."""
    s = injected
    s.not_applicable = "spot assets are not split; a restatement never changes CumQty, which would need new trades"
    await _first_day(s)
    await s.venue_says(v.VenueRestated, reason="0", qty="20000", price="25")
    await s.sees("X", "Restated/PartiallyFilled", 20_000, 2_000, 18_000, tags={378: "0", 44: "25"})
    await s.agrees(exchange=False)


@pytest.mark.scenario("H.1.c", "GTC restated, canceled the next day")
async def test_h_1_c(injected: Scenario) -> None:
    s = injected
    await _first_day(s)
    s.cancel("Y,X")
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 2_000, 8_000)
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 2_000, 0)
    await s.agrees()


@pytest.mark.scenario("H.1.d", "GTC restated, replaced up the next day")
async def test_h_1_d(injected: Scenario) -> None:
    s = injected
    await _first_day(s)
    await s.holds("order.cancel")
    s.replace("Y,X", 15_000)
    await s.sees("Y,X", "PendingReplace/PendingReplace", 10_000, 2_000, 8_000)
    await s.until_held("order.cancel")
    await s.fills(1_000)
    await s.sees("X", "Trade/PendingReplace", 10_000, 3_000, 7_000, 1_000)
    await s.releases("order.cancel")
    await s.sees("Y,X", "Replaced/PartiallyFilled", 15_000, 3_000, 12_000)
    await s.agrees()
