"""Every fault of an exchange against every operation: however it ends, it is told as the exchange has it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from tests.conformance.exchange import Exchange, Intents
from tests.conformance.model import Engine
from tests.conformance.test_venue_under_faults import FAULTS

Fault = Callable[[Exchange, str], AbstractAsyncContextManager[None]]
OPERATIONS = ("place", "cancel", "amend", "status")


def _request(kind: str) -> Fault:
    @asynccontextmanager
    async def fault(exchange: Exchange, operation: str) -> AsyncIterator[None]:
        await exchange.fault(operation, kind)
        yield

    return fault


@asynccontextmanager
async def _late(exchange: Exchange, operation: str) -> AsyncIterator[None]:
    """The answer comes when nobody waits for it any more."""
    await exchange.hold(operation, "after")
    yield
    await asyncio.sleep(0.4)
    await exchange.release()


@asynccontextmanager
async def _too_many(exchange: Exchange, operation: str) -> AsyncIterator[None]:
    await exchange.reject(operation, too_many=True)
    yield


@asynccontextmanager
async def _doubt(exchange: Exchange, operation: str) -> AsyncIterator[None]:
    await exchange.reject(operation, unknown_outcome=True)
    yield


@asynccontextmanager
async def _banned(exchange: Exchange, operation: str) -> AsyncIterator[None]:
    await exchange.ban(600)
    yield


@asynccontextmanager
async def _clock_ahead(exchange: Exchange, operation: str) -> AsyncIterator[None]:
    await exchange.skew(60_000)
    yield
    await asyncio.sleep(0.2)
    await exchange.skew(0)


@asynccontextmanager
async def _maintained(exchange: Exchange, operation: str) -> AsyncIterator[None]:
    await exchange.maintenance(on=True)
    yield
    await asyncio.sleep(0.2)
    await exchange.maintenance(on=False)


@asynccontextmanager
async def _dropped(exchange: Exchange, operation: str) -> AsyncIterator[None]:
    yield
    await exchange.drop_connections()


@asynccontextmanager
async def _events_lost(exchange: Exchange, operation: str) -> AsyncIterator[None]:
    await exchange.lose_events(3)
    yield


@asynccontextmanager
async def _events_twice(exchange: Exchange, operation: str) -> AsyncIterator[None]:
    await exchange.duplicate_events(10)
    yield


@asynccontextmanager
async def _events_late(exchange: Exchange, operation: str) -> AsyncIterator[None]:
    await exchange.delay_events(300)
    yield
    await exchange.delay_events(0)


@asynccontextmanager
async def _events_backwards(exchange: Exchange, operation: str) -> AsyncIterator[None]:
    await exchange.hold_events()
    yield
    await asyncio.sleep(0.1)
    await exchange.release_events_backwards()


@asynccontextmanager
async def _silence(exchange: Exchange, operation: str) -> AsyncIterator[None]:
    await exchange.silence(silent=True)
    yield
    await asyncio.sleep(0.6)
    await exchange.silence(silent=False)


EVERY: dict[str, Fault] = {
    **{kind: _request(kind) for kind in FAULTS},
    "late answer": _late,
    "429": _too_many,
    "418 with a time to wait": _banned,
    "unknown by the venue's own word": _doubt,
    "clock a minute off": _clock_ahead,
    "maintenance": _maintained,
    "connections dropped": _dropped,
    "events lost": _events_lost,
    "events twice": _events_twice,
    "events late": _events_late,
    "events backwards": _events_backwards,
    "silent stream": _silence,
}


@pytest.mark.parametrize("name", EVERY)
async def test_it_ends_as_the_exchange_has_it(exchange: Exchange, name: str) -> None:
    """Each operation meets the fault with an order of its own, which trades a little meanwhile."""
    await exchange.manual()
    engine = Engine(exchange, answer_timeout_ms=200, event_timeout_ms=400)
    await engine.venue.start()
    try:
        await engine.until(lambda: bool(engine.availabilities) and engine.availabilities[-1][0])
        resting = await _resting(engine, len(OPERATIONS) - 1)
        for operation, order in zip(OPERATIONS, [engine.new(), *resting], strict=True):
            async with EVERY[name](exchange, operation):
                _do(engine, operation, order)
                await asyncio.sleep(0.1)
                if operation != "place":
                    await exchange.fill_if_open(order.client_id, "0.1")
            await engine.agree()
    finally:
        await engine.venue.stop()


async def _resting(engine: Engine, count: int) -> list[Intents]:
    """Orders that the exchange has. On a busy machine one may come when its window is over, and is refused."""
    orders: list[Intents] = []
    while len(orders) < count:
        placed = [engine.new() for _ in range(count - len(orders))]
        for order in placed:
            engine.venue.place(order.place())
        await engine.agree()
        orders += [order for order in placed if not engine.over(order)]
    return orders


def _do(engine: Engine, operation: str, order: Intents) -> None:
    if operation == "place":
        engine.venue.place(order.place())
    elif operation == "cancel":
        engine.venue.cancel(order.cancel())
    elif operation == "amend":
        engine.venue.amend(order.amend("0.6"))
    else:
        engine.settle(order)
