"""What follows a commit: requests go to the venues, reports to FIX, and who waited is told."""

from collections.abc import Callable, Mapping

from loguru import logger

from gateway.domain import events as e
from gateway.engine.clock import Clock
from gateway.engine.crash_points import crash_point
from gateway.engine.event_log import event_lines
from gateway.engine.mass_cancels import MassCancels
from gateway.engine.numbers import SessionState, WaitingReport
from gateway.engine.operator import Operator
from gateway.engine.ports import FixSender, VenuePort
from gateway.engine.proofs import Proofs, question
from gateway.engine.reconciler import Reconciler
from gateway.engine.recorder import Recorder
from gateway.engine.timers import Timers
from gateway.logs import info_lines

SEND_LIMIT = 500
"""Reports sent to a session at a time: a long queue must neither hold up the others nor use up the reserved numbers."""


class Releaser:
    """Only the engine's thread uses it."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        sessions: Mapping[str, SessionState],
        venue: VenuePort,
        timers: Timers,
        reconciler: Reconciler,
        operator: Operator,
        mass_cancels: MassCancels,
        clock: Clock,
        check_lease: Callable[[], None],
    ) -> None:
        self._recorder = recorder
        self._sessions = sessions
        self._venue = venue
        self._timers = timers
        self._reconciler = reconciler
        self._operator = operator
        self._mass_cancels = mass_cancels
        self._clock = clock
        self._check_lease = check_lease
        self.proofs = Proofs(sessions.values())
        self.sender: FixSender | None = None

    def release(self) -> None:
        """Let it all go. Raises LeaseLost when another engine may have taken over."""
        self._check_lease()
        recorder = self._recorder
        if recorder.intents:
            self._venue.release(self._mass_cancels.gather(recorder.intents))
            recorder.intents = []
            crash_point("venue_released")
        for report in recorder.reports:
            self._sessions[report.session].waiting.append(WaitingReport(report.report_id, report.body))
        recorder.reports.clear()
        for state in self._sessions.values():
            if state.logged_on and state.waiting:
                self._send_waiting(state)
        self._ask_for_proofs()
        self._operator.release()
        if recorder.events:
            self._note_events()

    def _send_waiting(self, state: SessionState) -> None:
        assert self.sender is not None
        for _ in range(min(len(state.waiting), SEND_LIMIT)):
            report = state.waiting[0]
            crash_point("sending")
            try:
                if not self.sender.send(state.key, report.report_id, report.body, poss_resend=report.poss_resend):
                    return
            except Exception as error:  # one report that QuickFIX refuses must not hold up the others
                logger.opt(exception=error).error("not sent session={} report_id={}", state.key, report.report_id)
                self._recorder.alert(
                    "REPORT_NOT_SENT", f"report {report.report_id}: {error}", self._clock.now(), state.key
                )
            state.waiting.popleft()
            crash_point("sent")

    def _ask_for_proofs(self) -> None:
        for state in self.proofs.due(self._clock.now()):
            assert self.sender is not None
            state.asked_report_id = state.last_report_id
            try:
                self.sender.ask(state.key, question(state.last_report_id))
            except Exception as error:  # without proof a reset sends more than it must, and that is all
                logger.opt(exception=error).error("no proof asked for session={}", state.key)

    def _note_events(self) -> None:
        recorder = self._recorder
        events, recorder.events = recorder.events, []
        changed, recorder.changed = recorder.changed, {}
        for order, at in changed.values():
            self._reconciler.touched(order, at)
            self._timers.watch(order, at)
        for position, event, after, _ in events:
            if type(event) is e.OrderReceived and after is not None:
                self._timers.watch_expiry(after)
            elif type(event) is e.OrderFilled and after is not None:
                self._reconciler.balances.executed(event, after)
            elif type(event) is e.VenueReportIgnored:
                text = f"exec_id={position} order_id={event.order_id} {event.text}"
                recorder.alert("VENUE_CONTRADICTS", text, event.at)
        info_lines(lambda: event_lines(events))
