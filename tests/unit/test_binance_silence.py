"""A stream that mentions no order is given up, each time after twice as long, until one is mentioned in time."""

import asyncio

import pytest

from gateway.venues.binance import silence
from gateway.venues.binance.silence import SilenceWatch

BOUND_S = 0.02


async def given_up(watch: SilenceWatch, said: list[str], name: str) -> str:
    """What is said of an order that is answered, and never mentioned while the stream stands."""
    watch.answered(("BTCUSDT", name))
    async with asyncio.timeout(30):
        while not said:  # noqa: ASYNC110 - what is tested polls, too
            await asyncio.sleep(0.001)
    return said.pop()


async def test_each_stream_has_longer_than_the_last_until_one_is_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "_LONGEST_S", 4 * BOUND_S)
    said: list[str] = []
    watch = SilenceWatch(BOUND_S, said.append)
    running = asyncio.create_task(watch.run())
    for number, (waited, more) in enumerate([("0.02", "0.04"), ("0.04", "0.08"), ("0.08", "0.08")]):
        text = await given_up(watch, said, str(number))
        assert text == (
            f"order {number} (BTCUSDT) was answered {waited} s ago and not mentioned; the next stream has {more} s"
        )
        watch.forget()
        watch.heard(("BTCUSDT", str(number)))  # by the next stream, late: that proves nothing
    watch.heard(("BTCUSDT", "quick"))
    watch.answered(("BTCUSDT", "quick"))
    assert "answered 0.02 s ago" in await given_up(watch, said, "next")
    running.cancel()


async def test_an_answer_that_the_stream_follows_in_time_has_the_next_waited_for_no_longer() -> None:
    said: list[str] = []
    watch = SilenceWatch(0.2, said.append)
    running = asyncio.create_task(watch.run())
    await given_up(watch, said, "first")
    watch.answered(("BTCUSDT", "in time"))
    watch.heard(("BTCUSDT", "in time"))
    assert "answered 0.2 s ago" in await given_up(watch, said, "second")
    running.cancel()
