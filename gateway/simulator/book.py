"""The order book of one symbol: price levels in order, first come first served within a level."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal

from gateway.simulator.orders import Order


class BookSide:
    """One side. `_keys` ascends with the best price last, so that the best is cheap to reach and to drop."""

    def __init__(self, side: str) -> None:
        self.is_bid = side == "BUY"
        self._keys: list[Decimal] = []  # the price for bids, minus the price for asks
        self._levels: dict[Decimal, dict[int, Order]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def _key(self, price: Decimal) -> Decimal:
        return price if self.is_bid else -price

    def add(self, order: Order) -> None:
        """Behind all orders of its price."""
        key = self._key(order.price)
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = {}
            insort(self._keys, key)
        level[order.order_id] = order

    def remove(self, order: Order) -> bool:
        """Take the order off; False when it was not here."""
        key = self._key(order.price)
        level = self._levels.get(key)
        if level is None or level.pop(order.order_id, None) is None:
            return False
        if not level:
            del self._levels[key]
            if self._keys[-1] == key:
                self._keys.pop()
            else:
                del self._keys[bisect_left(self._keys, key)]
        return True

    def best(self) -> Order | None:
        """The order that trades next."""
        if not self._keys:
            return None
        return next(iter(self._levels[self._keys[-1]].values()))

    def best_price(self) -> Decimal | None:
        if not self._keys:
            return None
        return self._keys[-1] if self.is_bid else -self._keys[-1]

    def orders(self) -> Iterator[Order]:
        """All orders in the sequence in which they would trade."""
        for key in reversed(self._keys):
            yield from self._levels[key].values()

    def depth(self, levels: int) -> list[tuple[Decimal, Decimal]]:
        """The best `levels` prices with the quantity open at each."""
        picked = self._keys[-levels:] if levels else self._keys
        return [
            (
                key if self.is_bid else -key,
                sum((order.leaves for order in self._levels[key].values()), start=Decimal(0)),
            )
            for key in reversed(picked)
        ]


class Book:
    """Both sides of one symbol. `update_id` counts changes, as the market streams show it."""

    def __init__(self) -> None:
        self.bids = BookSide("BUY")
        self.asks = BookSide("SELL")
        self.update_id = 1

    def own(self, order: Order) -> BookSide:
        """Where the order would rest."""
        return self.bids if order.is_buy else self.asks

    def opposite(self, order: Order) -> BookSide:
        """What it would trade with."""
        return self.asks if order.is_buy else self.bids

    def add(self, order: Order) -> None:
        self.own(order).add(order)
        self.update_id += 1

    def remove(self, order: Order) -> bool:
        removed = self.own(order).remove(order)
        if removed:
            self.update_id += 1
        return removed
