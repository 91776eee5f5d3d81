"""Day and good-till-date orders end by the gateway's clock, once the exchange has confirmed their cancel."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.client.message import utc_timestamp
from tests.acceptance.conftest import DIALECTS, SESSIONS
from tests.acceptance.scenario import SYMBOL, Scenario
from tests.fixtures.processes import Exchange, Gateway


def _soon(seconds: float) -> str:
    return utc_timestamp(time.time_ns() + int(seconds * 1e9))


async def _ends(s: Scenario) -> None:
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.holds("order.cancel")
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    await s.until_held("order.cancel")  # its time is over, and that is not the client's business yet
    await s.fills(2_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 3_000, 7_000, 2_000)
    await s.releases("order.cancel")
    await s.sees("X", "Expired/Expired", 10_000, 3_000, 0)
    await s.agrees()


async def test_good_till_date(s: Scenario) -> None:
    s.order("X", 10_000, tif="GTD", expire_time=_soon(1))
    await _ends(s)


async def test_expires_after_the_exchange_refused_the_cancel(s: Scenario) -> None:
    await s.exchange.control("reject", op="order.cancel", code=-2011, msg="Order was not canceled due to restrictions.")
    s.order("X", 10_000, tif="GTD", expire_time=_soon(0.5))
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.sees("X", "Expired/Expired", 10_000, 0, 0)
    await s.agrees()


async def test_fills_before_its_time_is_over_at_the_exchange(s: Scenario) -> None:
    await s.holds("order.cancel")
    s.order("X", 10_000, tif="GTD", expire_time=_soon(0.5))
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.until_held("order.cancel")
    await s.fills(10_000)
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 10_000)
    await s.releases("order.cancel")
    await s.agrees()


async def test_client_cancels_what_is_expiring(s: Scenario) -> None:
    await s.holds("order.cancel")
    s.order("X", 10_000, tif="GTD", expire_time=_soon(0.5))
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    await s.until_held("order.cancel")
    s.cancel("Y,X")
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 0, 10_000)
    await s.releases("order.cancel")
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 0, 0)
    await s.agrees()


@pytest.fixture
async def at_day_end(exchange: Exchange, tmp_path: Path) -> AsyncIterator[list[Scenario]]:
    """A scenario in each dialect, on a gateway whose day ends soon after it started."""
    day_end = time.strftime("%H:%M:%S", time.gmtime(time.time() + 10))
    gateway = Gateway(tmp_path, exchange.url, sessions=SESSIONS, engine=f'day_end = "{day_end}"')
    gateway.start()
    await exchange.control("mode", symbol=SYMBOL, mode="manual")
    scenarios = [Scenario(gateway.client(comp_id), exchange, gateway) for comp_id in DIALECTS]
    for scenario in scenarios:
        await scenario.client.connect()
    yield scenarios
    for scenario in scenarios:
        await scenario.client.logout()
    gateway.stop()


async def test_day_orders_end_with_the_day(at_day_end: list[Scenario]) -> None:
    for s in at_day_end:
        s.order("X", 10_000, tif="DAY")
        await s.sees("X", "New/New", 10_000, 0, 10_000, tags={59: "0"})
        await s.fills(1_000)
        await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    for s in at_day_end:
        await s.sees("X", "Expired/Expired", 10_000, 1_000, 0, within=30)
        await s.agrees()
