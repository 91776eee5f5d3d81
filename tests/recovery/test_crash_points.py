"""The engine dies at each named point in turn; then the client, SQL, the exchange and the messages must agree.

Each point takes a quarter of a minute, since "the exchange does not have it" counts only after that. The suite arms
those after the commit and after the venue's socket was written; FIXGW_CRASH_POINTS=all arms every one.
"""

import asyncio
import os
from pathlib import Path

import pytest

from gateway.engine.crash_points import POINTS, VARIABLE
from tests.fixtures.processes import wait_until
from tests.soak.world import World

# At which pass: late enough that orders, fills, cancels and replaces are under way.
PASSES = {
    "logon_received": 1,
    "received": 30,
    "drained": 60,
    "decided": 61,
    "committed": 62,
    "venue_released": 20,
    "venue_writing": 25,
    "venue_written": 25,
    "venue_answered": 60,
    "sending": 40,
    "leaving": 41,
    "sent": 42,
    "released": 63,
}
OF_A_RESET = {"epoch_committed"}  # see test_numbers_epochs.py
IN_THE_SUITE = ("committed", "venue_written")
ARMED = tuple(PASSES) if os.environ.get("FIXGW_CRASH_POINTS") == "all" else IN_THE_SUITE
SETTLE_TIMEOUT_S = 120.0
"""A client that is stuck is replaced after 20 s (soak/client.py), and starts; meanwhile an order of unknown outcome is
asked for during 11 s, and longer where the connection is lost again.
"""


def test_every_point_has_its_test() -> None:
    assert PASSES.keys() | OF_A_RESET == POINTS


@pytest.mark.parametrize("point", ARMED)
async def test_the_books_agree_after_a_crash(point: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "crashed"
    monkeypatch.setenv(VARIABLE, f"{point}:{PASSES[point]}:{marker}")
    async with World(tmp_path, seed=7, rate=40) as world:
        await asyncio.to_thread(wait_until, marker.exists, f"the engine passes {point}")
        await asyncio.to_thread(
            wait_until, lambda: world.gateway.log().count("engine started") >= 2, "another engine starts"
        )
        await asyncio.sleep(1)  # a second of orders for the new engine, as much as can be
        await world.settle(SETTLE_TIMEOUT_S)
        verdict = await world.finish()
    assert verdict.is_good, verdict
    assert verdict.orders
