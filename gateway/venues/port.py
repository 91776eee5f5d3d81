"""The engine's view of its venues."""

from collections.abc import Callable, Sequence
from functools import partial

from gateway.domain.decide_client import Market
from gateway.domain.funds import Assets
from gateway.domain.instruments import NO_CAPABILITIES, Capabilities
from gateway.domain.intents import Request
from gateway.domain.prices import Prices
from gateway.domain.reconcile import SnapshotRequest
from gateway.venues.link import VenueLink


class Venues:
    """The engine's VenuePort."""

    def __init__(
        self,
        link: VenueLink,
        *,
        currency: str = "USDT",
        max_age: int = 0,
        without_reference: str | None = None,
    ) -> None:
        """The others are about prices: see domain.prices and domain.risk.Snapshot."""
        self._without_reference = without_reference
        self._currency = currency
        self._max_age = max_age
        self._prices: dict[str, Prices] = {}
        self._link = link
        self.release: Callable[[Sequence[Request]], None] = link.release
        self.clock_ms = link.clock_ms
        self.balances = link.balances
        self.symbols = link.symbols
        self.snapshot: Callable[[SnapshotRequest], None] = link.snapshot
        self.reload_keys: Callable[[str, int], None] = link.reload_keys

    def capabilities(self, venue_account: str) -> Capabilities:
        """What the account's venue can do; nothing, where the account is not configured."""
        try:
            return self._link.capabilities(venue_account)
        except KeyError:
            return NO_CAPABILITIES

    def market(self, venue_account: str, symbol: str) -> Market:
        """What can be traded now."""
        link = self._link
        capabilities = self.capabilities(venue_account)
        why = "" if link.available(venue_account) else "the venue is not connected"
        if capabilities is NO_CAPABILITIES:
            why = f"venue account {venue_account} is not configured"
        return Market(
            capabilities=capabilities,
            instrument=link.instrument(venue_account, symbol),
            not_ready=why,
            without_reference=self._without_reference,
            prices=self._prices.get(venue_account) or self._prices_of(venue_account),
        )

    def assets(self, venue_account: str, symbol: str) -> Assets | None:
        """What a symbol is made of; None while the venue has not told."""
        instrument = self._link.instrument(venue_account, symbol)
        return None if instrument is None else Assets(instrument.base, instrument.quote)

    def _prices_of(self, venue_account: str) -> Prices:
        made = Prices(
            partial(self._link.quote, venue_account),
            partial(self._link.instrument, venue_account),
            currency=self._currency,
            max_age=self._max_age,
        )
        self._prices[venue_account] = made
        return made
