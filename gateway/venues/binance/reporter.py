"""What every request of one account shares: where to report, what was reported already, and the budget."""

from collections.abc import Callable, Iterable

from gateway.domain.intents import Intent
from gateway.domain.values import OrdRejReason
from gateway.domain.venue_reports import (
    Operation,
    VenueAccepted,
    VenueAmended,
    VenueBalanceMoved,
    VenueClosed,
    VenueOutcomeUnknown,
    VenueRefused,
    VenueReport,
    VenueTraded,
)
from gateway.venues.base import Sinks
from gateway.venues.binance.answers import OrderRef
from gateway.venues.binance.clock import VenueClock
from gateway.venues.binance.errors import TIMESTAMP_OUTSIDE_WINDOW, Failure, Kind
from gateway.venues.binance.limits import Limits
from gateway.venues.binance.payload import Raw
from gateway.venues.binance.recent import Recent


def _fact(report: VenueReport) -> object:
    """What a report says, however often and on whichever way it comes: the answer and the stream tell the same."""
    if isinstance(report, VenueTraded):
        return (report.symbol, report.venue_order_id, report.trade_id)
    if isinstance(report, VenueClosed):
        return (report.symbol, report.venue_order_id, report.reason, report.cum_qty)
    if isinstance(report, VenueAmended):
        return (report.symbol, report.venue_order_id, "amended", report.qty)
    if isinstance(report, VenueAccepted):
        return (report.symbol, report.venue_order_id)
    return report


class Reporter:
    """One account's shared state, used from the adapters' loop only."""

    def __init__(
        self,
        venue_account: str,
        sinks: Sinks,
        clock: VenueClock,
        limits: Limits,
        resync_clock: Callable[[], None],
        doubt_instruments: Callable[[], None] = lambda: None,
    ) -> None:
        """What to do when the venue refuses our time, or what the instruments allow."""
        self.venue_account = venue_account
        self.sinks = sinks
        self.clock = clock
        self.limits = limits
        self.resync_clock = resync_clock
        self._doubt_instruments = doubt_instruments
        # Which facts were told: answers and the stream describe the same acceptances, fills and ends. This only spares
        # the engine the second copy; it deduplicates for good, in its own transaction. Settlements tell in any case.
        self._told = Recent()
        # The engine counts each of these: one that the old and the new stream tell is told once, whatever is forgotten.
        self._moved = Recent()

    def ref(self, intent: Intent) -> OrderRef:
        """Whom reports about this intent name."""
        return OrderRef(self.venue_account, intent.symbol, intent.client_id)

    def forget(self) -> None:
        """A stream begins: the exchange may have been wiped meanwhile, and give ids that it gave before."""
        self._told = Recent()

    def heed(self, failure: Failure) -> None:
        """Do as a failed answer says, whatever was asked: send nothing for a while, or read clock or instruments."""
        if failure.kind is Kind.RATE_LIMITED:
            self.limits.pause(self.clock.clock_ms(), failure.retry_at_ms)
        if failure.code == TIMESTAMP_OUTSIDE_WINDOW:
            self.resync_clock()
        if failure.instruments_doubted:
            self._doubt_instruments()

    def tell(self, reports: Iterable[VenueReport]) -> None:
        """Report what is new."""
        for report in reports:
            told = self._moved if isinstance(report, VenueBalanceMoved) else self._told
            if told.add(_fact(report)):
                self.sinks.report(report)

    def refuse(
        self,
        intent: Intent,
        operation: Operation,
        text: str,
        reason: OrdRejReason = OrdRejReason.OTHER,
        *,
        order_unknown: bool = False,
        may_retry: bool = False,
    ) -> None:
        """Report that the venue certainly did not do it."""
        self.sinks.report(
            VenueRefused(
                venue_account=self.venue_account,
                symbol=intent.symbol,
                client_id=intent.client_id,
                operation=operation,
                intent_id=intent.intent_id,
                text=text,
                reason=reason,
                order_unknown=order_unknown,
                may_retry=may_retry,
            )
        )

    def unknown(self, intent: Intent, operation: Operation, text: str) -> None:
        """Report that the venue may or may not have done it."""
        self.sinks.report(
            VenueOutcomeUnknown(
                venue_account=self.venue_account,
                symbol=intent.symbol,
                client_id=intent.client_id,
                operation=operation,
                intent_id=intent.intent_id,
                text=text,
            )
        )

    def note(self, direction: str, operation: str, text: Raw | str, client_id: str = "") -> None:
        """Record what is about no request of an order; client_id: the order it is about all the same."""
        self.sinks.call(
            direction=direction,
            operation=operation,
            order_id=client_id,
            intent_id=0,
            text=text if isinstance(text, str) else str(text, "utf-8", "replace"),
            venue_account=self.venue_account,
        )

    def record(self, direction: str, operation: str, intent: Intent, text: str) -> None:
        """Record a request or an answer."""
        self.sinks.call(
            direction=direction, operation=operation, order_id=intent.order_id, intent_id=intent.intent_id, text=text
        )
