"""What becomes of each order request: its answer or its loss, turned into reports."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from gateway.domain.intents import CancelIntent, Intent, PlaceIntent
from gateway.domain.venue_reports import Operation, VenueReport
from gateway.venues.binance import answers
from gateway.venues.binance.channel import Answer, status_line
from gateway.venues.binance.errors import TIMESTAMP_OUTSIDE_WINDOW, TOO_MANY_ORDERS, Failure, Kind
from gateway.venues.binance.payload import PayloadError, Raw
from gateway.venues.binance.reporter import Reporter
from gateway.venues.binance.silence import SilenceWatch

UNAVAILABLE = "VENUE_UNAVAILABLE"


class OrderCall(ABC):
    """One request about an order, waiting for its answer on either channel."""

    operation: Operation

    def __init__(self, reporter: Reporter, intent: Intent) -> None:
        self.reporter = reporter
        self.intent = intent

    def answered(self, answer: Answer) -> None:
        """The venue answered, perhaps after the wait was given up."""
        self.reporter.record("in", self.operation, self.intent, status_line(answer))
        if not answer.ok:
            self._failed(answer.failure())
            return
        self.reporter.limits.accepted()
        try:
            self.done(self.read(answer.result))
        except PayloadError as error:
            self.reporter.sinks.alert("VENUE_ANSWER_UNREADABLE", str(error))
            self.reporter.unknown(self.intent, self.operation, f"unreadable answer: {error}")

    def lost(self, why: str, *, written: bool) -> None:
        """No answer. Only what was not written is certainly not done."""
        self.reporter.record(
            "in", self.operation, self.intent, f"lost ({'written' if written else 'not written'}): {why}"
        )
        if written:
            self.reporter.unknown(self.intent, self.operation, why)
        else:
            self.not_sent(why)

    def _failed(self, failure: Failure) -> None:
        if failure.kind is Kind.UNKNOWN:
            self.reporter.unknown(self.intent, self.operation, failure.text)
            return
        if failure.code == TOO_MANY_ORDERS:  # of this account alone, and its cancels go on
            self.reporter.limits.orders_used_up(self.reporter.clock.clock_ms(), failure.retry_at_ms)
        else:
            self.reporter.heed(failure)
            if failure.kind is Kind.RATE_LIMITED and self.held_back():
                return
        self.reporter.refuse(
            self.intent,
            self.operation,
            failure.text,
            failure.reason,
            order_unknown=failure.order_unknown,
            may_retry=failure.kind is Kind.RATE_LIMITED or failure.code == TIMESTAMP_OUTSIDE_WINDOW,
        )

    @abstractmethod
    def read(self, result: Raw) -> Iterable[VenueReport]:
        """The reports in a successful answer. Raises PayloadError."""

    def done(self, reports: Iterable[VenueReport]) -> None:
        """Tell them."""
        self.reporter.tell(reports)

    def not_sent(self, why: str) -> None:
        """The request certainly did not leave."""
        self.reporter.refuse(self.intent, self.operation, f"{UNAVAILABLE} {why}", may_retry=True)

    def held_back(self) -> bool:
        """Whether a rate-limited request waits to be sent again instead of being refused."""
        return False


class PlaceCall(OrderCall):
    """A new order."""

    operation = Operation.PLACE

    def __init__(self, reporter: Reporter, intent: PlaceIntent, silence: SilenceWatch) -> None:
        super().__init__(reporter, intent)
        self._silence = silence

    def read(self, result: Raw) -> Iterable[VenueReport]:
        return answers.placed(self.reporter.ref(self.intent), result)

    def done(self, reports: Iterable[VenueReport]) -> None:
        reports = tuple(reports)
        self._silence.answered((self.intent.symbol, reports[0].venue_order_id or ""))
        self.reporter.tell(reports)


class CancelCall(OrderCall):
    """A cancel. When it did not leave on the WebSocket API, or the venue is taking nothing, it is tried otherwise."""

    operation = Operation.CANCEL

    def __init__(
        self,
        reporter: Reporter,
        intent: CancelIntent,
        *,
        otherwise: Callable[[CancelIntent], None] | None,
        hold: Callable[[CancelIntent], bool],
    ) -> None:
        super().__init__(reporter, intent)
        self._cancel = intent
        self._otherwise = otherwise
        self._hold = hold

    def read(self, result: Raw) -> Iterable[VenueReport]:
        return (answers.canceled(self.reporter.ref(self.intent), result),)

    def not_sent(self, why: str) -> None:
        if self._otherwise is None:
            super().not_sent(why)
        else:
            self._otherwise(self._cancel)

    def held_back(self) -> bool:
        return self._hold(self._cancel)


class AmendCall(OrderCall):
    """A reduction of quantity in place."""

    operation = Operation.AMEND

    def read(self, result: Raw) -> Iterable[VenueReport]:
        return (answers.amended(self.reporter.ref(self.intent), result),)
