"""The venues of the configuration, as the engine sees them."""

from gateway.config import Config
from gateway.domain.book import Book
from gateway.domain.risk.terms import UNPRICED
from gateway.engine.clock import NANOSECONDS
from gateway.engine.mass_cancels import Alert, Exclusive, MassCancels
from gateway.venues.link import VenueLink
from gateway.venues.port import Venues


def venues_of(config: Config, link: VenueLink, book: Book) -> Venues:
    """What the engine asks of its venues; what covers orders comes from there too."""
    venues = Venues(
        link,
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
