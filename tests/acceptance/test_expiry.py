"""Day and good-till-date orders end by the gateway's clock, once the exchange has confirmed their cancel."""

import time
from pathlib import Path

import pytest

from gateway.client.message import utc_timestamp
from tests.acceptance.conftest import DIALECTS, SESSIONS
from tests.acceptance.scenario import DEADLINE_S, SYMBOL, Scenario
from tests.fixtures.processes import Exchange, Gateway


def _soon(seconds: float) -> str:
    return utc_timestamp(time.time_ns() + int(seconds * 1e9))


async def _rests_a_moment(s: Scenario) -> None:
    """A good-till-date order that rests. Its time may be over before it is there: then another gets more."""
    for seconds in (0.5, 5, 20):
        s.order("X", 10_000, tif="GTD", expire_time=_soon(seconds))
        if (await s.until_row()).ord_status != "8":
            break
        assert (await s.next())[58].startswith("EXPIRE_TIME_PASSED")
        s.forget()
    await s.sees("X", "New/New", 10_000, 0, 10_000)


async def test_good_till_date(s: Scenario) -> None:
    await s.holds("order.cancel")
    await _rests_a_moment(s)
    await s.fills(1_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 1_000, 9_000, 1_000)
    await s.until_held("order.cancel")  # its time is over, and that is not the client's business yet
    await s.fills(2_000)
    await s.sees("X", "Trade/PartiallyFilled", 10_000, 3_000, 7_000, 2_000)
    await s.releases("order.cancel")
    await s.sees("X", "Expired/Expired", 10_000, 3_000, 0)
    await s.agrees()


async def test_expires_after_the_exchange_refused_the_cancel(s: Scenario) -> None:
    await s.exchange.control("reject", op="order.cancel", code=-2011, msg="Order was not canceled due to restrictions.")
    await _rests_a_moment(s)
    await s.sees("X", "Expired/Expired", 10_000, 0, 0)
    await s.agrees()


async def test_fills_before_its_time_is_over_at_the_exchange(s: Scenario) -> None:
    await s.holds("order.cancel")
    await _rests_a_moment(s)
    await s.until_held("order.cancel")
    await s.fills(10_000)
    await s.sees("X", "Trade/Filled", 10_000, 10_000, 0, 10_000)
    await s.releases("order.cancel")
    await s.agrees()


async def test_client_cancels_what_is_expiring(s: Scenario) -> None:
    await s.holds("order.cancel")
    await _rests_a_moment(s)
    await s.until_held("order.cancel")
    s.cancel("Y,X")
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 0, 10_000)
    await s.releases("order.cancel")
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 0, 0)
    await s.agrees()


async def test_day_orders_end_with_the_day(exchange: Exchange, tmp_path: Path) -> None:
    await exchange.control("mode", symbol=SYMBOL, mode="manual")
    for seconds in (6, 25, 60):  # a busy machine may take longer to get there
        directory = tmp_path / str(seconds)
        directory.mkdir()
        end = time.time() + seconds
        day_end = time.strftime("%H:%M:%S", time.gmtime(end))
        gateway = Gateway(directory, exchange.url, sessions=SESSIONS, engine=f'day_end = "{day_end}"')
        gateway.start()
        try:
            if await _ends_with_the_day(gateway, exchange, end - 1):  # to the second
                return
        finally:
            gateway.stop()
            await exchange.control("reset")
    pytest.fail("the gateway was never up before its day ended")


async def _ends_with_the_day(gateway: Gateway, exchange: Exchange, end: float) -> bool:
    """Whether there was time to see it; asserts what must be seen then."""
    scenarios = [Scenario(gateway.client(comp_id), exchange, gateway) for comp_id in DIALECTS]
    for s in scenarios:
        await s.client.connect()
        s.order("X", 10_000, tif="DAY")
        accepted = await s.next()
        assert (accepted[150], accepted[59]) == ("0", "0")
        s.order_id = accepted[37]
    if time.time() > end:
        return False
    for s in scenarios:
        await s.sees("X", "Expired/Expired", 10_000, 0, 0, within=DEADLINE_S + max(0.0, end - time.time()))
        await s.agrees()
        s.order("X", 10_000)  # order systems start their counters anew each day
        again = await s.next()
        assert (again[150], again[39]) == ("0", "0"), again
        assert again[37] != s.order_id
        await s.client.logout()
    return True
