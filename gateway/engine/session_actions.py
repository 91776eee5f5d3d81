"""Sessions logged out, and their numbers begun anew or set, by an operator or by the schedule.

The order of things keeps SQL's numbers right whenever the process dies: the session is closed and QuickFIX has said all
it had to say; then the new numbers are committed; only then QuickFIX gets them and the client may log on again. A
process that dies between the last two builds QuickFIX's files from SQL when it starts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from loguru import logger

from gateway.domain.session_names import find_session
from gateway.domain.wording import counted
from gateway.engine.clock import Clock
from gateway.engine.crash_points import crash_point
from gateway.engine.inbox import SessionClosed
from gateway.engine.numbers import SessionState
from gateway.engine.operations import OperationRefused, Outcome
from gateway.engine.ports import FixSessions
from gateway.store.rows import ReportRow

MAX_SEQ_NUM = 999_999_999
"""The highest MsgSeqNum(34) that is taken from a person: nine digits, which every FIX engine understands."""


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """Numbers begin anew."""

    next_in: int = 1
    next_out: int = 1


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of the same epoch; None: as it is."""

    next_in: int | None
    next_out: int | None


Change = NewEpoch | Numbers | None


@dataclass(frozen=True, slots=True)
class _Pending:
    change: Change
    done: Callable[[Outcome], None]


