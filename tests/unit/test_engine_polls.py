"""A venue account whose stream is away is asked soon while something changes, and ever less often while it does not."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from gateway.domain.intents import SettleIntent
from gateway.domain.values import LiquidityInd
from gateway.domain.venue_reports import VenueTraded
from gateway.engine.clock import NANOSECONDS
from gateway.engine.polls import Polls
from tests.unit.test_engine_clock_set_back import Compared

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


def test_a_start_without_a_stream_asks_for_what_it_does_not_know_and_is_not_over(tmp_path: Path) -> None:
    """Cancels and fills go on; new orders wait for the comparison that a stream begins with."""
    world = Compared(tmp_path)
    try:
        world.order("SENT")  # and not answered
        world.an_order_that_works()
        world.desk._unreconciled.add("main")
        world.recorder.intents.clear()
        world.reconciler.unavailable("main", world.time)
        asked = [intent for intent in world.recorder.intents if isinstance(intent, SettleIntent)]
        assert [intent.order_id for intent in asked] == ["O1"], "what no snapshot tells"
        world.time += 3 * S
        world.reconciler.due(world.time)
        assert len(world.asked) == 1
        world.reconciler.due(world.time)
        assert len(world.asked) == 1, "not before it is answered"
        world.show()
        assert world.settled == 2, "the other is not open there"
        assert world.desk._unreconciled == {"main"}
        world.reconciler.available("main", world.time)
        world.show()
        assert world.desk._unreconciled == set()
    finally:
        world.database.dispose()


def test_what_a_stream_tells_that_may_not_be_used_yet_is_no_break(tmp_path: Path) -> None:
    """A fill of the stream, which the venue's answer to a question overtakes: its key is not checked yet."""
    world = Compared(tmp_path)
    fill = VenueTraded(
        venue_account="main",
        symbol="BTCUSDT",
        client_id="",
        venue_order_id="1",
        trade_id="7",
        last_qty=Decimal("0.1"),
        last_px=Decimal(60_000),
        commission=Decimal(0),
        commission_currency="",
        liquidity=LiquidityInd.ADDED,
        transact_time=world.time,
    )
    try:
        world.an_order_that_works()
        world.reconciler.unavailable("main", world.time)
        world.time += 3 * S
        world.reconciler.due(world.time)
        world.show(fill, heard=True)
        world.time += S
        world.desk.venue_report(fill)
        world.reconciler.due(world.time)
        assert len(world.asked) == 1, "the next is not asked for while this one waits"
        world.time += S
        world.reconciler.due(world.time)
        assert world.recorder.batch.breaks == {}
        assert len(world.book.executions) == 1

        world.time += 20 * S
        world.reconciler.due(world.time)
        world.show(fill, replace(fill, trade_id="8"), heard=True)
        world.time += 2 * S
        world.reconciler.due(world.time)
        assert [row.kind for row in world.recorder.batch.breaks.values()] == ["trade_missed"], "the stream has lost it"
        assert len(world.book.executions) == 2
    finally:
        world.database.dispose()
