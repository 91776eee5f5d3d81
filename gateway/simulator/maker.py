"""A market maker that keeps a moving book, so that a newcomer's orders fill. The same seed, the same prices."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from gateway.simulator.exchange import Exchange
from gateway.simulator.market import Market
from gateway.simulator.orders import Order

_LEVELS = 5
_HALF_SPREAD_BPS = 1  # of the middle price, between it and the best quote; the further levels are as far apart
_LARGEST_MOVE_BPS = 3  # one step of the walk
_BPS = Decimal("0.0001")
_LEVEL_NOTIONAL = Decimal(200_000)  # in units of USDT, at the start price
_BTC_IN_USDT = 60_000


@dataclass(slots=True)
class _Quotes:
    """One market's walk: its own random numbers, so that one symbol's course does not hang on another's."""

    random: Random
    middle: Decimal
    level_qty: Decimal


class Maker:
    """Pure like the exchange: somebody calls `step` at the pace wanted."""

    def __init__(self, exchange: Exchange, seed: int = 0, enabled: bool = True) -> None:
        self._exchange = exchange
        self._seed = seed
        self.enabled = enabled
        self._quotes: dict[str, _Quotes] = {}
        self.reset()

    def reset(self) -> None:
        """Start the walk anew."""
        for name, market in self._exchange.markets.items():
            symbol = market.symbol
            notional = _LEVEL_NOTIONAL / _BTC_IN_USDT if symbol.quote == "BTC" else _LEVEL_NOTIONAL
            qty = notional / symbol.start_price // symbol.step * symbol.step
            random = Random(f"{self._seed}/{name}")  # noqa: S311 - prices of a simulation, no secrets
            self._quotes[name] = _Quotes(random, symbol.start_price, qty)

    def step(self, now: int) -> None:
        """Move every market in auto mode by one step of its walk and quote afresh."""
        if not self.enabled:
            return
        for name, market in self._exchange.markets.items():
            if not market.manual and market.symbol.status == "TRADING":
                quotes = self._quotes[name]
                move = quotes.random.randint(-_LARGEST_MOVE_BPS, _LARGEST_MOVE_BPS)
                self._requote(market, self._on_tick(market, quotes.middle * (1 + move * _BPS)), now)

    def move_to(self, market: Market, price: Decimal, now: int) -> None:
        """Put the middle price somewhere by hand."""
        self._quotes[market.symbol.name].middle = price
        self.quote(market, now)

    def quote(self, market: Market, now: int) -> None:
        """Quote around the present middle price, without moving it."""
        if self.enabled and not market.manual:
            self._requote(market, self._on_tick(market, self._quotes[market.symbol.name].middle), now)

    def _requote(self, market: Market, middle: Decimal, now: int) -> None:
        exchange, symbol = self._exchange, market.symbol
        for order in list(exchange.maker.open_orders(symbol.name).values()):
            exchange.cancel(order, now, order.client_order_id)
        quotes = self._quotes[symbol.name]
        # Within bounds, else a long run could walk out of the price filter.
        low, high = symbol.start_price / 2, symbol.start_price * 2
        quotes.middle = min(max(middle, low), high) if low <= quotes.middle <= high else middle
        for side, price in self._ladder(market, quotes.middle):
            steps = quotes.random.randint(5, 15)
            qty = quotes.level_qty * steps / 10 // symbol.step * symbol.step
            exchange.place(self._order(market, side, price, qty, now), now)

    def _ladder(self, market: Market, middle: Decimal) -> Iterator[tuple[str, Decimal]]:
        symbol = market.symbol
        gap = max(self._on_tick(market, middle * _HALF_SPREAD_BPS * _BPS), symbol.tick)
        for level in range(1, _LEVELS + 1):
            yield "BUY", max(middle - level * gap, symbol.min_price)
            yield "SELL", min(middle + level * gap, symbol.max_price)

    @staticmethod
    def _on_tick(market: Market, price: Decimal) -> Decimal:
        return price // market.symbol.tick * market.symbol.tick

    def _order(self, market: Market, side: str, price: Decimal, qty: Decimal, now: int) -> Order:
        order_id = self._exchange.next_order_id()
        return Order(
            order_id=order_id,
            account=self._exchange.maker,
            symbol=market.symbol.name,
            client_order_id=f"maker-{order_id}",
            side=side,
            type="LIMIT",
            time_in_force="GTC",
            price=price,
            qty=qty,
            time_ms=now,
        )
