"""What the engine does at a session's boundaries, and what a Logon is told, by a clock that is set by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, time

from gateway.domain.schedule import daily
from gateway.engine.inbox import SessionClosed
from gateway.engine.numbers import SessionState
from gateway.engine.schedules import Schedules
from gateway.engine.session_actions import SessionActions
from gateway.store.rows import ReportRow
from tests.fixtures.fix_sessions import NoSessions

KEY = "FIX.4.4:FIXGW->DESK"
FREE = "FIX.4.4:FIXGW->FREE"
SECOND = 1_000_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=UTC).timestamp()) * SECOND


class World:
    """A session from 8 to 17 on weekdays, whose epoch began on Monday morning, and one that is always open."""

    def __init__(self, now: int) -> None:
        self.time = now
        self.clock_is_doubted = False
        self.state = SessionState(
            KEY, "FIX.4.4", at("02 08:00"), next_in=10, next_out=20, last_report_id=5, logged_on=True
        )
        self.free = SessionState(FREE, "FIX.4.4", 0, next_out=9, logged_on=True)
        states = {KEY: self.state, FREE: self.free}
        self.fix = NoSessions()
        self.actions = SessionActions(states=states, fix=self.fix, clock=self, unsent=self.unsent)
        weekdays = frozenset(range(5))
        self.schedules = Schedules(
            {KEY: daily("UTC", time(8), time(17), weekdays)},
            states=states,
            actions=self.actions,
            clock=self,
            is_doubted=lambda: self.clock_is_doubted,
        )

    def now(self) -> int:
        return self.time

    def unsent(self, session: str, after: int) -> Sequence[ReportRow]:
        return [ReportRow(n, session, None, "8", "", 0) for n in range(after + 1, 6)]

    def turn(self, now: int) -> list[tuple[object, ...]]:
        """Due work at a time, and what QuickFIX is told after the commit."""
        self.time = now
        self.schedules.due(now)
        self.actions.release()
        calls, self.fix.calls = self.fix.calls, []
        return calls


def test_inside_of_its_period_a_session_is_left_alone() -> None:
    world = World(at("02 10:00"))
    assert world.turn(at("02 10:00")) == []
    assert world.schedules.wait(at("02 10:00")) == 7 * 3600
    assert world.turn(at("02 16:59:59")) == []
    assert world.schedules.refusal(KEY) == ""
    assert world.schedules.refusal(FREE) == ""


def test_at_the_end_it_is_logged_out_and_begins_anew_and_is_closed_until_it_opens() -> None:
    world = World(at("06 12:00"))
    world.state.created_at = at("05 17:00:01")
    assert world.turn(at("06 12:00")) == []
    text = "the session's period is over; the next opens at 2026-03-09T08:00:00Z"
    assert world.turn(at("06 17:00")) == [("close", KEY, text)]
    assert world.turn(at("06 17:00:01")) == [], "that is being done"
    assert world.schedules.refusal(KEY) == "outside of the session's schedule; it opens at 2026-03-09T08:00:00Z"
    world.state.logged_on = False
    world.actions.closed(SessionClosed(KEY, 11, 21))
    assert world.turn(at("06 17:00:02")) == [("begin_epoch", KEY, at("06 17:00:01"), 1, 1), ("open", KEY)]
    assert (world.state.epoch, len(world.state.waiting)) == (2, 5)
    assert world.schedules.wait(at("06 17:00:02")) == 63 * 3600 - 2
    assert world.turn(at("09 08:00")) == []
    assert world.schedules.refusal(KEY) == ""
    assert (world.free.epoch, world.free.next_out) == (1, 9)


def test_what_could_not_be_done_is_tried_again() -> None:
    world = World(at("02 17:00"))
    assert len(world.turn(at("02 17:00"))) == 1
    world.actions.closed(SessionClosed(KEY, 10, 20, "QuickFIX does not answer"))
    assert world.turn(at("02 17:00:00")) == [("open", KEY)]
    assert [call[0] for call in world.turn(at("02 17:00:01"))] == ["close"]
    assert world.state.epoch == 1


def test_an_epoch_that_ended_while_no_engine_ran_begins_at_the_start() -> None:
    world = World(at("03 09:00"))
    assert world.schedules.refusal(KEY) == "a new period of the session begins; try again"
    world.state.logged_on = False
    world.schedules.roll_missed(world.unsent)
    assert (world.state.epoch, world.state.next_in, world.state.next_out) == (2, 1, 1)
    assert world.state.created_at == at("03 09:00")
    assert [r.report_id for r in world.state.waiting if r.poss_resend] == [1, 2, 3, 4, 5]
    assert world.schedules.refusal(KEY) == ""
    assert world.turn(at("03 09:00")) == []
    world.schedules.roll_missed(world.unsent)
    assert (world.state.epoch, world.free.epoch) == (2, 1)


def test_a_clock_that_jumped_ends_no_period_before_it_is_confirmed() -> None:
    world = World(at("02 10:00"))
    world.turn(at("02 10:00"))
    world.clock_is_doubted = True
    assert world.turn(at("02 17:30")) == []
    assert world.schedules.wait(at("02 17:30")) == 1, "it is asked again whether the clock is right"
    world.clock_is_doubted = False  # the host was suspended
    assert [call[0] for call in world.turn(at("02 17:30"))] == ["close"]


def test_after_a_clock_was_set_back_the_period_ends_when_it_should() -> None:
    world = World(at("02 10:00"))
    assert world.turn(at("02 18:00"))[0][0] == "close", "a clock that was wrong from the start"
    world.state.logged_on = False
    world.actions.closed(SessionClosed(KEY, 11, 21))
    world.turn(at("02 18:00:01"))
    assert (world.state.epoch, world.state.created_at) == (2, at("02 18:00"))
    world.state.logged_on = True
    assert world.turn(at("02 10:01")) == []
    assert world.schedules.wait(at("02 10:01")) == 7 * 3600 - 60
    assert world.state.changed, "SQL must not have it begin later than its period ends"
    assert [call[0] for call in world.turn(at("02 17:00"))] == ["close"]
    world.actions.closed(SessionClosed(KEY, 11, 21))
    assert world.state.epoch == 3


def test_an_epoch_of_a_clock_that_was_set_back_while_no_engine_ran_ends_at_its_boundary() -> None:
    world = World(at("02 10:00"))
    world.state.created_at = at("02 18:00")
    world.schedules.roll_missed(world.unsent)
    assert (world.state.epoch, world.state.created_at) == (1, at("02 10:00"))
