"""`fixgw sim` as a process of its own."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.fixtures.processes import Exchange
from tests.unit.sim_support import hmac_hex

DEADLINE = 30.0


async def start(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from gateway.cli.main import app; app()",
        "sim",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
async def test_says_where_it_listens_and_stops_cleanly(tmp_path: Path, ending: signal.Signals) -> None:
    ready = tmp_path / "ready.json"
    process = await start("--port", "0", "--ready-file", str(ready), "--seed", "5", "--maker-interval-ms", "20")
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), DEADLINE)).decode()
        async with asyncio.timeout(DEADLINE):
            while not ready.exists():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"
        assert url in line
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}/ws/btcusdt@bookTicker") as stream:
            prices: set[str] = set()
            async with asyncio.timeout(DEADLINE):
                while len(prices) < 2:  # the market maker moves
                    prices.add((await stream.receive_json())["b"])
            process.send_signal(ending)
            assert await asyncio.wait_for(process.wait(), DEADLINE) == 0
    finally:
        if process.returncode is None:
            process.kill()
    assert process.stderr is not None
    assert await process.stderr.read() == b""


async def test_mistakes_end_it_with_a_sentence(tmp_path: Path) -> None:
    missing = await start("--accounts", str(tmp_path / "none.toml"))
    _, text = await asyncio.wait_for(missing.communicate(), DEADLINE)
    assert (missing.returncode, b"none.toml" in text) == (2, True)
    bad = await start("--ed25519", "main")
    _, text = await asyncio.wait_for(bad.communicate(), DEADLINE)
    assert (bad.returncode, b"NAME=FILE" in text) == (2, True)


async def test_a_restart_repeats_no_ids(tmp_path: Path) -> None:
    """A gateway whose database outlives the simulator would otherwise take new trades for old ones."""
    exchange = Exchange(tmp_path)
    seen = []
    for _ in range(2):
        exchange.start()
        await exchange.control("mode", symbol="*", mode="manual")
        async with aiohttp.ClientSession(headers={"X-MBX-APIKEY": "sim-main-key"}) as http:
            order = {"symbol": "LTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 1}
            query = urlencode({**order, "price": 100, "timestamp": time.time_ns() // 1_000_000})
            url = f"{exchange.url}/api/v3/order?{query}&signature={hmac_hex(query, 'sim-main-secret')}"
            async with http.post(url) as answer:
                placed = await answer.json()
        traded = await exchange.control("fill", clientOrderId=placed["clientOrderId"])
        seen.append((placed["orderId"], traded["tradeId"]))
        exchange.stop()
    assert seen[1][0] > seen[0][0] > 2**40
    assert seen[1][1] > seen[0][1] > 2**40
