"""The engine's loop: drain, decide, commit, release. One thread, one batch at a time.

A batch is whatever queued up while the previous commit ran, so an idle gateway commits one order at once and a busy one
commits hundreds together. Nothing is released before the commit that records it returned; a commit that failed stops
the engine for good.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from loguru import logger

from gateway.domain import venue_reports as v
from gateway.domain.order import Order
from gateway.engine import inbox as i
from gateway.engine.clients import Clients
from gateway.engine.clock import NANOSECONDS, Clock
from gateway.engine.crash_points import crash_point
from gateway.engine.desk import Desk
from gateway.engine.mass_cancels import MassCancels
from gateway.engine.numbers import SessionState
from gateway.engine.operator import Operator
from gateway.engine.owners import Owners
from gateway.engine.ports import FixSender, VenuePort
from gateway.engine.reconciler import Reconciler
from gateway.engine.recorder import Recorder
from gateway.engine.records import ClockLimits, Records, sent_row
from gateway.engine.release import Releaser
from gateway.engine.schedules import Schedules
from gateway.engine.timers import Timers
from gateway.engine.withdrawals import Withdrawals
from gateway.store.rows import ReportRow
from gateway.store.writer import BatchWriter

BATCH_LIMIT = 500
"""Items a batch takes at most: enough for group commit to pay, few enough that the first need not wait long."""

LINGER = 5_000_000  # ns
"""How long records alone wait for a batch that has to be committed anyway.

