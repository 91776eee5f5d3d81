"""Collars and exposure by the exchange's own best prices, over the socket."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.scenario import Scenario
from tests.fixtures.processes import Exchange, Gateway

LIMITS = """
price_collar = "5%"
max_order_notional = "1100"
max_gross_exposure = "2000"
"""


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    process = Exchange(tmp_path, maker=True).start()
    yield process
    process.stop()


async def test_orders_are_measured_by_the_market(exchange: Exchange, tmp_path: Path) -> None:
    venue = 'reference_symbols = ["LTCUSDT"]\nreference_refresh_s = 0.5'
    gateway = Gateway(tmp_path, exchange.url, limits=LIMITS, venue=venue, sessions={"DESK": ("FIX.4.4", "")}).start()
    try:
        s = Scenario(gateway.client("DESK"), exchange, gateway)
        await s.client.connect()

        async def told(name: str, qty: str, price: str | None, symbol: str = "LTCUSDT", side: str = "buy") -> str:
            kind: Any = {"ord_type": "market"} if price is None else {}
            s.client.new_order(
                cl_ord_id=s.id(name), side=side, symbol=symbol, order_qty=qty, price=price, time_in_force="GTC", **kind
            )
            report = await s.next()
            return report[58] if report[150] == "8" else report[150]

        deadline, number = time.monotonic() + 20, 0
        while (said := await told(f"wait-{number}", "1", "1000")).startswith("NO_REFERENCE_PRICE "):
            assert time.monotonic() < deadline
            number += 1
            await asyncio.sleep(0.05)
        assert said.startswith("PRICE_COLLAR limit=5% price=1000 reference=")
        reference = float(said.partition("reference=")[2].split()[0])
        assert 90 < reference < 110
        assert (await told("B", "1", "50", side="sell")).startswith("PRICE_COLLAR limit=5% price=50 reference=")
        assert (await told("C", "11", None)).startswith("MAX_ORDER_NOTIONAL limit=1100 order=11")
        assert (await told("D", "0.01", "20000", "BTCUSDT")).startswith("NO_REFERENCE_PRICE price_collar=5% ")
        seen = len(gateway.log())
        await exchange.control("drop_connections")
        for text in ("VENUE_PRICES_LOST", "available=False", "available=True"):
            await s.until_logged(text, seen)
        assert await told("E", "10", "90") == "0"
        assert (await told("F", "10.9", "90")).startswith("MAX_GROSS_EXPOSURE limit=2000 worst=20")
        assert await told("G", "5", "90") == "0"
        await s.client.logout()
    finally:
        gateway.stop()
