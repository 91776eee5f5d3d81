"""Orders under a random sequence of faults: what the adapter told must equal what the exchange did."""

import asyncio
import random

import pytest

from tests.conformance.exchange import Exchange
from tests.conformance.model import Engine

FAULTS = ["http_503_before", "http_503_after", "drop_before", "drop_after", "rubbish", "timeout"]
ROUNDS = 40


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_books_agree_in_the_end(exchange: Exchange, seed: int) -> None:
    chance = random.Random(seed)
    engine = Engine(exchange, answer_timeout_ms=200, event_timeout_ms=400)
    await engine.venue.start()
    try:
        for _ in range(ROUNDS):
            await _round(chance, engine, exchange)
        await exchange.release()
        await engine.agree()
    finally:
        await engine.venue.stop()


async def _round(chance: random.Random, engine: Engine, exchange: Exchange) -> None:
    """One order, and something that may go wrong around it."""
    fault = chance.choice([None, None, "fault", "lose", "duplicate", "drop"])
    if fault == "fault":
        await exchange.fault(chance.choice(["place", "cancel", "status"]), chance.choice(FAULTS))
    elif fault == "lose":
        await exchange.lose_events(chance.randint(1, 2))
    elif fault == "duplicate":
        await exchange.duplicate_events(chance.randint(1, 3))
    engine.venue.place(engine.new().place())
    if fault == "drop":
        await exchange.drop_connections()
    working = [seen for seen in await exchange.orders() if seen["status"] in ("NEW", "PARTIALLY_FILLED")]
    for seen in chance.sample(working, min(2, len(working))):
        await exchange.fill_if_open(seen["originalClientOrderId"], chance.choice(["0.1", None]))
    if chance.random() < 0.4:
        victim = chance.choice(list(engine.orders.values()))
        engine.venue.cancel(victim.cancel())
    await asyncio.sleep(chance.choice([0, 0.02]))
