"""Turns decided changes into rows to commit and effects to release after the commit.

All that can fail on data (encoding a report or an event) happens before anything is changed, so that a failure leaves
book and batch as they were and the message behind it can be quarantined.
"""

from collections.abc import Callable, Iterable, Mapping

from loguru import logger

from gateway.domain import events as e
from gateway.domain.book import Book
from gateway.domain.changes import Changes
from gateway.domain.effects import intent_of
from gateway.domain.instruments import NO_CAPABILITIES, Capabilities, Instrument
from gateway.domain.intents import CancelIntent, Intent
from gateway.domain.order import Leg, Order
from gateway.domain.reconcile import OrderAtVenue
from gateway.domain.reports import Report, report_of
from gateway.domain.risk import Decision
from gateway.domain.session_names import OWN_SESSION
from gateway.engine.clock import Clock
from gateway.engine.drop_copy import NO_COPIES, DropCopies
from gateway.engine.event_log import LoggedEvent
from gateway.engine.instrument_log import InstrumentLog
from gateway.engine.limits import keep_stops
from gateway.engine.numbers import SessionState
from gateway.engine.ports import FixCodec, VenuePort
from gateway.store.batch import Batch
from gateway.store.codec import encode_event, encode_json
from gateway.store.positions import position_row
from gateway.store.projections import execution_row, order_row
from gateway.store.rows import AlertRow, DecisionRow, InstrumentRow, IntentRow, JournalRow, ReportRow, storable


