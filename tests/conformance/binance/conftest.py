"""What is Binance's own is tested with more than the protocol has."""

from collections.abc import AsyncIterator

import pytest

from gateway.venues.binance.adapter import BinanceVenue
from tests.conformance.binance.support import Make
from tests.conformance.binance_exchange import BinanceExchange
from tests.conformance.exchange import Desk


@pytest.fixture
async def make(exchange: BinanceExchange, desk: Desk) -> AsyncIterator[Make]:
    made: list[BinanceVenue] = []

    def build(environ: dict[str, str] | None = None, **settings: object) -> BinanceVenue:
        table = {"environment": "sim", "base_url": exchange.url, **settings}
        keys = exchange.environ() if environ is None else environ
        venue = BinanceVenue("main", table, desk, environ=keys, hosts=exchange.hosts)
        made.append(venue)
        return venue

    yield build
    for venue in made:
        await venue.stop()
