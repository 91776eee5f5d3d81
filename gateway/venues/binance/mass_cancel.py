"""All open orders of a symbol canceled by one request, and what that means for each order it was sent for.

Source: Binance Spot API, openOrders.cancelAll and DELETE /api/v3/openOrders: weight 1, an array of the orders that were
canceled (an order list as one element with its orderReports), -2011 where nothing is open.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence

import msgspec

from gateway.domain.intents import CancelIntent
from gateway.domain.reconcile import OrderAtVenue
from gateway.domain.venue_reports import Operation, VenueClosed
from gateway.venues.binance import answers
from gateway.venues.binance.channel import Answer, RequestLostError, status_line
from gateway.venues.binance.errors import TIMESTAMP_OUTSIDE_WINDOW, Failure, Kind
from gateway.venues.binance.payload import PayloadError, Raw, decode
from gateway.venues.binance.reporter import Reporter
from gateway.venues.binance.requests import Params
from gateway.venues.binance.snapshot import open_orders

METHOD = "openOrders.cancelAll"
PATH = "/api/v3/openOrders"

Ask = Callable[[str, Params], Awaitable[Answer]]
Cancels = Sequence[CancelIntent]


class _Canceled(msgspec.Struct):
    orderId: int = 0
    origClientOrderId: str = ""
    orderReports: list[msgspec.Raw] = []


_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_CANCELED = msgspec.json.Decoder(_Canceled)


def mass_cancel_params(intents: Cancels) -> Params:
    """Signed as the intents were committed: valid no longer than the first of them."""
    first = min(intents, key=lambda intent: intent.timestamp_ms + intent.recv_window_ms)
    return {"recvWindow": first.recv_window_ms, "symbol": first.symbol, "timestamp": first.timestamp_ms}


class CancelAllCall:
    """One such request, waiting for its answer on either channel."""

    def __init__(
        self,
        reporter: Reporter,
        intents: Cancels,
        *,
        otherwise: Callable[[Cancels], None] | None,
        hold: Callable[[Cancels], bool],
        one_by_one: Callable[[CancelIntent], None],
        look: Callable[["CancelAllCall", str], None],
    ) -> None:
        """otherwise: what to do where it did not leave. hold: keeps it during a ban, or says that it cannot.

        look: has settle_doubt run, for this reason.
        """
        self._reporter = reporter
        self._intents = intents
        self._otherwise = otherwise
        self._hold = hold
        self._one_by_one = one_by_one
        self._look = look
        self._looks = False  # what became of each is being found out otherwise

    def answered(self, answer: Answer) -> None:
        """The venue answered, perhaps after the wait was given up: then only what it has done is news."""
        if not answer.ok:
            for intent in self._intents:
                self._record(intent, status_line(answer))
            failure = answer.failure()
            self._reporter.heed(failure)
            if not self._looks:
                self._failed(failure)
            return
        self._reporter.limits.accepted()
        try:
            found = self._found(answer.result)
        except PayloadError as error:
            self._reporter.sinks.alert("VENUE_ANSWER_UNREADABLE", str(error))
            for intent in self._intents:
                self._record(intent, f"unreadable answer: {error}")
            self._look_into(f"unreadable answer: {error}")
            return
        for intent in self._intents:
            if (told := found.get(intent.intent_id)) is not None:
                raw, closed = told
                self._record(intent, f"200 {str(raw, 'utf-8', 'replace')}")
                self._reporter.tell((closed,))
            elif not self._looks:
                self._not_open(intent)

    def lost(self, why: str, *, written: bool) -> None:
        """No answer. Only what was not written is certainly not done."""
        for intent in self._intents:
            self._record(intent, f"lost ({'written' if written else 'not written'}): {why}")
        if written:
            self._look_into(why)
        elif self._otherwise is not None:
            self._otherwise(self._intents)
        else:
            for intent in self._intents:
                self._one_by_one(intent)

    async def settle_doubt(self, ask: Ask, why: str) -> None:
        """Whatever became of it: what is open now is canceled one by one. What is not is in doubt until it is told."""
        theirs: tuple[OrderAtVenue, ...] = ()
        problem = ""
        try:
            answer = await ask("openOrders.status", {"symbol": self._intents[0].symbol})
            if answer.ok:
                theirs = open_orders(answer.result)
            else:
                failure = answer.failure()
                self._reporter.heed(failure)
                problem = failure.text
        except (RequestLostError, PayloadError) as error:
            problem = str(error)
        if problem:
            self.all_in_doubt(f"{why}; what is open cannot be seen: {problem}")
            return
        ids, names = {order.venue_order_id for order in theirs}, {order.client_id for order in theirs}
        for intent in self._intents:
            if intent.venue_order_id in ids or intent.client_id in names:
                self._one_by_one(intent)
            else:
                self.doubt(intent, why)

    def doubt(self, intent: CancelIntent, why: str) -> None:
        """The venue may or may not have canceled this one."""
        self._reporter.unknown(intent, Operation.CANCEL, why)

    def all_in_doubt(self, why: str) -> None:
        """Nobody can find out here."""
        for intent in self._intents:
            self.doubt(intent, why)

    def _found(self, result: Raw) -> dict[int, tuple[Raw, VenueClosed]]:
        """What the answer says of those that it canceled, by intent id, and all of it read before anything is told.

        Raises PayloadError.
        """
        by_id, by_name = _canceled(result)
        found = {}
        for intent in self._intents:
            raw = by_id.get(intent.venue_order_id or "") or by_name.get(intent.client_id)
            if raw is not None:
                found[intent.intent_id] = raw, answers.canceled(self._reporter.ref(intent), raw)
        return found

    def _look_into(self, why: str) -> None:
        if not self._looks:
            self._looks = True
            self._look(self, why)

    def _not_open(self, intent: CancelIntent) -> None:
        """It was over already, or had not arrived yet."""
        self._record(intent, f"{METHOD} has not canceled this one")
        self._reporter.refuse(
            intent, Operation.CANCEL, f"{METHOD}: it was not open (any more, or yet)", order_unknown=True
        )

    def _failed(self, failure: Failure) -> None:
        reporter = self._reporter
        if failure.kind is Kind.UNKNOWN:
            self._look_into(failure.text)
            return
        if failure.kind is Kind.RATE_LIMITED and self._hold(self._intents):
            return
        if failure.order_unknown or failure.kind is Kind.RATE_LIMITED or failure.code == TIMESTAMP_OUTSIDE_WINDOW:
            for intent in self._intents:
                reporter.refuse(
                    intent,
                    Operation.CANCEL,
                    failure.text,
                    order_unknown=failure.order_unknown,
                    may_retry=not failure.order_unknown,
                )
            return
        for intent in self._intents:  # whatever the venue has against this request, cancels pass
            self._one_by_one(intent)

    def _record(self, intent: CancelIntent, text: str) -> None:
        self._reporter.record("in", Operation.CANCEL, intent, text)


def _canceled(raw: Raw) -> tuple[dict[str, Raw], dict[str, Raw]]:
    """The orders in an answer, by the venue's id and by the client id they had. Raises PayloadError."""
    by_id: dict[str, Raw] = {}
    by_name: dict[str, Raw] = {}
    for one in _orders(decode(_LIST, raw)):
        named = decode(_CANCELED, one)
        by_id[str(named.orderId)] = one
        by_name[named.origClientOrderId] = one
    return by_id, by_name


def _orders(elements: list[msgspec.Raw]) -> Iterator[Raw]:
    for element in elements:
        legs = decode(_CANCELED, element).orderReports
        yield from legs or [element]
