"""What the database still needs cannot be taken out of the configuration."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.processes import KEYS, ROOT, Exchange, Gateway, wait_until

REMOVALS = {
    "session": ('target_comp_id = "DESK"', 'target_comp_id = "DESK2"'),
    "account": ("TRADING", "RENAMED"),
    "venue account": ('"main"', '"second"'),
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("left")


@pytest.fixture(scope="module")
def config(directory: Path) -> str:
    """Of a gateway that has stopped with an open order, and a report of it that the client has not seen."""
    exchange = Exchange(directory).start()
    gateway = Gateway(directory, exchange.url).start()
    try:
        asyncio.run(leave_something(exchange, gateway))
    finally:
        gateway.stop()
        exchange.stop()
    return (directory / "gateway.toml").read_text()


async def leave_something(exchange: Exchange, gateway: Gateway) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    client = gateway.client()
    await client.connect()
    cl_ord_id = client.new_order("BTCUSDT", "buy", "2", price="30000", time_in_force="gtc")
    await client.expect("8", {11: cl_ord_id, 150: "0", 39: "0"})
    await client.logout()
    await exchange.control("fill", clientOrderId="test-O1-1", qty="0.5")
    await asyncio.to_thread(wait_until, lambda: "OrderFilled" in gateway.log(), "the fill is recorded")


@pytest.mark.parametrize("what", REMOVALS)
def test_what_has_open_orders_cannot_be_removed(config: str, directory: Path, what: str) -> None:
    old, new = REMOVALS[what]
    path = directory / "changed.toml"
    path.write_text(config.replace(old, new))
    started = subprocess.run(
        [sys.executable, "-m", "gateway", "engine", "--config", str(path)],
        cwd=directory,
        env={**os.environ, **KEYS, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 2, started.stderr
    name = {"session": "FIX.4.4:FIXGW->DESK", "account": "TRADING", "venue account": "main"}[what]
    assert f"{what} {name} has 1 open or unknown order" in started.stderr
    unsent = "session FIX.4.4:FIXGW->DESK has 1 unsent report"
    assert (unsent in started.stderr) == (what == "session")
