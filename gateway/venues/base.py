"""The protocol every exchange adapter keeps. A second venue is a second folder beside binance/, and a line in
registry.py.

An adapter lives in the venues' process (process.py), on its asyncio loop. It gets intents that are committed already,
and answers only by reports (domain/venue_reports.py) handed to its sinks, which may be called from that loop alone.

| method       | required | meaning                                                                       |
|--------------|----------|-------------------------------------------------------------------------------|
| start        | yes      | load instruments, learn the clock offset, open streams; retry until it is done |
| stop         | yes      | close connections; nothing is canceled                                        |
| place        | yes      | send a new order once; never again on a doubtful outcome                      |
| cancel       | yes      | send a cancel; may use another channel when the first is down                 |
| amend        | optional | only called when capabilities.amend_qty_down                                  |
| settle       | yes      | query until the order's fate is known, then report trades before the verdict  |
| snapshot     | optional | only called when capabilities.snapshot: list open orders, trades and balances         |
| reload_keys  | yes      | read the account's key again, prove it, and use it from then on               |

place, cancel, amend and settle start the work and return at once: an order costs no task of the loop unless its
adapter needs one. Intents for one venue account are sent in the order they were given.

Certain refusals become VenueRefused. Whatever may have reached the matching engine becomes VenueOutcomeUnknown; an
answer that comes later still is reported. No method raises for what a venue answers or fails to answer; an adapter's
own defect may raise, and the dispatcher turns it into VenueOutcomeUnknown.

Events that happened while no stream stood are not reported by themselves: availability(available=True) says that a
stream stands again. The engine then asks for a snapshot and settles what differs; where there are no snapshots, it
settles every order it believes open. availability(available=False) says that no order can be sent, and that the account
can be asked all the same, if anything of the venue can be reached: the engine takes snapshots from time to time. So
nothing is said before it is certain whose account it is.

A snapshot only reads; its orders must be asked for before its trades, so that what executes in between shows as a
trade. A verdict (VenueOrderWorking, VenueClosed) tells the moment of the query, so a trade reported just before may be
newer than the verdict's cum_qty.

The venue's clock is told to sinks.clock before the first availability and again and again from then on: before
that no order expires. So are the instruments, to sinks.instruments, whenever they change; and to sinks.quotes and
sinks.balances the best prices that are followed and what the account holds, each as it is heard.

Deposits and withdrawals are reported as VenueBalanceMoved, each once. A snapshot's balances are true of one moment
between balances_since_ms and balances_until_ms; without these, balances are not compared with the books.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from gateway.domain.funds import Balance
from gateway.domain.instruments import Capabilities, Instrument
from gateway.domain.intents import AmendIntent, CancelIntent, PlaceIntent, SettleIntent
from gateway.domain.prices import Quote
from gateway.domain.reconcile import SnapshotRequest, VenueSnapshot
from gateway.domain.venue_reports import VenueReport


class VenueSettingsError(ValueError):
    """A venue account cannot be used as configured. The text says which account, what is wrong, and what is allowed."""


class SnapshotError(Exception):
    """No snapshot this time; the text says why. It is asked for again."""


class Sinks(Protocol):
    """Where an adapter's words go. All of these may be called from its loop only, and return at once."""

    def report(self, report: VenueReport) -> None:
        """Hand one report to the engine."""

    def call(
        self, *, direction: str, operation: str, order_id: str, intent_id: int, text: str, venue_account: str = ""
    ) -> None:
        """Record one venue request (direction "out") or answer ("in"). The text has no key and no signature.

        order_id: for what the venue says unasked (operation "event") its client order id. venue_account: may be left
        out where order_id names the order.
        """

    def availability(self, venue_account: str, *, available: bool, reason: str) -> None:
        """Tell whether orders can be sent for this venue account (connected, logged on, stream subscribed)."""

    def clock(self, venue_account: str, offset_ns: int, error_ns: int) -> None:
        """The venue's clock was read: it is so far ahead of ours, known to plus or minus error_ns."""

    def instruments(self, venue_account: str, instruments: Mapping[str, Instrument]) -> None:
        """All that the account can trade, by symbol."""

    def quotes(self, venue_account: str, quotes: Mapping[str, Quote]) -> None:
        """Best prices that were heard, by symbol."""

    def balances(self, venue_account: str, balances: Mapping[str, Balance] | None, *, whole: bool) -> None:
        """What the account holds, by asset: all of it if whole, else what changed.

        None once that is not known any more, as after a lost stream.
        """

    def alert(self, code: str, text: str) -> None:
        """Something a person should look at."""

    async def owner(self, venue_account: str, owner: str) -> str:
        """Tell whose account it is, by the exchange's own id. Returns why it may not be used; "" when it may.

        Asked at each start, before anything else is done with the account.
        """


class Venue(Protocol):
    """One venue account's connection to its exchange."""

    venue_account: str
    capabilities: Capabilities

    @property
    def identity(self) -> str:
        """Tells accounts of exchanges apart: equal where the same key is used at the same place. Shows no key."""

    def clock_ms(self) -> int:
        """The venue's time now, milliseconds UTC, by the last measured offset."""

    async def start(self) -> None:
        """Connect; returns when orders can be sent. Keeps reconnecting by itself until stop().

        Raises VenueSettingsError for what retrying cannot cure, such as a key that may do more than it should.
        """

    async def stop(self) -> None:
        """Close everything."""

    def place(self, intent: PlaceIntent) -> None:
        """Send a new order."""

    def cancel(self, intent: CancelIntent) -> None:
        """Send a cancel."""

    def amend(self, intent: AmendIntent) -> None:
        """Send a reduction of quantity in place."""

    def settle(self, intent: SettleIntent) -> None:
        """Find out what became of an order, and report it."""

    async def snapshot(self, request: SnapshotRequest) -> VenueSnapshot:
        """Look at the whole account: open orders (foreign ones too), trades since the times asked for, balances.

        Raises SnapshotError; it is repeated by venues/reconcile.py, not here.
        """

    async def reload_keys(self, others: Collection[str] = ()) -> None:
        """Read the key again, after it was rotated, and return when orders go with it and no event was lost.

        others: identities that it must not have. Raises VenueSettingsError, and keeps the old key, for one that cannot
        be read, may do more than it should, or does not work.
        """


@runtime_checkable
class TimedVenue(Protocol):
    """An adapter whose capabilities name a dead_man_timer: the venue itself cancels when it hears nothing for long."""

    def keep_dead_man_timer(self) -> None:
        """Put the moment off. Called about once a second while the engine gets on.

        How long the venue waits, and how often it is really asked, is the adapter's. stop() ends the timer: orders
        outlive an orderly end.
        """


@runtime_checkable
class MassVenue(Protocol):
    """An adapter whose capabilities name mass_cancel."""

    def clock_ms(self) -> int:
        """As of every venue."""

    def cancel_all(self, intents: Sequence[CancelIntent]) -> None:
        """Have the venue cancel all that the account has open in a symbol, which these are about, by one request.

        Each of them is answered as if it had been sent alone, also what the request did not reach. What may come of
        doubt is asked for, and what is then still open is canceled one by one.
        """


class VenueFactory(Protocol):
    """Builds an adapter without connecting."""

    def __call__(
        self, venue_account: str, settings: Mapping[str, object], sinks: Sinks, *, allow_live: bool = False
    ) -> Venue:
        """settings: the account's table of the configuration. Raises VenueSettingsError."""
