"""Adapters by name. A second venue is a second folder and a line here."""

from collections.abc import Callable, Mapping
from functools import partial

from gateway.config import Config
from gateway.venues.base import Sinks, Venue, VenueFactory, VenueSettingsError
from gateway.venues.binance.adapter import BinanceVenue

ADAPTERS: Mapping[str, VenueFactory] = {"binance": BinanceVenue}


def build_venue(
    adapter: str,
    venue_account: str,
    settings: Mapping[str, object],
    sinks: Sinks,
    *,
    allow_live: bool = False,
) -> Venue:
    """Build the named adapter for one venue account. Raises VenueSettingsError."""
    factory = ADAPTERS.get(adapter)
    if factory is None:
        raise VenueSettingsError(
            f"venue account {venue_account!r}: no adapter {adapter!r}; there are {', '.join(sorted(ADAPTERS))}"
        )
    return factory(venue_account, settings, sinks, allow_live=allow_live)


def builders_of(config: Config, *, allow_live: bool) -> list[Callable[[Sinks], Venue]]:
    """Of every venue account that is configured."""
    return [
        partial(
            build_venue,
            account.venue,
            account.name,
            {**account.settings, "environment": config.environment},
            allow_live=allow_live,
        )
        for account in config.venue_accounts
    ]
