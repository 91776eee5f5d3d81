"""Clients whose clock is off: the session engine hangs up on their Logon without a word, so the front says why."""

import time

import pytest

from gateway.client.message import utc_timestamp
from gateway.front import FrontSettings
from gateway.front.sending_time import off_by
from tests.unit.front.support import Engine, connect, fix, is_closed, log_on, running, until

_SECOND = 10**9
_NOON = 1_769_860_800 * _SECOND


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("20260131-11:50:00.000", "600 s behind our clock, and 120 s are taken"),
        ("20260131-12:02:01", "121 s ahead of our clock"),
        ("20260131-12:02:00.000", ""),
        ("20260131-11:58:00", ""),
        ("noon", ""),
        ("", ""),
    ],
)
def test_a_clock_is_off_by_more_than_is_taken(text: str, says: str) -> None:
    found = off_by(text, _NOON)
    assert says in found
    assert bool(says) == bool(found)


async def test_it_is_told_why_the_engine_hangs_up(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    old = utc_timestamp(time.time_ns() - 600 * _SECOND)
    async with running(settings) as front:
        reader, writer = await connect(front)
        writer.write(fix("A", (52, old), (98, "0"), (108, "30")))
        _, engine_writer = await engine.connection()
        engine_writer.close()
        assert await is_closed(reader)
        told = "the engine closed the connection: its SendingTime(52) is 60"
        await until(lambda: any(told in line and "behind our clock" in line for line in log))
        side = await log_on(front, engine)
        side.engine_writer.close()
        assert await is_closed(side.reader)
        await until(lambda: any("closed the connection connection=2" in line for line in log))
