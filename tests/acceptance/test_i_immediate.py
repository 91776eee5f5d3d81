"""Matrices I: fill-or-kill and immediate-or-cancel.

What is left over is Canceled, as in the matrices, or Expired on sessions that are configured so.
"""

import pytest

from tests.acceptance.scenario import Scenario


@pytest.mark.scenario("I.1.a", "fill-or-kill that cannot fill")
async def test_i_1_a(s: Scenario) -> None:
    s.order("X", 10_000, tif="FOK")
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.does("expire")
    await s.sees("X", "Canceled/Canceled", 10_000, 0, 0)
    await s.agrees()


@pytest.mark.scenario("I.1.a", "same, killed by the exchange's own matching")
async def test_i_1_a_matched(s: Scenario) -> None:
    s.order("X", 10, tif="FOK", symbol="ETHUSDT", price="2000")
    await s.sees("X", "New/New", 10, 0, 10)
    await s.sees("X", "Canceled/Canceled", 10, 0, 0)
    await s.agrees()


@pytest.mark.scenario("I.1.a", "same, on a session that wants Expired")
async def test_i_1_a_expired(explicit: Scenario) -> None:
    s = explicit
    s.order("X", 10_000, tif="FOK")
    await s.sees("X", "PendingNew/PendingNew", 10_000, 0, 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.does("expire")
    await s.sees("X", "Expired/Expired", 10_000, 0, 0)
    await s.agrees()


@pytest.mark.scenario("I.1.b", "immediate-or-cancel that finds nothing")
async def test_i_1_b(s: Scenario) -> None:
    s.order("X", 10, tif="IOC", symbol="ETHUSDT", price="2000")
    await s.sees("X", "New/New", 10, 0, 10)
    await s.sees("X", "Canceled/Canceled", 10, 0, 0)
    await s.agrees()


@pytest.mark.scenario("I.1.b", "immediate-or-cancel filled in part, the rest canceled")
async def test_i_1_b_partly(s: Scenario) -> None:
    s.order("X", 10_000, tif="IOC")
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    await s.does("expire")
    await s.sees("X", "Canceled/Canceled", 10_000, 1_000, 0)
    await s.agrees()


@pytest.mark.scenario("I.1.b", "same, on a session that wants Expired")
async def test_i_1_b_expired(explicit: Scenario) -> None:
    s = explicit
    s.order("X", 10_000, tif="IOC")
    await s.sees("X", "PendingNew/PendingNew", 10_000, 0, 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    await s.does("expire")
    await s.sees("X", "Expired/Expired", 10_000, 1_000, 0)
    await s.agrees()
