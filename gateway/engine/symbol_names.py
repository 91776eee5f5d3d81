"""Symbols in what operators ask for: a slip must not pass for a halt, or for a limit, of what goes on trading."""

from collections.abc import Callable, Collection
from difflib import get_close_matches

from gateway.domain.book import Book
from gateway.engine.operations import OperationRefused


class SymbolNames:
    """listed: the symbols of all venue accounts; none while some account's are not known, and then any name passes."""

    def __init__(self, book: Book, listed: Callable[[], Collection[str]]) -> None:
        self._book, self._listed = book, listed

    def check(self, symbol: str) -> None:
        """Raises OperationRefused for one that no venue account lists and no open order is in. Empty: any symbol."""
        listed = self._listed()
        if not symbol or not listed or symbol in listed:
            return
        if any(order.symbol == symbol for order in self._book.orders.values()):
            return  # it was taken off the list since
        near = get_close_matches(symbol.upper(), sorted(listed), n=3)
        hint = f"; is it {' or '.join(near)}?" if near else ""
        raise OperationRefused(f"no venue account has a symbol {symbol!r}{hint}")
