"""The engine's view of the venue thread, and the adapters' view of the engine's inbox."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gateway.domain.decide_client import Market
from gateway.domain.funds import Assets
from gateway.domain.instruments import NO_CAPABILITIES, Capabilities
from gateway.domain.intents import Request
from gateway.domain.prices import Prices
from gateway.domain.reconcile import SnapshotRequest, VenueSnapshot
from gateway.domain.venue_reports import VenueReport
from gateway.engine import inbox as i
from gateway.engine.owners import Owners
from gateway.venues.dispatcher import VenueThread


class InboxSinks:
    """What adapters say goes into the engine's inbox."""

    def __init__(self, put: Callable[[Any], None], owners: Owners) -> None:
        self._put = put
        self.owner = owners.problem

    def report(self, report: VenueReport) -> None:
        """Hand one report to the engine."""
        self._put(report)

    def call(
        self, *, direction: str, operation: str, order_id: str, intent_id: int, text: str, venue_account: str = ""
    ) -> None:
        """Record one venue request or answer."""
        self._put(i.VenueCalled(direction, operation, order_id, intent_id, text, time.time_ns(), venue_account))

    def availability(self, venue_account: str, *, available: bool, reason: str) -> None:
        """A venue account came or went."""
        self._put(i.AvailabilityChanged(venue_account, available, reason, time.time_ns()))

    def clock(self, venue_account: str, offset_ns: int, error_ns: int) -> None:
        """A venue's clock was read."""
        self._put(i.ClockRead("venue", venue_account, offset_ns, error_ns, "", time.time_ns()))

    def alert(self, code: str, text: str) -> None:
        """Something a person should look at."""
        self._put(i.AlertRaised(code, text, time.time_ns()))


class Venues:
    """The engine's VenuePort."""

    def __init__(
        self,
        thread: VenueThread,
        put: Callable[[Any], None],
        *,
        currency: str = "USDT",
        max_age: int = 0,
        without_reference: str | None = None,
    ) -> None:
        """put: into the engine's inbox. The others are about prices: see domain.prices and domain.risk.Snapshot."""
        self._without_reference = without_reference
        self._currency = currency
        self._max_age = max_age
        self._prices: dict[str, Prices] = {}
        self._thread = thread
        self._put = put
        self.release: Callable[[Sequence[Request]], None] = thread.release
        self.clock_ms = thread.clock_ms
        self.balances = thread.balances
        self.symbols = thread.symbols

    def capabilities(self, venue_account: str) -> Capabilities:
        """What the account's venue can do; nothing, where the account is not configured."""
        try:
            return self._thread.capabilities(venue_account)
        except KeyError:
            return NO_CAPABILITIES

    def market(self, venue_account: str, symbol: str) -> Market:
        """What can be traded now."""
        thread = self._thread
        capabilities = self.capabilities(venue_account)
        why = "" if thread.available(venue_account) else "the venue is not connected"
        if capabilities is NO_CAPABILITIES:
            why = f"venue account {venue_account} is not configured"
        return Market(
            capabilities=capabilities,
            instrument=thread.instrument(venue_account, symbol),
            not_ready=why,
            without_reference=self._without_reference,
            prices=self._prices.get(venue_account) or self._prices_of(venue_account),
        )

    def assets(self, venue_account: str, symbol: str) -> Assets | None:
        """What a symbol is made of; None while the venue has not told."""
        instrument = self._thread.instrument(venue_account, symbol)
        return None if instrument is None else Assets(instrument.base, instrument.quote)

    def _prices_of(self, venue_account: str) -> Prices:
        made = Prices(
            partial(self._thread.quote, venue_account),
            partial(self._thread.instrument, venue_account),
            currency=self._currency,
            max_age=self._max_age,
        )
        self._prices[venue_account] = made
        return made

    def snapshot(self, request: SnapshotRequest) -> None:
        """Have a snapshot taken; it comes to the inbox."""
        self._thread.snapshot(request, self._taken)

    def reload_keys(self, venue_account: str, request: int) -> None:
        """Have an account read its key again; how it went comes to the inbox, with the request's number."""
        self._thread.reload_keys(
            venue_account,
            lambda problem, unchanged: self._put(i.KeysReloaded(request, venue_account, problem, unchanged)),
        )

    def _taken(self, snapshot: VenueSnapshot) -> None:
        self._put(i.SnapshotTaken(snapshot))
