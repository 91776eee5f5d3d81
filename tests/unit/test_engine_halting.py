"""What happens beside the engine's end: nothing."""

import threading

import pytest

from gateway.engine import halting, handover
from gateway.engine.halting import Halt
from gateway.errors import JournalHalted
from gateway.fix.acceptor import GOODBYE_S
from tests.fixtures.processes import wait_until


def test_orders_are_handed_over_when_the_loop_has_ended_its_turn_and_it_begins_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for limit in ("TURN_LIMIT_S", "FAREWELL_LIMIT_S"):  # however long the machine stands still
        monkeypatch.setattr(halting, limit, 60.0)
    ended, over = threading.Event(), threading.Event()
    done: list[str] = []

    def end_process(error: BaseException) -> None:
        done.append("ended")
        ended.set()
        over.wait(20)  # the real one does not return, and its thread's id is not another's

    def hand_over(why: str) -> str:
        done.append("handed over")
        return "orders are canceled"

    halt = Halt(end_process)
    halt.hand_over = hand_over
    halt.farewell = done.append
    with halt.working:
        beside = threading.Thread(target=halt, args=[JournalHalted("the lease was not renewed")])
        beside.start()
        beside.join(0.2)
        assert done == [], "the turn is not over"
        done.append("turn over")
    wait_until(ended.is_set, "the process ends")
    text = "DATABASE_LOST orders cannot be recorded; log on again; orders are canceled"
    assert done == ["turn over", "handed over", text, "ended"]
    another_turn: list[bool] = []
    loop = threading.Thread(target=lambda: another_turn.append(halt.working.acquire(blocking=False)))
    loop.start()
    loop.join()
    assert another_turn == [False]
    over.set()
    beside.join()


def test_the_loop_itself_can_halt() -> None:
    done: list[BaseException] = []
    halt, error = Halt(done.append), JournalHalted("disk full")
    with halt.working:
        halt(error)
    assert done == [error]


def test_the_farewell_is_not_cut_short_while_each_of_its_steps_keeps_to_its_time() -> None:
    """A client that is told nothing, or too early, believes that its orders stay while they are being canceled."""
    assert halting.TURN_LIMIT_S + handover._PATIENCE_S + GOODBYE_S + 1 < halting.FAREWELL_LIMIT_S
