"""Proof that a client has its reports, so that a reset of the numbers need not send all of them again.

FIX acknowledges nothing. But a TestRequest(1) that follows a report is answered only by a client that took what came
before it, and the Heartbeat(0) gives back TestReqID(112), in which we wrote the report's number.
"""

import re
from collections.abc import Collection

from gateway.engine.clock import NANOSECONDS
from gateway.engine.numbers import RESERVE, SessionState

ASK_AFTER = 2 * NANOSECONDS
"""From the first report without proof to the question: one question serves all that was sent meanwhile."""

ASK_AGAIN = 10 * NANOSECONDS
"""From a question to the next about the same reports: a gap fill after a reconnect can take an answer with it."""

_ANSWER = re.compile(r"\x01112=REPORT-(\d{1,18})\x01")


def question(report_id: int) -> str:
    """The TestReqID(112) that asks for this report and all before it."""
    return f"REPORT-{report_id}"


def proven_by(heartbeat: str) -> int:
    """The report that a Heartbeat proves to have arrived; 0 if it answers no question of ours."""
    found = _ANSWER.search(heartbeat)
    return int(found[1]) if found else 0


class Proofs:
    """When to ask which session. Only the engine's thread uses it."""

    def __init__(self, sessions: Collection[SessionState]) -> None:
        self._sessions = sessions
        self._due: dict[str, int] = {}

    def due(self, now: int) -> list[SessionState]:
        """The sessions to be asked now."""
        asked = []
        for state in self._sessions:
            if not state.logged_on or state.last_report_id <= state.proven_report_id:
                if self._due:
                    self._due.pop(state.key, None)
                continue
            due = self._due.setdefault(state.key, now + ASK_AFTER)
            if state.last_report_id > state.asked_report_id and due > now + ASK_AFTER:
                due = self._due[state.key] = now + ASK_AFTER
            if due <= now and _has_numbers(state):
                self._due[state.key] = now + ASK_AGAIN
                asked.append(state)
        return asked

    def wait(self, now: int) -> float | None:
        """Seconds until the next question, or None."""
        return max(0.0, (min(self._due.values()) - now) / NANOSECONDS) if self._due else None


def _has_numbers(state: SessionState) -> bool:
    """Our own thread cannot wait for more numbers, since it is the one that reserves them."""
    return state.next_out + RESERVE // 4 < state.reserved
