"""Whose turn it is when more comes in than the engine decides."""

from threading import Event

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.engine import inbox as i
from gateway.engine.backlog import Backlog


def order(session: str, number: int) -> i.AppReceived:
    return i.AppReceived(session, "", "D", number, number + 1, True, 0)


def drained(inbox: i.Inbox, limit: int) -> list[list[object]]:
    """Batch by batch, until nothing is left."""
    batches = []
    while batch := inbox.drain(0, limit):
        batches.append(batch)
    return batches


def test_nothing_changes_places_while_the_engine_keeps_up() -> None:
    inbox = i.Inbox(Backlog(1 << 20))
    items = [order("A", 1), i.LoggedOut("B", 0), order("A", 2), i.StopRequested({}), order("B", 1)]
    for item in items:
        inbox.put(item)
    assert inbox.drain(0, 10) == items
    assert inbox.drain(0, 10) == []


def test_a_flood_delays_nobody_else() -> None:
    inbox = i.Inbox(Backlog(1 << 20))
    for number in range(5_000):
        inbox.put(order("FLOOD", number))
    inbox.put(order("B", 1))
    inbox.put(i.AlertRaised("X", "", 0))
    first, *rest = drained(inbox, 500)
    assert first[0] == i.AlertRaised("X", "", 0)
    assert order("B", 1) in first
    assert len(first) == 500
    assert sum(len(batch) for batch in rest) == 5_002 - 500


def test_an_order_is_told_how_many_of_its_session_wait() -> None:
    inbox = i.Inbox(Backlog(1 << 20))
    for number in range(30):
        inbox.put(order("A", number))
    batches = drained(inbox, 10)
    waiting = [item.waiting for batch in batches for item in batch if isinstance(item, i.AppReceived)]
    assert waiting == list(range(29, -1, -1))


def test_more_numbers_are_reserved_before_their_own_client_is_served() -> None:
    """QuickFIX's thread waits for them, and with it every session."""
    inbox = i.Inbox(Backlog(1 << 20))
    for number in range(30):
        inbox.put(order("A", number))
    asked = i.ReserveNumbers("A", 5, Event())
    inbox.put(asked)
    assert inbox.drain(0, 10)[0] is asked


@given(st.lists(st.sampled_from(["A", "B", "C", ""]), max_size=60), st.integers(1, 20), st.integers(0, 60))
def test_each_ones_own_order_is_kept_and_nothing_is_lost(whose: list[str], limit: int, before: int) -> None:
    inbox, came = i.Inbox(Backlog(1 << 20)), []
    batches = []
    for number, session in enumerate(whose):
        item = order(session, number) if session else i.AlertRaised("X", str(number), 0)
        inbox.put(item)
        came.append(item)
        if number == before:
            batches.append(inbox.drain(0, limit))
    batches += drained(inbox, limit)
    assert all(len(batch) <= limit for batch in batches)
    left = [item for batch in batches for item in batch]
    assert len(left) == len(came)
    for session in ("A", "B", "C"):
        mine = [item.msg_seq_num for item in left if isinstance(item, i.AppReceived) and item.session == session]
        assert mine == sorted(mine)


def test_a_session_beyond_the_bound_is_held_back_until_half_is_done() -> None:
    """What was given out is still in memory; and what QuickFIX sends because of it counts as well."""
    size = 100 + i.OVERHEAD_BYTES
    inbox = i.Inbox(Backlog(10 * size))
    changes: list[frozenset[str]] = []
    inbox.backlog.on_change = lambda: changes.append(inbox.backlog.crowded)
    for number in range(9):
        inbox.put(replace(order("A", number), text="x" * 100))
        inbox.put(replace(order("B", number), text="x" * 50))
    inbox.put(i.LoggedOut("A", 0))
    assert (changes, inbox.backlog.of("A")) == ([], (9 * size, False))
    inbox.put(i.AdminReceived("A", "x" * 100, "1", 10, 11, True, 0))
    inbox.put(i.MessageSent("A", "x" * 100, "0", 7, True, None, 0))
    assert changes == [{"A"}]
    assert inbox.backlog.of("A") == (11 * size, True)

    inbox.drain(0, 10)  # LoggedOut goes with A's: five and four
    assert inbox.backlog.of("A") == (11 * size, True), "it is being worked on"
    while inbox.backlog.of("A").held_back:
        inbox.drain(0, 4)
    assert changes == [{"A"}, frozenset()]
    assert inbox.backlog.of("A").size <= 5 * size
    drained(inbox, 4)
    assert [inbox.backlog.of(session) for session in ("A", "B", "never")] == [(0, False)] * 3


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 3_000)), max_size=60), st.integers(1, 20), st.data())
def test_in_the_end_nothing_waits_and_nobody_is_held_back(
    came: list[tuple[str, int]], limit: int, data: st.DataObject
) -> None:
    inbox = i.Inbox(Backlog(10_000))
    told = {False}
    inbox.backlog.on_change = lambda: told.add(bool(inbox.backlog.crowded))
    for session, size in came:
        inbox.put(replace(order(session, 1), text="x" * size))
        for name in "AB":
            waiting = inbox.backlog.of(name)
            assert waiting.held_back or waiting.size <= 10_000
            assert not waiting.held_back or waiting.size > 5_000
        if data.draw(st.booleans()):
            inbox.drain(0, limit)
    drained(inbox, limit)
    assert [inbox.backlog.of(name) for name in "AB"] == [(0, False)] * 2
    assert inbox.backlog.crowded == frozenset()