class SessionActions:
    """Only the engine's thread uses it. At most one action at a time a session."""

    def __init__(
        self,
        *,
        states: Mapping[str, SessionState],
        fix: FixSessions,
        clock: Clock,
        unsent: Callable[[str, int], Sequence[ReportRow]],
    ) -> None:
        """unsent: a session's reports in SQL after the given one, in order."""
        self._states = states
        self._fix = fix
        self._clock = clock
        self._unsent = unsent
        self._pending: dict[str, _Pending] = {}
        self._thrown_out: set[str] = set()  # of these
        self._effects: list[Callable[[], None]] = []  # after the commit

    def find(self, name: str) -> str:
        """The session that a person means by a CompID or by the whole SessionID. Raises OperationRefused."""
        try:
            return find_session(name, self._states)
        except ValueError as error:
            raise OperationRefused(str(error)) from error

    def is_told_to_leave(self, session: str) -> bool:
        """Whether an operator or the schedule has it logged out; who is thrown out did not mean to leave."""
        return session in self._pending and session not in self._thrown_out

    def log_out(self, session: str, text: str, change: Change, done: Callable[[Outcome], None]) -> None:
        """Log the session out, if it is on, and make the change. text: what the client is told.

        done is called, in the batch that has the change in it, with how it ended. Raises OperationRefused.
        """
        if session in self._pending:
            raise OperationRefused(f"something else is being done to session {session}; try again")
        _check(self._states[session], change)  # as far as can be told now: nobody is logged out for nothing
        self._pending[session] = _Pending(change, done)
        self._effects.append(partial(self._fix.close, session, text))

    def disable(self, session: str, text: str, done: Callable[[Outcome], None]) -> None:
        """Log the session out, and let nobody log on to it until it is enabled. Raises OperationRefused."""
        self.log_out(session, text, None, done)
        self._states[session].disabled = self._states[session].changed = True

    def enable(self, session: str) -> Outcome:
        """Let the client log on again. Raises OperationRefused."""
        state = self._states[session]
        if not state.disabled:
            raise OperationRefused(f"session {session} is not disabled")
        state.disabled, state.changed = False, True
        return Outcome(done=True, text=f"session {session} is enabled")

    def throw_out(self, session: str, text: str) -> None:
        """Log the session out for what it does. Where something else is being done to it, that goes first."""
        if session not in self._pending:
            logger.warning("logged out session={} {}", session, text)
            self.log_out(session, text, None, lambda _: None)
            self._thrown_out.add(session)

    def closed(self, item: SessionClosed) -> None:
        """Nobody is on, and QuickFIX has nothing more to say: its numbers are final."""
        pending = self._pending.pop(item.session)
        self._thrown_out.discard(item.session)
        state = self._states[item.session]
        outcome = Outcome(done=False, text=item.problem)
        try:
            if not item.problem:
                outcome = self._changed(state, item, pending.change)
        except OperationRefused as refused:
            outcome = Outcome(done=False, text=str(refused))
        except Exception as error:  # nothing was changed: the client may come back, and who asked must hear of it
            logger.opt(exception=error).error("session action failed session={}", state.key)
            outcome = Outcome(done=False, text=f"it failed: {type(error).__name__}: {error}")
        self._effects.append(partial(self._fix.open, item.session))
        pending.done(outcome)

    def release(self) -> None:
        """What was decided is in SQL: QuickFIX may follow."""
        effects, self._effects = self._effects, []
        for effect in effects:
            effect()

    def _changed(self, state: SessionState, item: SessionClosed, change: Change) -> Outcome:
        # What QuickFIX did without a callback; a number that it skipped is as good as used.
        state.next_in, state.next_out = max(state.next_in, item.next_in), max(state.next_out, item.next_out)
        state.changed = True
        if isinstance(change, NewEpoch):
            text = self._begin_epoch(state, change)
        elif isinstance(change, Numbers):
            text = self._set_numbers(state, change)
        else:
            text = f"session {state.key} is {'disabled, and ' if state.disabled else ''}logged out"
        logger.info("{}", text)
        result = {
            "session": state.key,
            "epoch": state.epoch,
            "next_in": state.next_in,
            "next_out": state.next_out,
        }
        return Outcome(done=True, text=text, result=result)

    def _begin_epoch(self, state: SessionState, change: NewEpoch) -> str:
        now = self._clock.now()
        unsent = self._unsent(state.key, state.proven_report_id)  # what can fail comes before what changes
        state.start_epoch(now)
        state.set_numbers(change.next_in, change.next_out)
        state.wait_again(unsent)
        self._effects.append(partial(self._hand_over, state.key, now, change))
        return (
            f"session {state.key} begins epoch {state.epoch}: next_in={state.next_in} next_out={state.next_out}, "
            f"{counted(len(state.waiting), 'report')} to be sent"
        )

    def _hand_over(self, session: str, created_at: int, change: NewEpoch) -> None:
        crash_point("epoch_committed")
        self._fix.begin_epoch(session, created_at=created_at, next_in=change.next_in, next_out=change.next_out)

    def _set_numbers(self, state: SessionState, change: Numbers) -> str:
        _check(state, change)  # now that the numbers are final
        next_in = state.next_in if change.next_in is None else change.next_in
        next_out = state.next_out if change.next_out is None else change.next_out
        state.set_numbers(next_in, next_out)
        self._effects.append(partial(self._fix.set_numbers, state.key, next_in=next_in, next_out=next_out))
        return f"session {state.key} goes on with next_in={next_in} next_out={next_out}"


def _check(state: SessionState, change: Change) -> None:
    """Raises OperationRefused for numbers that cannot be given, or not in this epoch."""
    if change is None:
        return
    for number in (change.next_in, change.next_out):
        if number is not None and not 1 <= number <= MAX_SEQ_NUM:
            raise OperationRefused(f"a sequence number is 1 to {MAX_SEQ_NUM}, not {number}")
    if isinstance(change, NewEpoch):
        return
    if change.next_out is not None and change.next_out < state.next_out:
        raise OperationRefused(
            f"numbers up to {state.next_out - 1} may have been sent to the client in epoch {state.epoch}, and "
            f"{change.next_out} would use one twice: give {state.next_out} or more, or begin a new epoch with it"
        )
    if change.next_in is not None and change.next_in < state.next_in:
        raise OperationRefused(
            f"numbers up to {state.next_in - 1} were received in epoch {state.epoch}, and {change.next_in} would take "
            f"one twice: give {state.next_in} or more, or begin a new epoch with it"
        )
