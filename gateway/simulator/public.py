"""Market data methods, which need no key: time, exchangeInfo, depth, tickers."""

from typing import Any

import msgspec

from gateway.simulator import errors
from gateway.simulator.exchange import Exchange
from gateway.simulator.limits import Limits
from gateway.simulator.market import Market
from gateway.simulator.new_order import market_of
from gateway.simulator.params import Params
from gateway.simulator.symbols import Symbol, text

_ZERO = "0.00000000"
_DEFAULT_DEPTH, _MAX_DEPTH = 100, 5000


def ping(exchange: Exchange, limits: Limits, params: Params, now: int) -> Any:  # noqa: ARG001 - one signature
    return {}


def time(exchange: Exchange, limits: Limits, params: Params, now: int) -> Any:  # noqa: ARG001 - one signature
    return {"serverTime": now}


def exchange_info(exchange: Exchange, limits: Limits, params: Params, now: int) -> Any:
    wanted = [exchange.markets[name].symbol for name in _names(exchange, params)]
    status = params.text("symbolStatus")
    return {
        "timezone": "UTC",
        "serverTime": now,
        "rateLimits": limits.info(),
        "exchangeFilters": [],
        "symbols": [_info(symbol) for symbol in wanted if status in (None, symbol.status)],
    }


def _info(symbol: Symbol) -> dict[str, Any]:
    return symbol.info()


def depth(exchange: Exchange, limits: Limits, params: Params, now: int) -> Any:  # noqa: ARG001 - one signature
    book = market_of(exchange, params).book
    asked = params.integer("limit")
    levels = _DEFAULT_DEPTH if not asked else min(asked, _MAX_DEPTH)
    return {
        "lastUpdateId": book.update_id,
        "bids": [[text(price), text(qty)] for price, qty in book.bids.depth(levels)],
        "asks": [[text(price), text(qty)] for price, qty in book.asks.depth(levels)],
    }


def book_ticker(exchange: Exchange, limits: Limits, params: Params, now: int) -> Any:  # noqa: ARG001 - one signature
    return _one_or_all(exchange, params, _book_ticker)


def price_ticker(exchange: Exchange, limits: Limits, params: Params, now: int) -> Any:  # noqa: ARG001 - one signature
    return _one_or_all(
        exchange,
        params,
        lambda market: {"symbol": market.symbol.name, "price": text(market.last_price)},
    )


def average_price(exchange: Exchange, limits: Limits, params: Params, now: int) -> Any:  # noqa: ARG001 - one signature
    market = market_of(exchange, params)
    return {"mins": 5, "price": text(market.last_price), "closeTime": now}


def top_of_book(market: Market) -> tuple[str, str, str, str]:
    """Best bid price and quantity, best ask price and quantity; zeros where a side is empty."""
    sides = []
    for side in (market.book.bids, market.book.asks):
        best = side.depth(1) if len(side) else []
        sides += [text(best[0][0]), text(best[0][1])] if best else [_ZERO, _ZERO]
    return sides[0], sides[1], sides[2], sides[3]


def _book_ticker(market: Market) -> dict[str, Any]:
    bid, bid_qty, ask, ask_qty = top_of_book(market)
    return {
        "symbol": market.symbol.name,
        "bidPrice": bid,
        "bidQty": bid_qty,
        "askPrice": ask,
        "askQty": ask_qty,
    }


def _one_or_all(exchange: Exchange, params: Params, describe: Any) -> Any:
    if "symbol" in params.values:
        return describe(market_of(exchange, params))
    return [describe(exchange.markets[name]) for name in _names(exchange, params)]


def _names(exchange: Exchange, params: Params) -> list[str]:
    """The symbols asked for by `symbol` or `symbols`, else all."""
    if "symbol" in params.values:
        return [market_of(exchange, params).symbol.name]
    asked = params.values.get("symbols")
    if asked is None:
        return list(exchange.markets)
    if isinstance(asked, str):
        try:
            asked = msgspec.json.decode(asked)
        except msgspec.DecodeError:
            raise errors.illegal_chars("symbols", '^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$') from None
    if not isinstance(asked, list) or any(name not in exchange.markets for name in asked):
        raise errors.bad_symbol()
    return asked
