"""When a session's absence costs it its orders: which end counts, how long the grace is, what a restart makes of it."""

import pytest

from gateway.domain.session_profile import SessionProfile
from gateway.engine.clock import NANOSECONDS
from gateway.engine.disconnects import DISCONNECT, LOGOUT, Disconnects
from gateway.engine.numbers import SessionState

KEY = "FIX.4.4:FIXGW->DESK"
BOTH = frozenset({DISCONNECT, LOGOUT})
GRACE = 10 * NANOSECONDS


def watch(when: frozenset[str] = BOTH, off_reason: str | None = None, now: int = 0) -> tuple[Disconnects, SessionState]:
    state = SessionState(KEY, "FIX.4.4", 0, off_reason=off_reason)
    profile = SessionProfile(key=KEY, accounts={}, default_account="", cancel_when_off=when, cancel_grace=GRACE)
    watched = Disconnects({KEY: profile}, {KEY: state})
    watched.begin(now)
    return watched, state


def test_the_grace_period_ends_once() -> None:
    watched, _ = watch()
    watched.logged_on(KEY)
    watched.logged_out(KEY, 5)
    assert watched.due(GRACE + 4) == []
    assert watched.wait(5) == 10
    assert watched.due(GRACE + 5) == [KEY]
    assert watched.due(GRACE + 6) == []


def test_who_is_back_in_time_keeps_the_orders() -> None:
    watched, state = watch()
    watched.logged_on(KEY)
    watched.logged_out(KEY, 5)
    watched.logged_on(KEY)
    assert watched.due(1 << 62) == []
    assert state.off_reason is None


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (["received", "sent"], LOGOUT),  # the client's own, answered
        (["sent", "received"], DISCONNECT),  # ours, answered by the client: it did not ask to leave
        (["sent"], DISCONNECT),
        ([], DISCONNECT),
    ],
)
@pytest.mark.parametrize("when", [frozenset[str](), frozenset({DISCONNECT}), frozenset({LOGOUT}), BOTH])
def test_which_end_of_a_connection_counts(said: list[str], reason: str, when: frozenset[str]) -> None:
    watched, state = watch(when)
    for _ in range(2):  # what was said in one connection says nothing of the next
        watched.logged_on(KEY)
        for word in said:
            (watched.logout_received if word == "received" else watched.logout_sent)(KEY)
        watched.logged_out(KEY, 0)
        assert state.off_reason == reason
        assert watched.due(GRACE) == ([KEY] if reason in when else [])


def test_a_logon_that_is_refused_neither_prolongs_the_grace_nor_makes_a_logout_a_disconnect() -> None:
    watched, _ = watch(off_reason=DISCONNECT)
    watched.logout_sent(KEY)
    watched.logged_out(KEY, GRACE - 1)
    assert watched.due(GRACE) == [KEY]
    watched, state = watch(frozenset({DISCONNECT}), LOGOUT)
    watched.logged_out(KEY, 0)
    assert (watched.due(1 << 62), state.off_reason) == ([], LOGOUT)


def test_who_logs_on_before_the_engine_says_that_it_listens_is_on() -> None:
    state = SessionState(KEY, "FIX.4.4", 0, off_reason=DISCONNECT)
    profile = SessionProfile(key=KEY, accounts={}, default_account="", cancel_when_off=BOTH, cancel_grace=GRACE)
    watched = Disconnects({KEY: profile}, {KEY: state})
    watched.logged_on(KEY)
    watched.begin(0)
    assert watched.due(1 << 62) == []


def test_a_stop_of_the_gateway_leaves_the_rest_to_the_next_start() -> None:
    watched, state = watch()
    watched.logged_on(KEY)
    watched.retire()
    watched.logged_out(KEY, 0)
    assert watched.due(1 << 62) == []
    assert state.off_reason == DISCONNECT


def test_the_grace_period_begins_again_with_the_engine() -> None:
    watched, _ = watch(off_reason=DISCONNECT, now=100)
    assert watched.due(GRACE + 99) == []
    assert watched.due(GRACE + 100) == [KEY]
    for when, off_reason in ((BOTH, None), (frozenset({DISCONNECT}), LOGOUT)):
        watched, _ = watch(when, off_reason)
        assert watched.due(1 << 62) == [], "never was on, or left in the other way"


def test_a_clock_that_is_set_back_does_not_make_the_grace_period_longer() -> None:
    watched, _ = watch()
    watched.logged_on(KEY)
    watched.logged_out(KEY, 3_600 * NANOSECONDS)
    assert watched.wait(5) == 0
    assert watched.due(5) == [KEY]