They are safe to lose: a report whose sending is not recorded goes again with PossResend, and what a venue was asked
stands in the intents. Committed one by one they would keep the next order waiting behind a disk write of their own.
"""

_RECORDS = frozenset({i.MessageSent, i.VenueCalled})


class Engine:
    """Owns the loop's thread. Everything reaches it through `inbox`."""

    def __init__(
        self,
        *,
        inbox: i.Inbox,
        desk: Desk,
        recorder: Recorder,
        clients: Clients,
        sessions: Mapping[str, SessionState],
        writer: BatchWriter,
        venue: VenuePort,
        timers: Timers,
        reconciler: Reconciler,
        withdrawals: Withdrawals,
        operator: Operator,
        mass_cancels: MassCancels,
        schedules: Schedules,
        clock: Clock,
        unsent: Callable[[str, int], Sequence[ReportRow]],
        on_halt: Callable[[BaseException], None],
        working: AbstractContextManager[object],
        check_lease: Callable[[], None] = lambda: None,
        clock_limits: ClockLimits = ClockLimits(),  # noqa: B008 -- immutable
        clock_read: Callable[[i.ClockRead], None] = lambda _: None,
    ) -> None:
        """unsent: a session's reports in SQL after the given one, in order. check_lease: raises LeaseLost. working:
        held while a batch is decided, committed and released. clock_read: told of each reading too.
        """
        self._inbox = inbox
        self._desk = desk
        self._recorder = recorder
        self._clients = clients
        self._sessions = sessions
        self._writer = writer
        self._venue = venue
        self._timers = timers
        self._reconciler = reconciler
        self._disconnects = withdrawals.disconnects
        self._withdrawals = withdrawals
        self._operator = operator
        self._schedules = schedules
        self._clock = clock
        self._unsent = unsent
        self._on_halt = on_halt
        self._working = working
        self._releaser = Releaser(
            recorder=recorder,
            sessions=sessions,
            venue=venue,
            timers=timers,
            reconciler=reconciler,
            operator=operator,
            mass_cancels=mass_cancels,
            clock=clock,
            check_lease=check_lease,
        )
        self._records = Records(recorder, clock_limits)
        self._tell_clock_read = clock_read
        self._epochs = {key: state.epoch for key, state in sessions.items()}
        self._sent: list[i.MessageSent] = []
        self._waiters: list[threading.Event] = []
        self._stopping = False
        self._linger_until = 0  # when records that wait have to be committed alone; 0: none wait
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            i.AppReceived: clients.app_received,
            i.CallbackFailed: clients.callback_failed,
            i.AdminReceived: clients.admin_received,
            i.MessageSent: self._message_sent,
            i.LoggedOn: self._logged_on,
            i.LoggedOut: self._logged_out,
            i.EmergencyOver: self._emergency_over,
            i.LogonsAccepted: lambda item: self._disconnects.begin(item.at),
            i.EpochReset: self._epoch_reset,
            i.ReserveNumbers: self._reserve_numbers,
            i.VenueCalled: self._records.venue_called,
            i.ClockRead: self._clock_read,
            i.AvailabilityChanged: self._availability_changed,
            i.SnapshotTaken: self._snapshot_taken,
            v.VenueBalanceMoved: reconciler.balances.moved,
            i.AlertRaised: self._alert_raised,
            i.OperatorRequest: operator.request,
            i.SessionClosed: operator.session_closed,
            i.OperationEnded: lambda item: item.finish(item.outcome),
            i.KeysReloaded: operator.keys_reloaded,
            i.OwnerLearned: lambda item: Owners.learned(item, recorder.batch),
            i.StopRequested: self._stop_requested,
            i.SignOfLife: lambda item: self._waiters.append(item.done),
        }

    def start(self, sender: FixSender) -> None:
        """Begin to work; reports go through this sender."""
        self._releaser.sender = sender
        self._thread.start()

    @property
    def thread_id(self) -> int | None:
        """The operating system's id of the loop's thread."""
        return self._thread.native_id

    def join(self, timeout: float) -> bool:
        """Wait for the loop to end. Returns whether it did."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def sent(self, message: i.MessageSent) -> None:
        """A message was given to the wire. Called from the thread that sent it, ours included."""
        if threading.get_ident() == self._thread.ident:
            self._sent.append(message)
        else:
            self._inbox.put(message)

    # --- the loop

    def _run(self) -> None:
        try:
            now = self._clock.now()
            self._records.state_changed("engine", "", "started", now)
            for order in self._orders(list(self._recorder.book.working)):
                self._see_to(order, "cancel", self._desk.cancel_again, now)
            self._commit()  # the reserved numbers, before anything can be sent under them
            while not self._stopping:
                self._turn()
            self._writer.close()
        except BaseException as error:  # fail-stop: an engine that cannot commit must not go on
            self._on_halt(error)

    def _turn(self) -> None:
        items = self._inbox.drain(self._patience(), BATCH_LIMIT)
        with self._working:
            self._work(items)

    def _work(self, items: Sequence[Any]) -> None:
        crash_point("drained")
        for item in items:
            self._handle(item)
        self._due()
        if items and self._may_linger(items):
            return
        self._linger_until = 0
        crash_point("decided")
        self._commit()
        crash_point("committed")
        self._releaser.release()
        for waiter in self._waiters:
            waiter.set()
        self._waiters.clear()
        crash_point("released")
        for message in self._sent:  # now rather than in front of the next order
            self._message_sent(message)
        self._sent.clear()

    def _may_linger(self, items: Sequence[Any]) -> bool:
        """Whether nothing but records came, and nothing waits for this batch."""
        recorder = self._recorder
        if recorder.events or recorder.reports or recorder.intents or self._waiters:
            return False
        return all(type(item) in _RECORDS for item in items) and self._clock.now() < self._lingers_until()

    def _lingers_until(self) -> int:
        if not self._linger_until:
            self._linger_until = self._clock.now() + LINGER
        return self._linger_until

    def _patience(self) -> float:
        now = self._clock.now()
        if not self._recorder.batch.is_empty:
            return max(0, self._lingers_until() - now) / NANOSECONDS
        if any(state.waiting and state.logged_on for state in self._sessions.values()):
            return 0
        waits = (self._timers, self._reconciler, self._withdrawals, self._schedules, self._operator)
        patience = min(duty.wait(now) for duty in waits)
        proofs = self._releaser.proofs.wait(now)
        return patience if proofs is None else min(proofs, patience)

    def _handle(self, item: Any) -> None:
        """One item. What fails on its data is quarantined; the engine goes on."""
        handler = self._handlers.get(type(item))
        try:
            if handler is not None:
                handler(item)
            else:
                self._venue_report(item)
        except Exception as error:
            logger.opt(exception=error).error("quarantined {}", type(item).__name__)
            self._quarantine(item, error)

    def _quarantine(self, item: Any, error: Exception) -> None:
        try:
            text = f"{type(item).__name__}: {type(error).__name__}: {error}"
            self._alert("QUARANTINED", text, getattr(item, "session", None))
            if isinstance(item, i.AppReceived):
                self._clients.quarantine(item)
        except Exception as again:  # a defect of ours, but still one message's trouble
            logger.opt(exception=again).error("quarantine failed {}", type(item).__name__)
            self._alert("QUARANTINE_FAILED", f"{type(item).__name__}: {type(again).__name__}")

    def _due(self) -> None:
        now = self._clock.now()
        day = self._timers.new_day(now)
        if day is not None:
            self._recorder.book.roll_day(day)
        for order in self._orders(self._timers.expired(now)):
            if not self._see_to(order, "expiry", self._desk.expire, now):
                self._timers.expire_later(order, now)
        for order in self._orders(self._timers.to_retry(now)):
            self._see_to(order, "retry", self._desk.retry, now)
        for duty in (self._withdrawals, self._schedules, self._operator, self._reconciler):
            try:
                duty.due(now)
            except Exception as error:  # it is tried again
                name = type(duty).__name__
                logger.opt(exception=error).error("{} failed", name)
                self._alert("QUARANTINED", f"{name}: {type(error).__name__}: {error}")

    def _see_to(self, order: Order, what: str, act: Callable[[Order, int], None], now: int) -> bool:
        """Do it to the order. As for messages, one order's trouble is not the others'. Returns whether it was done."""
        try:
            act(order, now)
        except Exception as error:
            logger.opt(exception=error).error("{} failed order_id={}", what, order.order_id)
            self._alert("QUARANTINED", f"{what} of {order.order_id}: {type(error).__name__}: {error}")
            return False
        return True

    def _orders(self, order_ids: Iterable[str]) -> list[Order]:
        orders = self._recorder.book.orders
        return [orders[order_id] for order_id in order_ids if order_id in orders]

    def _commit(self) -> None:
        batch = self._recorder.finish_batch()
        about_to_send: dict[str, int] = {}
        for report in self._recorder.reports:
            about_to_send[report.session] = about_to_send.get(report.session, 0) + 1
        for state in self._sessions.values():
            state.reserve(about_to_send.get(state.key, 0) + len(state.waiting))
            if state.changed:
                if state.epoch != self._epochs[state.key]:
                    self._epochs[state.key] = state.epoch
                    self._records.state_changed("session", state.key, "reset", state.created_at, f"epoch {state.epoch}")
                batch.sessions[state.key] = state.row()
                state.changed = False
        self._writer.commit(batch)
        for session in batch.sessions:
            self._sessions[session].reserved = self._sessions[session].out_reserved
        batch.clear()

    # --- sessions

    def _message_sent(self, item: i.MessageSent) -> None:
        state = self._sessions[item.session]
        if item.msg_type == "5":
            self._disconnects.logout_sent(item.session)
        first_use = item.first_use and state.is_first_out(item.msg_seq_num)
        # What is sent again says nothing of the next number; a gap fill even carries the number that was asked for.
        state.sent(item.msg_seq_num if item.first_use else 0, item.report_id, item.at)
        self._recorder.batch.messages.append(sent_row(item, state.epoch, first_use=first_use))

    def _logged_on(self, item: i.LoggedOn) -> None:
        state = self._sessions[item.session]
        state.logged_on, state.last_logon_at, state.changed = True, item.at, True
        state.asked_report_id = state.proven_report_id  # what was asked before may have been lost
        self._disconnects.logged_on(item.session)
        self._records.state_changed("session", item.session, "on", item.at)
        logger.info("session on session={} next_in={} next_out={}", item.session, state.next_in, state.next_out)

    def _logged_out(self, item: i.LoggedOut) -> None:
        state = self._sessions[item.session]
        state.logged_on, state.last_logout_at, state.changed = False, item.at, True
        closed = self._operator.is_told_to_leave(item.session)
        self._disconnects.logged_out(item.session, item.at, closed=closed)
        self._records.state_changed("session", item.session, "off", item.at, state.off_reason or "")
        logger.info("session off session={}", item.session)

    def _epoch_reset(self, item: i.EpochReset) -> None:
        state = self._sessions[item.session]
        state.start_epoch(item.at)
        state.wait_again(self._unsent(state.key, state.last_report_id))
        logger.info("session reset session={} epoch={}", item.session, state.epoch)
        self._waiters.append(item.done)

    def _reserve_numbers(self, item: i.ReserveNumbers) -> None:
        state = self._sessions[item.session]
        state.reserve(max(0, item.needed - state.next_out))
        self._waiters.append(item.done)

    def _stop_requested(self, item: i.StopRequested) -> None:
        if not self._inbox.is_empty:  # it comes before what clients have waiting, whose numbers QuickFIX has consumed
            self._inbox.put(item)
            return
        for session, (next_in, next_out) in item.numbers.items():
            state = self._sessions[session]
            state.next_in, state.next_out = max(state.next_in, next_in), max(state.next_out, next_out)
            self._disconnects.logged_out(session, self._clock.now())
            state.logged_on, state.clean, state.changed = False, True, True
        self._records.state_changed("engine", "", "stopped", self._clock.now())
        self._stopping = True

    # --- venues

    def _venue_report(self, report: v.VenueReport) -> None:
        problem = self._desk.venue_report(report)
        if problem and not self._reconciler.stray_report(report):
            self._alert(*problem.split(" ", 1))

    def _availability_changed(self, item: i.AvailabilityChanged) -> None:
        logger.info("venue account={} available={} {}", item.venue_account, item.available, item.reason)
        state = "available" if item.available else "unavailable"
        self._records.state_changed("venue", item.venue_account, state, item.at, item.reason)
        if item.available:
            self._reconciler.available(item.venue_account, item.at)
            self._operator.venue_available(item.at)
        else:
            self._reconciler.unavailable(item.venue_account, item.at)

    def _emergency_over(self, item: i.EmergencyOver) -> None:
        self._withdrawals.emergency_over(item.aftermath, self._clock.now())
        self._waiters.append(item.done)

    def _snapshot_taken(self, item: i.SnapshotTaken) -> None:
        self._reconciler.snapshot_taken(item.snapshot)

    def _clock_read(self, item: i.ClockRead) -> None:
        self._records.clock_read(item)
        self._tell_clock_read(item)

    def _alert_raised(self, item: i.AlertRaised) -> None:
        self._alert(item.code, item.text, item.session)

    def _alert(self, code: str, text: str, session: str | None = None) -> None:
        self._recorder.alert(code, text, self._clock.now(), session)
