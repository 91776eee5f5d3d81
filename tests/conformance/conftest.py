"""The venues held to the protocol. A second one joins by another parameter of `exchange`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import aiohttp
import pytest

from gateway.venues.base import Venue
from tests.conformance.binance_exchange import BinanceExchange, SimulatorProcess
from tests.conformance.exchange import Desk, Exchange

Connect = Callable[..., Awaitable[Venue]]


@pytest.fixture(scope="session")
def binance_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    simulator = SimulatorProcess(tmp_path_factory.mktemp("binance"))
    yield simulator
    simulator.stop()


@pytest.fixture(params=["binance"])
async def exchange(request: pytest.FixtureRequest, binance_simulator: SimulatorProcess) -> AsyncIterator[Exchange]:
    assert request.param == "binance"
    async with aiohttp.ClientSession() as session:
        scripted = BinanceExchange(binance_simulator, session)
        await scripted.reset()
        await scripted.manual()
        yield scripted
        await scripted.reset()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def connect(exchange: Exchange, desk: Desk) -> AsyncIterator[Connect]:
    """Connects an adapter with settings of one's choice, and stops it in the end."""
    started: list[Venue] = []

    async def start(**settings: object) -> Venue:
        venue = exchange.venue(desk, **settings)
        started.append(venue)
        await venue.start()
        return venue

    yield start
    for venue in started:
        await venue.stop()


@pytest.fixture
async def venue(connect: Connect) -> Venue:
    return await connect()
