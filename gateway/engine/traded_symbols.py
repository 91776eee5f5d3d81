"""In which symbols orders may have traded since a time."""

from gateway.domain.book import Book
from gateway.domain.order import Order
from gateway.engine.clock import NANOSECONDS

_MARGIN = 60 * NANOSECONDS  # more than clocks differ and words are late
_LONG = 600 * NANOSECONDS


class TradedSymbols:
    """Only the engine's thread uses it."""

    def __init__(self, book: Book, now: int) -> None:
        self._book = book
        self._changed: dict[tuple[str, str], int] = {}  # when orders of (venue account, symbol) last changed
        for order in book.orders.values():
            self.order_changed(order, now)

    def order_changed(self, order: Order, at: int) -> None:
        """Only of what was sent: a refused order's symbol may be anything, and no venue could answer for it."""
        if order.legs:
            self._changed[order.venue_account, order.symbol] = at

    def since(self, venue_account: str, seen: int, now: int) -> dict[str, int]:
        """Symbols that an order of the account may have traded in since trades were last compared, and since when (ms
        UTC).
        """
        book, since = self._book, min(seen, now)
        if since < now - _LONG:  # or never: no trade is older than the oldest order
            since = max(since, min((o.received_at for o in book.orders.values()), default=now))
        since -= _MARGIN
        symbols = {symbol for (account, symbol), at in self._changed.items() if account == venue_account and at > since}
        working = (book.orders[order_id] for order_id in book.working)
        symbols.update(order.symbol for order in working if order.venue_account == venue_account)
        return dict.fromkeys(sorted(symbols), since // 1_000_000)
