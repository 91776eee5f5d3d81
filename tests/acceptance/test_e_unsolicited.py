"""Matrices E: changes the client did not ask for."""

import pytest

from gateway.domain import venue_reports as v
from tests.acceptance.scenario import Scenario


@pytest.mark.scenario("E.1.a", "order entered out of band")
async def test_e_1_a(injected: Scenario) -> None:
    s = injected
    s.not_applicable = "orders that are not the gateway's are nobody's on its sessions: no report, no effect"
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    for client_id in ("web_1a2b3c", "test-O999999-1"):
        foreign = {"client_id": client_id, "venue_order_id": "987654321"}
        await s.venue_says(v.VenueAccepted, **foreign)
        await s.venue_says(v.VenueTraded, **foreign, trade_id="77001", last_qty="10", last_px="50")
    await s.agrees()
    alert = await s.until_alert("UNKNOWN_VENUE_ORDER")  # for the one that has our prefix
    assert "test-O999999-1" in alert


@pytest.mark.scenario("E.1.b", "unsolicited cancel of a part-filled order")
async def test_e_1_b(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    await s.does("cancel")
    await s.sees("X", "Canceled/Canceled", 10_000, 1_000, 0)
    await s.agrees()


@pytest.mark.scenario("E.1.c", "unsolicited replacement of a part-filled order")
async def test_e_1_c(injected: Scenario) -> None:
    """The simulated exchange never adds quantity by itself, so the words are put into its mouth."""
    s = injected
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.venue_says(v.VenueRestated, reason="2", qty="11000", text="agreed by telephone")
    report = await s.sees("X", "Restated/New", 11_000, 0, 11_000, tags={378: "2"})
    assert report[58] == "agreed by telephone"
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 11_000, 1_000, 10_000, 1_000)
    await s.venue_says(v.VenueRestated, reason="2", qty="12000")
    await s.sees("X", "Restated/PartiallyFilled", 12_000, 1_000, 11_000, tags={378: "2"})
    await s.agrees(exchange=False)


@pytest.mark.scenario("E.1.d", "unsolicited reduction of the quantity")
async def test_e_1_d(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.does("reduce", qty="9000")
    await s.sees("X", "Restated/New", 9_000, 0, 9_000, tags={378: "5"})
    await s.fills(9_000)
    await s.sees("X", "Trade/Filled", 9_000, 9_000, 0, 9_000)
    await s.agrees()
