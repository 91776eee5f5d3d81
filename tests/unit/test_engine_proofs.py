"""When a session is asked what it has."""

from gateway.engine.clock import NANOSECONDS
from gateway.engine.numbers import SessionState
from gateway.engine.proofs import ASK_AFTER, ASK_AGAIN, Proofs


def logged_on() -> tuple[SessionState, Proofs]:
    state = SessionState("FIX.4.4:GW->C", "FIX.4.4", 0, logged_on=True, reserved=10_000)
    return state, Proofs([state])


def ask(state: SessionState, proofs: Proofs, now: int) -> bool:
    """As the engine's loop does."""
    if proofs.due(now) != [state]:
        return False
    state.asked_report_id = state.last_report_id
    return True


def test_one_question_serves_all_that_was_sent_meanwhile() -> None:
    state, proofs = logged_on()
    assert proofs.due(0) == []
    assert proofs.wait(0) is None
    state.sent(2, 1, 0)
    assert not ask(state, proofs, 0)
    state.sent(3, 2, 1)
    assert proofs.wait(0) == ASK_AFTER / NANOSECONDS
    assert ask(state, proofs, ASK_AFTER)
    state.proven(2)
    assert proofs.due(ASK_AFTER + ASK_AGAIN) == []
    assert proofs.wait(ASK_AFTER) is None


def test_a_question_without_answer_is_asked_again() -> None:
    state, proofs = logged_on()
    state.sent(2, 1, 0)
    assert not ask(state, proofs, 0)
    assert ask(state, proofs, ASK_AFTER)
    assert not ask(state, proofs, ASK_AFTER + ASK_AGAIN - 1)
    assert ask(state, proofs, ASK_AFTER + ASK_AGAIN)


def test_a_new_report_is_asked_about_without_waiting_for_the_answer_to_an_older_one() -> None:
    state, proofs = logged_on()
    state.sent(2, 1, 0)
    assert not ask(state, proofs, 0)
    assert ask(state, proofs, ASK_AFTER)
    state.sent(3, 2, ASK_AFTER)
    assert not ask(state, proofs, ASK_AFTER)
    assert ask(state, proofs, 2 * ASK_AFTER)


def test_nobody_is_asked_who_is_not_there() -> None:
    state, proofs = logged_on()
    state.sent(2, 1, 0)
    assert not ask(state, proofs, 0)
    state.logged_on = False
    assert not ask(state, proofs, ASK_AFTER)
    assert proofs.wait(ASK_AFTER) is None
