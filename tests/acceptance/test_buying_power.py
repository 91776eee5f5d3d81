"""BUYING_POWER by the exchange's own balances: through fills, a lost connection and a killed engine."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.scenario import Scenario
from tests.fixtures.processes import Exchange, Gateway

ACCOUNTS = """
[[account]]
name = "main"
api_key = "sim-main-key"
secret = "sim-main-secret"
balances = { USDT = "1000", LTC = "5" }
"""
LIMITS = """
[[limits]]
buying_power = "venue"
"""


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    accounts = tmp_path / "accounts.toml"
    accounts.write_text(ACCOUNTS)
    process = Exchange(tmp_path, options=("--accounts", str(accounts))).start()
    yield process
    process.stop()


class Orders(Scenario):
    """A client whose orders are accepted or denied."""

    count = 0

    async def told(self, side: str, qty: str, account: str = "TRADING", price: str = "50") -> str:
        """Text(58) of a denial, or ExecType(150)."""
        self.count += 1
        terms: Any = {"side": side, "symbol": "LTCUSDT", "time_in_force": "GTC", "account": account}
        name = self.id(f"N{self.count}")
        self.client.new_order(cl_ord_id=name, order_qty=qty, price=price, **terms)
        while (report := await self.next())[11] != name:
            assert report.get(97) == "Y"  # after a crash
        return report[58] if report[150] == "8" else report[150]

    async def until_told(self, expected: str, side: str, qty: str) -> None:
        """The balances come on a channel of their own: a denial may be of a moment before."""
        deadline = time.monotonic() + 20
        while (said := await self.told(side, qty)) != expected:
            assert time.monotonic() < deadline, said
            await asyncio.sleep(0.05)


async def test_no_more_is_bound_than_the_exchange_says_is_there(exchange: Exchange, tmp_path: Path) -> None:
    await exchange.control("mode", symbol="LTCUSDT", mode="manual")
    gateway = Gateway(tmp_path, exchange.url, more=LIMITS, sessions={"DESK": ("FIX.4.4", "")}).start()
    try:
        s = Orders(gateway.client("DESK"), exchange, gateway)
        await s.client.connect()
        assert await s.told("buy", "15") == "0"
        denied = "BUYING_POWER limit=venue needs=250.05 available=250 asset=USDT scope=firm"
        assert await s.told("buy", "5.001", "OTHER") == denied
        assert await s.told("sell", "5.001") == (
            "BUYING_POWER limit=venue needs=5.001 available=5 asset=LTC scope=firm"
        )
        await exchange.control("fill", clientOrderId="test-O1-1", qty="15")
        assert (await s.next())[150] == "F"
        await s.until_told("0", "sell", "19.985")  # 15 less a fee of 0.1 percent, and 5
        sold = f"test-O{s.count}-1"
        assert (await s.told("sell", "0.1")).startswith("BUYING_POWER limit=venue needs=0.1 available=0 asset=LTC")
        assert await s.told("buy", "5.001") == denied
        seen = len(gateway.log())
        await exchange.control("drop_connections")
        await s.until_logged("available=False", seen)
        await s.until_logged("reconciled account=main", gateway.log().index("available=False", seen))
        assert await s.told("buy", "5.001") == denied
        seen = len(gateway.log())
        s.client.abort()
        gateway.kill_engine()
        await s.until_logged("reconciled account=main", seen)
        await s.client.connect()
        await s.until_told(denied, "buy", "5.001")
        assert (await s.told("sell", "0.1")).startswith("BUYING_POWER limit=venue needs=0.1 available=0 asset=LTC")
        await exchange.control("fill", clientOrderId=sold, qty="19.985")
        assert (await s.next())[150] == "F"
        await s.until_told("0", "buy", "24.9")
        code, out, _ = await gateway.fixgw("explain", f"O{s.count}")
        assert code == 0
        assert "asset=USDT px=50 free=1248.25075 " in out
        assert "derived again from these figures: the same" in out
    finally:
        gateway.stop()
