"""When an engine that is being drained may stop, and what it says until then."""

from decimal import Decimal
from typing import Any

from gateway.domain.book import Book
from gateway.domain.order import Leg, LegState
from gateway.engine.clock import NANOSECONDS
from gateway.engine.drain import Drainer
from gateway.engine.numbers import SessionState, WaitingReport
from gateway.engine.operations import Drain, Outcome
from tests.fixtures.fix_reports import CANCEL, ORDER

SESSION = "FIX.4.4:FIXGW->DESK"


class World:
    """A book of one order, a session, and a clock set by hand."""

    def __init__(self) -> None:
        self.time = 10**18
        self.book = Book()
        self.state = SessionState(SESSION, "FIX.4.4", 0)
        self.stops = 0
        self.told: list[Outcome] = []
        self.drainer = Drainer(self.book, {SESSION: self.state}, self, lambda _: "closed", self._stop)

    def now(self) -> int:
        return self.time

    def _stop(self) -> None:
        self.stops += 1

    def put(self, **changes: Any) -> None:
        self.book.orders[ORDER.order_id] = ORDER._replace(**changes)
        self.book.working = {ORDER.order_id}

    def drain(self, **more: Any) -> None:
        self.drainer.drain(Drain(**more), self.told.append)

    def later(self, seconds: float) -> None:
        self.time += int(seconds * NANOSECONDS)
        self.drainer.due(self.time)


def test_resting_orders_are_not_waited_for() -> None:
    world = World()
    world.put()
    world.drain()
    world.later(0)
    assert [outcome.done for outcome in world.told] == [True]
    assert world.stops == 0, "who asked is answered first"
    world.later(1)
    assert (world.stops, world.drainer.stopped) == (1, True)
    world.later(1)
    assert world.stops == 1


def test_what_is_under_way_is_waited_for_and_named() -> None:
    pending = (Leg(1, "P-O-1-1", Decimal("0.50"), LegState.PENDING, None),)
    unknown = (Leg(1, "P-O-1-1", Decimal("0.50"), LegState.UNKNOWN, None),)
    for changes in ({"requests": (CANCEL,)}, {"legs": pending}, {"legs": unknown}):
        world = World()
        world.put(**changes)
        world.drain(within_seconds=2)
        world.later(1)
        assert world.told == []
        assert 0 < world.drainer.wait(world.time) < 1
        world.later(1)
        (outcome,) = world.told
        assert not outcome.done
        assert "order O-1 of FIX.4.4:GW->DESK" in outcome.text
        world.later(60)
        assert world.stops == 0
        world.put()
        world.drain()
        world.later(0)
        world.later(1)
        assert world.stops == 1


def test_reports_are_sent_first_to_who_is_there() -> None:
    world = World()
    world.state.waiting.append(WaitingReport(1, ""))
    world.state.logged_on = True
    world.drain()
    world.later(1)
    assert world.told == []
    world.state.logged_on = False
    world.later(1)
    assert [outcome.done for outcome in world.told] == [True]


def test_it_can_be_taken_back_until_it_stops() -> None:
    world = World()
    assert (world.drainer.refusal(SESSION), world.drainer.order_refusal) == ("closed", "")
    world.drain()
    assert "about to restart" in world.drainer.refusal(SESSION)
    assert world.drainer.order_refusal.startswith("DRAINING")
    world.later(0)
    world.drain(resume=True)
    world.later(5)
    assert (world.stops, world.drainer.refusal(SESSION), world.drainer.order_refusal) == (0, "closed", "")
    assert world.drainer.wait(world.time) == float("inf")


def test_a_disabled_session_is_closed() -> None:
    world = World()
    world.state.disabled = True
    assert "disabled" in world.drainer.refusal(SESSION)
