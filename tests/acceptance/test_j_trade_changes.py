"""Matrices J: executions corrected and taken back.

A spot exchange does neither, so these words are put into its mouth; executions themselves are made at the exchange.
ExecRefID(19) names the execution's last ExecID(17), so a correction's own once there was one.
"""

import pytest

from gateway.domain import venue_reports as v
from tests.acceptance.scenario import Scenario


@pytest.mark.scenario("J.1.a", "filled order, executions corrected and canceled")
async def test_j_1_a(injected: Scenario) -> None:
    s = injected
    s.order("X", 10_000, price="120")
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    first = await s.fills(1_000, price="100")
    c = await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000, avg_px="100")
    second = await s.fills(9_000, price="110")
    d = await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 9_000, avg_px="109")
    await s.venue_says(v.VenueTradeBusted, trade_id=first)
    busted = await s.sees(
        "X", "TradeCancel/PartiallyFilled", 10_000, 9_000, 1_000, 0, avg_px="110", tags={19: c[17], 31: "0"}
    )
    assert busted[37] == d[37]
    await s.venue_says(v.VenueTradeCorrected, trade_id=second, last_qty="9000", last_px="100")
    f = await s.sees(
        "X", "TradeCorrect/PartiallyFilled", 10_000, 9_000, 1_000, 9_000, avg_px="100", tags={19: d[17], 31: "100"}
    )
    await s.venue_says(v.VenueTraded, trade_id="G-late", last_qty="1000", last_px="120")
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 1_000, avg_px="102")
    await s.venue_says(v.VenueTradeCorrected, trade_id=second, last_qty="9000", last_px="120")
    await s.sees("X", "TradeCorrect/Filled", 10_000, 10_000, 0, 9_000, avg_px="120", tags={19: f[17], 31: "120"})
    s.replace("Y,X", 12_000, price="120")  # the matrix goes on with a replace up, which a filled order cannot have here
    await s.refused("Y,X", "Filled", "0", replace=True)
    await s.agrees(exchange=False)


@pytest.mark.scenario("J.1.b", "canceled order, execution busted, then a new execution")
async def test_j_1_b(injected: Scenario) -> None:
    """In 4.2's own matrix (D35) the last two rows carry Y; here the order keeps X, as 4.4 has it."""
    s = injected
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    trade = await s.fills(5_000)
    b = await s.sees("X", "Trade/PartiallyFilled", 10_000, 5_000, 5_000, 5_000, avg_px="50")
    s.cancel("Y,X")
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 5_000, 5_000)
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 5_000, 0)
    await s.venue_says(v.VenueTradeBusted, trade_id=trade)
    await s.sees("X", "TradeCancel/Canceled", 10_000, 0, 0, 0, avg_px="0", tags={19: b[17]})
    await s.venue_says(v.VenueTraded, trade_id="F-late", last_qty="4000", last_px="51")
    await s.sees("X", "Trade/Canceled", 10_000, 4_000, 0, 4_000, avg_px="51")
    await s.agrees(exchange=False)


@pytest.mark.scenario("J.1.c", "GTC over two days, executions of both corrected")
async def test_j_1_c(injected: Scenario) -> None:
    s = injected
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    yesterday = await s.fills(2_000)
    b = await s.sees("X", "Trade/PartiallyFilled", 10_000, 2_000, 8_000, 2_000)
    await s.venue_says(v.VenueDoneForDay)
    await s.sees("X", "DoneForDay/DoneForDay", 10_000, 2_000, 8_000)
    await s.venue_says(v.VenueRestated, reason="1")
    await s.sees("X", "Restated/PartiallyFilled", 10_000, 2_000, 8_000, tags={378: "1"})
    today = await s.fills(1_000)
    e = await s.sees("X", "Trade/PartiallyFilled", 10_000, 3_000, 7_000, 1_000)
    await s.venue_says(v.VenueTradeCorrected, trade_id=yesterday, last_qty="1500", last_px="50")
    await s.sees("X", "TradeCorrect/PartiallyFilled", 10_000, 2_500, 7_500, 1_500, tags={19: b[17]})
    await s.venue_says(v.VenueTradeCorrected, trade_id=today, last_qty="500", last_px="50")
    await s.sees("X", "TradeCorrect/PartiallyFilled", 10_000, 2_000, 8_000, 500, tags={19: e[17]})
    await s.agrees(exchange=False)


@pytest.mark.scenario("J.1.d", "part-filled and done for the day, then a correction and a bust")
async def test_j_1_d(injected: Scenario) -> None:
    s = injected
    s.order("X", 10_000, tif="DAY")
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    trade = await s.fills(5_000)
    b = await s.sees("X", "Trade/PartiallyFilled", 10_000, 5_000, 5_000, 5_000)
    await s.venue_says(v.VenueDoneForDay)
    await s.sees("X", "DoneForDay/DoneForDay", 10_000, 5_000, 0)
    await s.venue_says(v.VenueTradeCorrected, trade_id=trade, last_qty="4000", last_px="50")
    d = await s.sees("X", "TradeCorrect/DoneForDay", 10_000, 4_000, 0, 4_000, tags={19: b[17]})
    await s.venue_says(v.VenueTradeBusted, trade_id=trade)
    await s.sees("X", "TradeCancel/DoneForDay", 10_000, 0, 0, 0, tags={19: d[17]})
    await s.venue_says(v.VenueTradeBusted, trade_id=trade)  # said again, it changes nothing
    await s.agrees(exchange=False)


@pytest.mark.scenario("J house 1", "an order that is open again by a bust is canceled without the exchange")
async def test_j_open_again(injected: Scenario) -> None:
    s = injected
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    trade = await s.fills(10_000)
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 10_000)
    await s.venue_says(v.VenueTradeBusted, trade_id=trade)
    await s.sees("X", "TradeCancel/New", 10_000, 0, 10_000, 0)
    s.cancel("Y,X")
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 0, 10_000)
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 0, 0)
    await s.agrees(exchange=False)
