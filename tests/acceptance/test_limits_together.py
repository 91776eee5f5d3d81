"""Many sessions at once never exceed a limit together: random orders, cancels and fills over real sockets."""

import asyncio
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.client import FixClient
from tests.fixtures.processes import Exchange, Gateway

SESSIONS = {f"S{n}": ("FIX.4.4", "") for n in range(6)}
MOST_HELD = Decimal(20)
MOST_OPEN = 8
LIMITS = f"""
[[limits]]
symbol = "LTCUSDT"
max_position = "{MOST_HELD}"
max_open_orders = {MOST_OPEN}
"""
ROUNDS, ORDERS = 4, 5


class Desk:
    """One client, what it has working, and what it was refused."""

    def __init__(self, client: FixClient, seed: int) -> None:
        self.client = client
        self.random = random.Random(seed)
        self.working: list[str] = []
        self.refused: list[str] = []
        self.sent = 0

    async def round(self) -> None:
        """Cancel some of what works, and send orders without waiting for the answers to the ones before."""
        gone = [name for name in self.working if self.random.random() < 0.3]
        self.working = [name for name in self.working if name not in gone]
        for name in gone:
            self.client.cancel(cl_ord_id=f"{name}-C", orig_cl_ord_id=name, symbol="LTCUSDT", side="buy")
        names = [f"{self.client.sender_comp_id}-{self.sent + n}" for n in range(ORDERS)]
        self.sent += ORDERS
        for name in names:
            self.client.new_order(
                cl_ord_id=name,
                side="buy",
                symbol="LTCUSDT",
                order_qty=str(self.random.randint(1, 4)),
                price="50",
                time_in_force="GTC",
            )
        waiting = {*names, *(f"{name}-C" for name in gone)}
        while waiting:
            report = await self.client.expect(predicate=lambda m: m[35] in ("8", "9"), timeout=20)
            name = report[11]
            if report.get(150) in ("0", "8") and name in waiting:
                waiting.discard(name)
                if report[150] == "0":
                    self.working.append(name)
                else:
                    self.refused.append(report[58])
            elif report.get(150) == "4" or report[35] == "9":  # a fill may be faster
                waiting.discard(name)


async def open_at(exchange: Exchange) -> list[dict[str, Any]]:
    found = await exchange.look("orders")
    orders = found["orders"] if isinstance(found, dict) else found
    return [order for order in orders if order["status"] in ("NEW", "PARTIALLY_FILLED")]


async def test_many_sessions_together_stay_inside(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path).start()
    gateway = Gateway(tmp_path, exchange.url, sessions=SESSIONS, more=LIMITS)
    try:
        await exchange.control("mode", symbol="LTCUSDT", mode="manual")
        gateway.start()
        desks = [Desk(gateway.client(name), seed) for seed, name in enumerate(SESSIONS)]
        await asyncio.gather(*(desk.client.connect() for desk in desks))
        held = Decimal(0)
        for number in range(ROUNDS):
            await asyncio.gather(*(desk.round() for desk in desks))
            working = await open_at(exchange)
            opened = sum((Decimal(o["origQty"]) - Decimal(o["executedQty"]) for o in working), Decimal(0))
            assert held + opened <= MOST_HELD, number
            assert len(working) <= MOST_OPEN
            if working and number < ROUNDS - 1:
                filled = working[0]
                await exchange.control("fill", clientOrderId=filled["clientOrderId"])
                held += Decimal(filled["origQty"])
        refused = [text.split()[0] for desk in desks for text in desk.refused]
        assert set(refused) <= {"MAX_POSITION", "MAX_OPEN_ORDERS"}
        assert len(refused) > ROUNDS * ORDERS  # they did press against the limits
        await asyncio.gather(*(desk.client.logout() for desk in desks))
    finally:
        gateway.stop()
        exchange.stop()
