"""What the exchange keeps per symbol beside the book: mode, last price, waiting stops, parked orders."""

from decimal import Decimal

from gateway.simulator.book import Book
from gateway.simulator.orders import Order
from gateway.simulator.symbols import Symbol


class Market:
    """One symbol's market.

    In manual mode nothing matches: limit orders, and market/IOC/FOK orders too, are parked until a test
    fills, cancels or expires them. They are not on the book, which may therefore not become crossed.
    """

    def __init__(self, symbol: Symbol, first_id: int = 0) -> None:
        self.symbol = symbol
        self.book = Book()
        self.manual = False
        self.last_price = symbol.start_price
        self.stops: dict[int, Order] = {}
        self.parked: dict[int, Order] = {}
        self.last_trade_id = first_id
        self._reference: Decimal | None = None

    @property
    def reference_price(self) -> Decimal | None:
        """What PERCENT_PRICE_BY_SIDE measures against; None in manual mode until a price was set by hand."""
        return self._reference if self.manual else self.last_price

    def set_manual(self, manual: bool) -> None:
        """Manual: fills come from scripts alone, and there is no reference price until one is set."""
        self.manual = manual
        self._reference = None

    def set_price(self, price: Decimal) -> None:
        """By hand, as last price and as reference."""
        self.last_price = price
        self._reference = price

    def next_trade_id(self) -> int:
        self.last_trade_id += 1
        return self.last_trade_id

    def would_trigger(self, order: Order) -> bool:
        """Whether a stop's condition is met by the last price."""
        if order.stop_above:
            return self.last_price >= order.stop_price
        return self.last_price <= order.stop_price

    def next_triggered(self) -> Order | None:
        """The oldest waiting stop whose condition is met."""
        for order in self.stops.values():
            if self.would_trigger(order):
                return order
        return None

    def take_off(self, order: Order) -> None:
        """Remove an order wherever it waits."""
        if self.parked.pop(order.order_id, None) or self.stops.pop(order.order_id, None):
            return
        self.book.remove(order)
