"""Symbols in what operators ask for: a slip must not pass for a halt, or for a limit, of what goes on trading."""

from collections.abc import Callable, Collection, Iterator, Sequence
from difflib import get_close_matches

from gateway.domain.book import Book
from gateway.domain.risk.limit import Limit
from gateway.engine.operations import OperationRefused


class SymbolNames:
    """listed: the symbols of all venue accounts; none while some account's are not known, and then any name passes."""

    def __init__(self, book: Book, listed: Callable[[], Collection[str]]) -> None:
        self._book, self._listed = book, listed

    def check(self, symbol: str) -> None:
        """Raises OperationRefused for one that no venue account lists and no open order is in. Empty: any symbol."""
        if slip := self._slip(symbol):
            raise OperationRefused(slip)

    def idle(self, limits: Sequence[Limit], at: int) -> Iterator[tuple[Limit, str]]:
        """Those of these versions, the oldest first, that are in force and limit nothing, each with why."""
        newest = {(limit.code, limit.scope): limit for limit in limits if limit.is_valid(at)}
        for limit in newest.values():
            if limit.value is not None and (slip := self._slip(limit.scope.symbol)):
                yield limit, slip

    def _slip(self, symbol: str) -> str:
        listed = self._listed()
        if not symbol or not listed or symbol in listed:
            return ""
        if any(order.symbol == symbol for order in self._book.orders.values()):
            return ""  # it was taken off the list since
        near = get_close_matches(symbol.upper(), sorted(listed), n=3)
        hint = f"; is it {' or '.join(near)}?" if near else ""
        return f"no venue account has a symbol {symbol!r}{hint}"
