"""A flow of orders that limits with prices and balances, and the exchange's own filters, decide: to be recorded."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from gateway.client import FixClient, FixMessage
from tests.acceptance.scenario import DEADLINE_S
from tests.fixtures.processes import Exchange, Gateway

SYMBOL = "BTCUSDT"
VENUE = f'reference_symbols = ["{SYMBOL}"]\nreference_refresh_s = 0.2\ninstruments_refresh_s = 0.2'
PRICED = {"PRICED": ("FIX.4.4", '[sessions.limits]\nprice_collar = "5%"\nmax_order_notional = 30000')}
LIMITS = """
[[limits]]
account = "OTHER"
buying_power = "venue +0.1%"
max_daily_loss = "100000"
max_gross_exposure = "90000"
max_net_exposure = "80000"
max_open_orders = 8
"""
REFUSED_BY = (
    *("NO_REFERENCE_PRICE", "PRICE_COLLAR", "MAX_ORDER_NOTIONAL", "BUYING_POWER", "MAX_GROSS_EXPOSURE"),
    *("MAX_OPEN_ORDERS", "SYMBOL_NOT_TRADING", "PRICE_TICK"),
)
"""Each refuses at least one of them."""


class _Orders:
    def __init__(self, client: FixClient) -> None:
        self._client = client
        self.refused_by: set[str] = set()
        self.last = ""  # ClOrdID(11)

    async def told(self, qty: str, price: str | None, side: str = "buy", symbol: str = SYMBOL) -> str:
        """ExecType(150) of the first report, or the code of the denial."""
        name = self.last = FixClient.new_cl_ord_id()
        kind: Any = {"ord_type": "market"} if price is None else {"price": price}
        terms: Any = {"side": side, "symbol": symbol, "time_in_force": "GTC", "account": "OTHER"}
        self._client.new_order(cl_ord_id=name, order_qty=qty, **terms, **kind)
        report: FixMessage = await self._client.expect("8", {11: name})
        if report[150] != "8":
            return report[150]
        code = report[58].partition(" ")[0]
        self.refused_by.add(code)
        return code

    async def until(self, ends: Callable[[str], bool], qty: str, price: str, side: str = "buy") -> None:
        """What the venue says of prices and symbols comes on a channel of its own."""
        deadline = time.monotonic() + DEADLINE_S
        while not ends(said := await self.told(qty, price, side)):
            assert time.monotonic() < deadline, said
            await asyncio.sleep(0.05)


async def record_limits(exchange: Exchange, gateway: Gateway) -> None:
    """Without a price, too far from it, beyond what is there, and while the symbol does not trade."""
    async with gateway.client("PRICED") as client:
        orders = _Orders(client)
        assert await orders.told("1", "3000", symbol="ETHUSDT") == "NO_REFERENCE_PRICE"
        await orders.until(lambda said: said == "PRICE_COLLAR", "0.1", "90000")
        assert await orders.told("0.3", None) == "0"  # bought at once
        assert await orders.told("0.2", "58000") == "0"
        client.replace(orders.last, order_qty="0.2", price="90000", symbol=SYMBOL, side="buy")
        assert (await client.expect("9"))[58].startswith("PRICE_COLLAR ")
        assert await orders.told("0.2", "58000.001") == "PRICE_TICK"
        assert await orders.told("0.6", None) == "MAX_ORDER_NOTIONAL"
        await exchange.control("symbol", symbol=SYMBOL, status="BREAK")
        await orders.until(lambda said: said == "SYMBOL_NOT_TRADING", "0.1", "90000")
        await exchange.control("symbol", symbol=SYMBOL, status="TRADING")
        await orders.until(lambda said: said == "PRICE_COLLAR", "0.1", "90000")
        await exchange.control("deposit", account="main", asset="BTC", qty="-10000")
        await orders.until(lambda said: said == "BUYING_POWER", "0.4", "62000", "sell")
        await orders.until(lambda said: said == "MAX_GROSS_EXPOSURE", "0.4", "58000")
        await orders.until(lambda said: said == "MAX_OPEN_ORDERS", "0.001", "58000")
    assert orders.refused_by >= set(REFUSED_BY)
