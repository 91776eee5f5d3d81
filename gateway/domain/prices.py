"""Reference prices: what a venue's best bid and ask say something is worth, and for how long that is believed."""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from gateway.domain.instruments import Instrument
from gateway.domain.money import ZERO, add, avg_px, multiply

_HALF = Decimal("0.5")
_ONE = Decimal(1)


class Quote(NamedTuple):
    """A venue's best prices of a symbol; zero where a side is empty. at: when we heard it, nanoseconds UTC.

    source: by which of the venue's channels.
    """

    bid: Decimal
    ask: Decimal
    at: int
    source: str

    @property
    def mid(self) -> Decimal | None:
        """Between bid and ask; one of them where the other is empty."""
        if self.bid and self.ask:
            return multiply(add(self.bid, self.ask), _HALF)
        return self.bid or self.ask or None


class Prices:
    """What the symbols and assets of one venue account are worth. A quote that is too old is as good as none."""

    def __init__(
        self,
        quote: Callable[[str], Quote | None],
        instrument: Callable[[str], Instrument | None],
        *,
        currency: str,
        max_age: int,
    ) -> None:
        """Quote and instrument: by symbol. currency: what everything is valued in. max_age: nanoseconds."""
        self._quote = quote
        self._instrument = instrument
        self._currency = currency
        self._max_age = max_age
        self._mids: dict[str, tuple[Quote, Decimal | None]] = {}  # each as long as its quote is the last
        self._units: dict[str, tuple[Quote, Decimal]] = {}

    def reference(self, symbol: str, at: int) -> Decimal | None:
        """The reference price at this time, in quote currency; None when it is missing or stale."""
        quote = self._quote(symbol)
        if quote is None or at - quote.at > self._max_age:
            return None
        known = self._mids.get(symbol)
        if known is None or known[0] is not quote:
            known = self._mids[symbol] = (quote, quote.mid)
        return known[1]

    def age(self, symbol: str, at: int) -> int | None:
        """Of the quote, however old; nanoseconds."""
        quote = self._quote(symbol)
        return None if quote is None else at - quote.at

    def unit(self, symbol: str, at: int) -> Decimal | None:
        """One base unit of the symbol in the currency that everything is valued in."""
        quote = self._quote(symbol)
        if quote is None or at - quote.at > self._max_age:
            return None
        known = self._units.get(symbol)
        if known is not None and known[0] is quote:
            return known[1]
        instrument = self._instrument(symbol)
        reference = self.reference(symbol, at)
        if instrument is None or reference is None:
            return None
        if instrument.quote == self._currency:
            self._units[symbol] = (quote, reference)
            return reference
        rate = self.rate(instrument.quote, at)
        return None if rate is None else multiply(reference, rate)

    def quote_rate(self, symbol: str, at: int) -> Decimal | None:
        """One unit of the symbol's quote currency in the currency."""
        instrument = self._instrument(symbol)
        return None if instrument is None else self.rate(instrument.quote, at)

    def rate(self, asset: str, at: int) -> Decimal | None:
        """One unit of an asset in the currency; by the symbol of both, whichever way round the venue lists them."""
        if asset == self._currency:
            return _ONE
        direct = self.reference(asset + self._currency, at)
        if direct is not None:
            return direct
        inverse = self.reference(self._currency + asset, at)
        return None if inverse is None or inverse == ZERO else avg_px(_ONE, inverse)
