"""Closing sessions and changing their numbers: SQL first, QuickFIX after the commit, and never a number twice."""

from collections.abc import Sequence

import pytest

from gateway.engine.inbox import SessionClosed
from gateway.engine.numbers import SessionState
from gateway.engine.operations import OperationRefused, Outcome
from gateway.engine.session_actions import MAX_SEQ_NUM, Change, NewEpoch, Numbers, SessionActions
from gateway.store.rows import ReportRow
from tests.fixtures.fix_sessions import NoSessions

KEY = "FIX.4.4:FIXGW->DESK"
OTHER = "FIX.4.2:FIXGW->DESK"
NOW = 1_000_000_000


class World:
    """One session that has received 9 messages and sent 19, reports 1 to 5 among them, of which 3 are proven."""

    def __init__(self) -> None:
        self.state = SessionState(KEY, "FIX.4.4", 0, next_in=10, next_out=20, last_report_id=5, proven_report_id=3)
        self.fix = NoSessions()
        self.outcomes: list[Outcome] = []
        states = {KEY: self.state, OTHER: SessionState(OTHER, "FIX.4.2", 0)}
        self.actions = SessionActions(states=states, fix=self.fix, clock=self, unsent=self.unsent)

    def now(self) -> int:
        return NOW

    def unsent(self, session: str, after: int) -> Sequence[ReportRow]:
        assert session == KEY
        return [ReportRow(number, KEY, None, "8", f"35=8\x01{number}", 0) for number in range(after + 1, 7)]

    def act(self, change: Change, closed: SessionClosed | None = None) -> Outcome:
        """The whole way, and at each step nothing too early."""
        self.actions.log_out(KEY, "bye", change, self.outcomes.append)
        assert self.fix.calls == [], "the request is not in SQL yet"
        self.actions.release()
        assert self.fix.calls == [("close", KEY, "bye")]
        self.fix.calls.clear()
        self.actions.closed(closed or SessionClosed(KEY, 10, 20))
        assert self.fix.calls == [], "the outcome is not in SQL yet"
        self.actions.release()
        return self.outcomes.pop()


def test_a_reset_begins_an_epoch_and_sends_again_what_is_not_proven() -> None:
    world = World()
    outcome = world.act(NewEpoch())
    assert (outcome.done, outcome.result["epoch"]) == (True, 2)
    state = world.state
    assert (state.epoch, state.created_at, state.next_in, state.next_out) == (2, NOW, 1, 1)
    assert [(r.report_id, r.poss_resend) for r in state.waiting] == [(4, True), (5, True), (6, False)]
    assert world.fix.calls == [("begin_epoch", KEY, NOW, 1, 1), ("open", KEY)]
    assert state.is_first_out(1)
    assert not world.actions.is_told_to_leave(KEY)


def test_numbers_of_a_new_epoch_may_be_lower() -> None:
    world = World()
    assert world.act(NewEpoch(7, 3)).done
    assert (world.state.next_in, world.state.next_out) == (7, 3)
    assert world.state.out_reserved > 3
    assert world.fix.calls == [("begin_epoch", KEY, NOW, 7, 3), ("open", KEY)]
    assert world.state.is_first_out(3)


def test_within_an_epoch_numbers_only_go_up() -> None:
    world = World()
    assert world.act(Numbers(None, 50_000)).done
    assert (world.state.epoch, world.state.next_in, world.state.next_out) == (1, 10, 50_000)
    assert world.fix.calls == [("set_numbers", KEY, 10, 50_000), ("open", KEY)]
    assert world.state.is_first_out(50_000), "however far they went"
    world.state.reserve(0)
    assert world.state.out_reserved > 50_000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (Numbers(None, 19), "numbers up to 19 may have been sent.*give 20 or more"),
        (Numbers(9, None), "numbers up to 9 were received.*give 10 or more"),
        (Numbers(0, None), "1 to 999999999, not 0"),
        (NewEpoch(1, MAX_SEQ_NUM + 1), "not 1000000000"),
    ],
)
def test_what_cannot_be_logs_nobody_out(change: Change, says: str) -> None:
    world = World()
    with pytest.raises(OperationRefused, match=says):
        world.actions.log_out(KEY, "bye", change, world.outcomes.append)
    world.actions.release()
    assert world.fix.calls == []
    assert not world.actions.is_told_to_leave(KEY)


def test_what_was_sent_until_the_logout_counts() -> None:
    world = World()
    outcome = world.act(Numbers(None, 21), SessionClosed(KEY, 11, 23))
    assert not outcome.done
    assert "numbers up to 22 may have been sent" in outcome.text
    assert (world.state.next_in, world.state.next_out) == (11, 23)
    assert world.fix.calls == [("open", KEY)], "the client may come back"


def test_a_session_that_cannot_be_closed_keeps_its_numbers() -> None:
    world = World()
    outcome = world.act(NewEpoch(), SessionClosed(KEY, 10, 20, "QuickFIX does not answer"))
    assert outcome == Outcome(done=False, text="QuickFIX does not answer")
    assert (world.state.epoch, world.state.next_out) == (1, 20)
    assert world.fix.calls == [("open", KEY)]


def test_what_fails_changes_nothing_and_is_told() -> None:
    world = World()

    def broken(session: str, after: int) -> Sequence[ReportRow]:
        raise OSError("the disk is gone")

    world.actions._unsent = broken
    outcome = world.act(NewEpoch())
    assert outcome == Outcome(done=False, text="it failed: OSError: the disk is gone")
    assert (world.state.epoch, world.state.next_in, world.state.next_out) == (1, 10, 20)
    assert world.fix.calls == [("open", KEY)]


def test_one_thing_at_a_time_is_done_to_a_session() -> None:
    world = World()
    world.actions.log_out(KEY, "bye", None, world.outcomes.append)
    with pytest.raises(OperationRefused, match="something else is being done"):
        world.actions.log_out(KEY, "bye", NewEpoch(), world.outcomes.append)
    assert world.actions.is_told_to_leave(KEY)
    world.actions.closed(SessionClosed(KEY, 10, 20))
    assert world.outcomes[0].done
    assert world.state.epoch == 1


def test_a_session_is_found_by_its_comp_id_where_that_is_enough() -> None:
    actions = World().actions
    assert actions.find(KEY) == KEY
    with pytest.raises(OperationRefused, match=f"several sessions are called 'DESK'; give one of: {KEY}, {OTHER}"):
        actions.find("DESK")
    with pytest.raises(OperationRefused, match="no session 'DASK'; there are"):
        actions.find("DASK")
