"""Adapters with settings and keys of one's choice, and their orders."""

from collections.abc import Callable

from gateway.venues.binance.adapter import BinanceVenue
from tests.conformance.binance_exchange import BinanceExchange
from tests.conformance.exchange import Intents

Make = Callable[..., BinanceVenue]


def renamed(environ: dict[str, str]) -> dict[str, str]:
    return {name.replace("_MAIN_", "_OTHER_"): value for name, value in environ.items()}


def intents(venue: BinanceVenue, exchange: BinanceExchange, recv_window_ms: int = 5_000) -> Intents:
    return Intents(venue, exchange.symbol, exchange.resting_px, recv_window_ms)
