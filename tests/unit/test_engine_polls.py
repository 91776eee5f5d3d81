"""A venue account whose stream is away is asked soon while something changes, and ever less often while it does not."""

from gateway.engine.clock import NANOSECONDS
from gateway.engine.polls import Polls

S = NANOSECONDS


def pauses(polls: Polls, now: int, count: int, symbols: int = 1) -> list[float]:
    """How long it is until each of the next polls, which are begun now and asked when they are due."""
    found = []
    for _ in range(count):
        polls.asked("main", symbols, now)
        found.append(polls.wait(["main"], now))
        now += int(found[-1] * S)
        assert polls.is_due("main", now)
    return found


def test_pauses_grow_while_nothing_changes_and_are_bounded() -> None:
    polls = Polls()
    polls.begin("main", 100 * S)
    assert not polls.is_due("main", 101 * S)
    assert polls.is_due("main", 102 * S)
    assert pauses(polls, 102 * S, 5) == [2.5, 5, 10, 15, 15]
    polls.asked("main", 1, 200 * S)
    polls.changed("main", 201 * S)
    assert polls.wait(["main"], 201 * S) == 2.5
    assert pauses(polls, 204 * S, 2) == [2.5, 5]


def test_the_more_symbols_have_to_be_asked_for_the_longer_they_are() -> None:
    polls = Polls()
    polls.begin("main", 0)
    assert pauses(polls, 2 * S, 3, symbols=100) == [52, 52, 52]
    assert pauses(polls, 500 * S, 2, symbols=0) == [15, 15], "never beyond what is the bound now"


def test_what_has_a_stream_is_not_asked() -> None:
    polls = Polls()
    polls.changed("main", 0)
    polls.begin("main", 0)
    polls.end("main")
    assert "main" not in polls
    assert not polls.is_due("main", 100 * S)
    assert polls.wait(["main"], 0) == float("inf")


def test_a_clock_that_was_set_back_puts_nothing_off() -> None:
    polls = Polls()
    polls.begin("main", 1_000 * S)
    assert polls.is_due("main", 10 * S)
