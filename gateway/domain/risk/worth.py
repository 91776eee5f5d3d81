"""What the quantities of very many symbols are worth together, without reckoning each of them for every order."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from gateway.domain.money import ZERO, add, multiply, subtract
from gateway.domain.risk.terms import Snapshot
from gateway.domain.totals import Total

REVALUE_EVERY = 100_000_000  # ns
"""How often all symbols are valued at their latest prices. In between only those are whose quantity changed."""


class Worth:
    """The worth of a quantity of each symbol. `dirty` gets the symbols whose totals change, see Totals.listen."""

    __slots__ = ("_dirty", "_parts", "_qty", "_sum", "_symbols", "_valued_at")

    def __init__(self, symbols: Mapping[str, Total], qty: Callable[[Total], Decimal], dirty: set[str]) -> None:
        self._symbols = symbols
        self._qty = qty
        self._dirty = dirty
        self._parts: dict[str, Decimal] = {}
        self._sum = ZERO
        self._valued_at: int | None = None

    def reckon(self, snapshot: Snapshot) -> tuple[Any, str]:
        """(the sum, ""); or what stands for a price that is missing, and the symbol it is missing of."""
        valued_at = self._valued_at
        if valued_at is None or not valued_at <= snapshot.at < valued_at + REVALUE_EVERY:
            self._parts.clear()
            self._sum, self._valued_at = ZERO, snapshot.at
            self._dirty.update(self._symbols)
        for symbol in list(self._dirty):
            qty, worth = self._qty(self._symbols[symbol]), ZERO
            if qty:
                unit: Any = snapshot.unit(symbol)
                if unit.__class__ is not Decimal:
                    return unit, symbol  # it stays dirty: the next order asks again
                worth = multiply(qty, unit)
            self._sum = add(self._sum, subtract(worth, self._parts.get(symbol, ZERO)))
            self._parts[symbol] = worth
            self._dirty.discard(symbol)
        return self._sum, ""
