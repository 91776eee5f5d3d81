"""What is only kept fresh leaves the venue's rate budget to what cannot wait."""

import asyncio
from types import SimpleNamespace

import pytest

from gateway.venues.binance import upkeep
from gateway.venues.binance.clock import VenueClock
from gateway.venues.binance.environments import Environment
from gateway.venues.binance.filters import RateLimit
from gateway.venues.binance.limits import Limits
from gateway.venues.binance.rest import NotSentError, RestClient
from gateway.venues.binance.settings import BinanceSettings
from gateway.venues.binance.upkeep import Upkeep
from tests.fixtures.fake_venues import Heard

MINUTE = 60_000
BEGIN = 1_000 * MINUTE


class Clockwork:
    """Time that passes when somebody sleeps, and when it was that something was asked over REST."""

    def __init__(self) -> None:
        self.now_ms = BEGIN + 10_000
        self.asked: list[int] = []
        self.limits = Limits(cancel_reserve=0.2)
        self.limits.learn([RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 100, 0)])
        settings = BinanceSettings(environment=Environment.SIM, clock_refresh_s=1, instruments_refresh_s=1)
        clock = VenueClock(lambda: self.now_ms * 1_000_000)
        self.upkeep = Upkeep("main", settings, Heard(), clock, self.limits, self.rest)

    async def sleep(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1_000)
        await asyncio.sleep(0)

    def rest(self) -> RestClient:
        self.asked.append(self.now_ms)
        raise NotSentError("not connected")


@pytest.mark.parametrize(("used", "asked_at"), [(10, 11_000), (68, MINUTE), (100, MINUTE + 100)])
@pytest.mark.parametrize("keep", ["keep_clock", "keep_instruments"])
async def test_what_is_kept_fresh_waits_for_a_minute_with_room(
    keep: str, used: int, asked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Clockwork()
    monkeypatch.setattr(upkeep, "asyncio", SimpleNamespace(sleep=work.sleep))
    work.limits.spend(work.now_ms, used)
    task = asyncio.create_task(getattr(work.upkeep, keep)())
    async with asyncio.timeout(30):
        while not work.asked:  # noqa: ASYNC110 - time that passes by itself has no event
            await asyncio.sleep(0)
    task.cancel()
    assert work.asked[0] == BEGIN + asked_at


@pytest.mark.parametrize(("used", "asked_at"), [(68, 10_000), (99, 10_000), (100, MINUTE + 100)])
async def test_a_clock_that_the_venue_refused_waits_no_longer_than_a_cancel(
    used: int, asked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Clockwork()
    monkeypatch.setattr(upkeep, "asyncio", SimpleNamespace(sleep=work.sleep))
    work.limits.spend(work.now_ms, used)
    await work.upkeep.measure_clock()
    assert work.asked == [BEGIN + asked_at]
