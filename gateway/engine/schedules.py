"""Sessions opened and closed by the clock, and their numbers begun anew at the end of each period.

At the boundary the client is logged out and a new epoch begins, as for an operator's reset. An engine that was down at
the boundary begins the epoch when it starts: an epoch older than the last boundary is over, whoever finds out.

A clock that is set forward by mistake ends no period: the client would come back with numbers that are over, and only
a person could bring the two together again. What was done by a clock that is set back since is looked at again.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from loguru import logger

from gateway.domain.schedule import Schedule
from gateway.engine.clock import NANOSECONDS, Clock
from gateway.engine.numbers import SessionState
from gateway.engine.operations import OperationRefused, Outcome
from gateway.engine.session_actions import NewEpoch, SessionActions
from gateway.store.rows import ReportRow

_AGAIN = NANOSECONDS
"""When to look again where something was not done."""


class Schedules:
    """Only the engine's thread uses it, but for `refusal`."""

    def __init__(
        self,
        schedules: Mapping[str, Schedule],
        *,
        states: Mapping[str, SessionState],
        actions: SessionActions,
        clock: Clock,
        is_doubted: Callable[[], bool] = lambda: False,
    ) -> None:
        """schedules: by session; one without is always open, and its numbers go on for ever.

        is_doubted: whether the clock was set, and nobody has confirmed it since.
        """
        self._schedules = schedules
        self._states = states
        self._actions = actions
        self._clock = clock
        self._is_doubted = is_doubted
        self._looked_at = 0
        self._next = dict.fromkeys(schedules, 0)  # when to look at each
        self._soonest: float = 0 if schedules else math.inf

    def roll_missed(self, unsent: Callable[[str, int], Sequence[ReportRow]]) -> None:
        """Before anybody can log on: begin the epochs that were due while no engine ran."""
        now = self._clock.now()
        for session in self._schedules:
            state = self._states[session]
            self._set_back(state, now)
            if self._is_over(session, now):
                state.start_epoch(now)
                state.wait_again(unsent(session, state.last_report_id))
                logger.info("session {} begins epoch {}: its period ended meanwhile", session, state.epoch)

    def refusal(self, session: str) -> str:
        """Why nobody can log on to the session now; empty when it is open. Any thread may ask."""
        schedule = self._schedules.get(session)
        if schedule is None:
            return ""
        now = self._clock.now()
        if schedule.period_at(now) is None:
            return f"outside of the session's schedule; it opens at {_text(schedule.next_boundary(now))}"
        return "a new period of the session begins; try again" if self._is_over(session, now) else ""

    def due(self, now: int) -> None:
        """Close and roll over what is due."""
        if self._schedules and self._is_doubted():
            return
        if now < self._looked_at:  # the clock was set back: what is next comes sooner than was noted
            self._next = dict.fromkeys(self._next, 0)
        elif now < self._soonest:
            return
        self._looked_at = now
        for session, when in self._next.items():
            if when <= now:
                self._next[session] = self._look(session, now)
        self._soonest = min(self._next.values())

    def wait(self, now: int) -> float:
        """Seconds until something is due; infinite when nothing ever is."""
        if self._schedules and self._is_doubted():
            return _AGAIN / NANOSECONDS
        return max(0.0, (self._soonest - now) / NANOSECONDS)

    def _look(self, session: str, now: int) -> int:
        """Do what has to be done to one. Returns when to look again."""
        schedule = self._schedules[session]
        self._set_back(self._states[session], now)
        over, is_open = self._is_over(session, now), schedule.period_at(now) is not None
        if not over and (is_open or not self._states[session].logged_on):
            return schedule.next_boundary(now)
        boundary = schedule.next_boundary(now)
        text = "the session's period is over; " + (
            "log on to the next" if is_open else f"the next opens at {_text(boundary)}"
        )
        try:
            self._actions.log_out(session, text, NewEpoch() if over else None, _note)
        except OperationRefused:  # something else is being done to it
            logger.debug("session {} is busy, its schedule waits", session)
        return now + _AGAIN

    def _set_back(self, state: SessionState, now: int) -> None:
        """An epoch that begins later than now was begun by a wrong clock, and would outlive the end of its period."""
        if state.created_at > now:
            state.created_at, state.changed = now, True

    def _is_over(self, session: str, now: int) -> bool:
        """Whether the epoch that the session is in belongs to a period that has ended."""
        return self._states[session].created_at < self._schedules[session].epoch_begin(now)


def _note(outcome: Outcome) -> None:
    if not outcome.done:
        logger.warning("schedule: {}", outcome.text)


def _text(nanoseconds: int) -> str:
    return f"{datetime.fromtimestamp(nanoseconds // NANOSECONDS, UTC):%Y-%m-%dT%H:%M:%SZ}"
