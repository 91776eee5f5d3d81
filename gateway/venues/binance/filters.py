"""exchangeInfo to the domain's instruments and the venue's rate limits. Source: Binance Spot API, "Filters"."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from gateway.domain.instruments import Instrument
from gateway.domain.money import ZERO, parse_decimal, trim
from gateway.venues.binance.payload import PayloadError, decode


class RateLimit(msgspec.Struct, gc=False):
    """One of the venue's limits, as exchangeInfo states it and answers repeat it."""

    rateLimitType: str
    interval: str
    intervalNum: int
    limit: int
    count: int = 0


class _Symbol(msgspec.Struct):
    symbol: str
    status: str
    baseAsset: str
    quoteAsset: str
    filters: list[dict[str, object]]
    isSpotTradingAllowed: bool = True


class _ExchangeInfo(msgspec.Struct):
    symbols: list[_Symbol]
    rateLimits: list[RateLimit] = []


_DECODER = msgspec.json.Decoder(_ExchangeInfo)


def parse_exchange_info(raw: bytes) -> tuple[dict[str, Instrument], list[RateLimit]]:
    """The instruments by symbol, and the limits. Raises PayloadError for anything else than exchangeInfo."""
    info = decode(_DECODER, raw)
    return {symbol.symbol: _instrument(symbol) for symbol in info.symbols}, info.rateLimits


def _instrument(symbol: _Symbol) -> Instrument:
    """A symbol with its filters; filters unknown here are the venue's to enforce."""
    filters = {str(entry.get("filterType")): entry for entry in symbol.filters}
    price = filters.get("PRICE_FILTER", {})
    lot = filters.get("LOT_SIZE", {})
    market = filters.get("MARKET_LOT_SIZE", {})
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL", {})
    return Instrument(
        symbol=symbol.symbol,
        base=symbol.baseAsset,
        quote=symbol.quoteAsset,
        tradable=symbol.status == "TRADING" and symbol.isSpotTradingAllowed,
        tick_size=_figure(price, "tickSize"),
        min_price=_figure(price, "minPrice"),
        max_price=_figure(price, "maxPrice"),
        qty_step=_figure(lot, "stepSize"),
        min_qty=_figure(lot, "minQty"),
        max_qty=_figure(lot, "maxQty"),
        # The venue writes zero where the limit orders' figure holds for market orders too.
        market_qty_step=_figure(market, "stepSize") or _figure(lot, "stepSize"),
        market_min_qty=_figure(market, "minQty") or _figure(lot, "minQty"),
        market_max_qty=_figure(market, "maxQty") or _figure(lot, "maxQty"),
        min_notional=_figure(notional, "minNotional"),
        max_notional=_figure(notional, "maxNotional"),
    )


def _figure(entry: Mapping[str, object], name: str) -> Decimal:
    value = entry.get(name)
    if value is None:
        return ZERO
    if not isinstance(value, str):
        raise PayloadError(f"filter figure {name} is not text: {value!r}")
    try:
        return trim(parse_decimal(value))
    except ValueError as error:
        raise PayloadError(f"filter figure {name}: {error}") from None