class Recorder:
    """Holds the journal position and the report number, and what the next commit and release will do."""

    def __init__(
        self,
        *,
        book: Book,
        sessions: Mapping[str, SessionState],
        codec: FixCodec,
        venue: VenuePort,
        recv_window_ms: int,
        position: int,
        report_id: int,
        drop_copies: DropCopies = NO_COPIES,
        instruments: Iterable[InstrumentRow] = (),
    ) -> None:
        """instruments: those that are recorded, in order."""
        self._drop_copies = drop_copies
        self.book = book
        self.batch = Batch()
        self._instruments = InstrumentLog(self.batch, instruments)
        self.position = position
        self.report_id = report_id
        self.reports: list[ReportRow] = []
        self.intents: list[Intent] = []
        self.events: list[LoggedEvent] = []
        self.changed: dict[str, tuple[Order, int]] = {}  # orders as this batch leaves them, and when they changed
        self._sessions = sessions
        self._codec = codec
        self._venue = venue
        self._recv_window_ms = recv_window_ms
        self._cautioned: set[int] = set()  # limits that were alerted and have not been quiet since

    def record(
        self, changes: Changes, capabilities: Capabilities = NO_CAPABILITIES, decision: Decision | None = None
    ) -> None:
        """Take over what was decided. Raises on data that cannot be encoded, and then has changed nothing."""
        if not changes.steps:
            return
        position = self.position
        timestamp_ms = 0
        journal: list[JournalRow] = []
        reports: list[ReportRow] = []
        intents: list[Intent] = []
        for event, before, after in changes.steps:
            position += 1
            journal.append(JournalRow(position, event.order_id, type(event).__name__, event.at, encode_event(event)))
            report = report_of(position, event, before, after)
            if report is not None:
                for told in (report, *self._drop_copies.of(report)):
                    if told.session != OWN_SESSION:  # nobody is there
                        reports.append(self._report_row(told, len(reports), event.at))
            if type(event) in _ASKS_VENUE and after is not None:
                timestamp_ms = timestamp_ms or self._venue.clock_ms(after.venue_account)
                intent = intent_of(position, event, after, capabilities, timestamp_ms, self._recv_window_ms)
                assert intent is not None
                intents.append(intent)
        intent_rows = [_intent_row(intent, changes.steps[0][0].at) for intent in intents]
        # Nothing above has changed anything; nothing below can fail on data.
        self._take(changes, journal, decision)
        self.batch.intents += intent_rows
        self._take_reports(reports)
        self.intents += intents

    def decided_with(self, at: int, venue_account: str, symbol: str, instrument: Instrument | None) -> None:
        """What is recorded next was decided with this instrument."""
        self._instruments.decided_with(self.position + 1, at, venue_account, symbol, instrument)

    def answer(self, report: Report, at: int) -> None:
        """Send a message that no event stands for: a status report, a business reject."""
        self._take_reports([self._report_row(report, 0, at)])

    def cancel_stray(
        self, venue_account: str, theirs: OrderAtVenue, at: int, order: Order | None = None, leg: Leg | None = None
    ) -> None:
        """Cancel at the venue what belongs to no order that is open. order, leg: of which it once was."""
        event = e.StrayCancelSubmitted(
            order_id="",
            at=at,
            venue_account=venue_account,
            symbol=theirs.symbol,
            client_id=theirs.client_id,
            venue_order_id=theirs.venue_order_id,
            of_order=order.order_id if order is not None else "",
            leg=leg.number if leg is not None else 0,
        )
        changes = Changes()
        changes.note(event)
        intent = CancelIntent(
            intent_id=self.position + 1,
            order_id=event.of_order,
            leg=event.leg,
            venue_account=event.venue_account,
            symbol=event.symbol,
            client_id=event.client_id,
            timestamp_ms=self._venue.clock_ms(event.venue_account),
            recv_window_ms=self._recv_window_ms,
            venue_order_id=event.venue_order_id,
        )
        row = _intent_row(intent, event.at)
        journal = JournalRow(intent.intent_id, "", type(event).__name__, event.at, encode_event(event))
        self._take(changes, [journal], None)
        self.batch.intents.append(row)
        self.intents.append(intent)

    def alert(self, code: str, text: str, at: int, session: str | None = None, order_id: str | None = None) -> None:
        """Something a person should look at: a row, and a line of the log."""
        logger.warning("ALERT {} {} session={}", code, storable(text), session or "-")
        self.batch.alerts.append(AlertRow(at, "warning", code, storable(text), session, order_id))

    def alert_now(self, clock: Clock) -> Callable[[str, str], None]:
        """Alerts by code and text alone."""
        return lambda code, text: self.alert(code, text, clock.now())

    def finish_batch(self) -> Batch:
        """The batch, complete: an order that changed several times in it is written once, as it ended."""
        for order, at in self.changed.values():
            self.batch.orders[order.order_id] = order_row(order, at)
        ledger = self.book.risk.ledger
        for account, symbol in ledger.changed:
            row = position_row(account, symbol, ledger.of(account)[symbol], self.book.day_start)
            self.batch.positions[account, symbol] = row
        ledger.changed.clear()
        return self.batch

    def _report_row(self, report: Report, ahead: int, at: int) -> ReportRow:
        begin_string = self._sessions[report.session].begin_string
        msg_type, body = self._codec.encode(report, begin_string=begin_string)
        order_id = report.order.order_id if report.order is not None else None
        return ReportRow(self.report_id + 1 + ahead, report.session, order_id, msg_type, body, at)

    def _take_reports(self, rows: list[ReportRow]) -> None:
        self.report_id += len(rows)
        self.batch.reports += rows
        self.reports += rows

    def _take(self, changes: Changes, journal: list[JournalRow], decision: Decision | None) -> None:
        first = self.position + 1
        batch = self.batch
        batch.journal += journal
        for position, (event, before, after) in enumerate(changes.steps, first):
            self.book.record(position, event, before, after)
            self.events.append(LoggedEvent(position, event, after, journal[position - first].payload))
            if type(event) is e.OrderFilled and after is not None:
                batch.executions.append(execution_row(position, event, after))
        self.position += len(journal)
        if self.book.risk.stopped:
            keep_stops(self.book.risk, batch, changes.steps[-1][0].at)
        event, _, after = changes.steps[-1]
        if after is not None and event.order_id:
            self.changed[after.order_id] = (after, event.at)
        if decision is not None:
            batch.decisions.append(_decision_row(first, changes, decision))
            if decision.cautions or self._cautioned:
                self._caution(decision, changes)

    def _caution(self, decision: Decision, changes: Changes) -> None:
        """Alert what a limit warns of, once until an order finds it quiet again."""
        event, _, after = changes.steps[0]
        session = after.session if after is not None else None
        for limit, text in decision.cautions:
            if limit.limit_id not in self._cautioned:
                self._cautioned.add(limit.limit_id)
                logger.warning("ALERT LIMIT_WARNING {} session={}", text, session)
                alert = AlertRow(event.at, "warning", "LIMIT_WARNING", text, session, event.order_id or None)
                self.batch.alerts.append(alert)
        self._cautioned.difference_update(decision.quiet)


_ASKS_VENUE = frozenset({e.LegSubmitted, e.CancelSubmitted, e.AmendSubmitted, e.SettlementRequested})


def _intent_row(intent: Intent, at: int) -> IntentRow:
    return IntentRow(
        intent.intent_id,
        intent.order_id,
        intent.leg,
        type(intent).__name__.removesuffix("Intent").lower(),
        intent.venue_account,
        intent.symbol,
        intent.client_id,
        intent.timestamp_ms,
        intent.recv_window_ms,
        encode_json(intent),
        at,
    )


def _decision_row(position: int, changes: Changes, decision: Decision) -> DecisionRow:
    event, _, after = changes.steps[0]
    denial = decision.denial
    return DecisionRow(
        position,
        event.order_id or None,
        getattr(event, "cl_ord_id", None),
        after.session if after is not None else getattr(event, "session", ""),
        "accept" if denial is None else "deny",
        "" if denial is None else denial.code,
        "" if denial is None else denial.text,
        encode_json(decision.inputs),
        event.at,
    )
