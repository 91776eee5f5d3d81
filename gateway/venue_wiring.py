"""The venues of the configuration: their adapters on a thread of their own, and as the engine sees them."""

from collections.abc import Callable
from functools import partial

from gateway.config import Config
from gateway.domain.book import Book
from gateway.domain.risk.terms import UNPRICED
from gateway.engine.clock import NANOSECONDS
from gateway.engine.inbox import Inbox
from gateway.engine.mass_cancels import Alert, Exclusive, MassCancels
from gateway.errors import ConfigError
from gateway.venues.base import Sinks, Venue, VenueSettingsError
from gateway.venues.dispatcher import VenueThread
from gateway.venues.port import Venues
from gateway.venues.registry import build_venue


def venue_thread(
    config: Config,
    sinks: Sinks,
    on_death: Callable[[BaseException], None],
    check_lease: Callable[[], None],
    *,
    allow_live: bool,
) -> VenueThread:
    """Built, and connected to nothing yet. Raises ConfigError for what an adapter finds wrong."""
    builders: list[Callable[[Sinks], Venue]] = []
    for account in config.venue_accounts:
        settings = {**account.settings, "environment": config.environment}
        builders.append(partial(build_venue, account.venue, account.name, settings, allow_live=allow_live))
    try:
        return VenueThread(builders, sinks, on_death, check_lease)
    except VenueSettingsError as error:
        raise ConfigError(str(error)) from error


def venues_of(config: Config, thread: VenueThread, inbox: Inbox, book: Book) -> Venues:
    """The venue thread as the engine sees it; what covers orders comes from there too."""
    venues = Venues(
        thread,
        inbox.put,
        currency=config.risk.currency,
        max_age=config.risk.reference_max_age_seconds * NANOSECONDS,
        without_reference=UNPRICED if config.risk.without_reference == "pass" else None,
    )
    of_accounts = {account.name: account.venue_account for account in config.accounts}
    book.risk.connect_funds(assets=venues.assets, balances=venues.balances, venue_accounts=of_accounts)
    return venues


def mass_cancels_of(config: Config, venues: Venues, book: Book, alert: Alert) -> MassCancels:
    """Where all of a symbol's orders may be canceled by one request."""
    declared = [account.name for account in config.venue_accounts if account.exclusive]
    exclusive = Exclusive(declared, config.deployment + "-", alert)
    return MassCancels(exclusive, lambda: book.halts, venues.capabilities)
