"""The host's clock is set back while the engine runs: what waits must not wait for the old time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.domain.intents import SettleIntent
from gateway.domain.reconcile import SnapshotRequest, VenueSnapshot
from gateway.domain.venue_reports import VenueAccepted, VenueTraded
from gateway.engine.clock import NANOSECONDS
from tests.fixtures.loop_world import World

HOUR = 3_600 * NANOSECONDS


class Compared(World):
    """A world that is asked for snapshots, and answers by hand: the venue has no open orders."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.asked: list[SnapshotRequest] = []
        self.found: list[str] = []

    def snapshot(self, request: SnapshotRequest) -> None:
        self.asked.append(request)

    def show(self, *trades: VenueTraded, heard: bool = False) -> None:
        self.reconciler.snapshot_taken(
            VenueSnapshot(request=self.asked[-1], asked_at=self.time, orders=(), trades=trades, heard=heard)
        )

    def an_order_that_works(self) -> None:
        order = self.order("X")
        self.desk.venue_report(
            VenueAccepted(venue_account="main", symbol="BTCUSDT", client_id=order.legs[0].client_id, venue_order_id="1")
        )
        self.reconciler.touched(self.book.orders[order.order_id], self.time)

    @property
    def settled(self) -> int:
        return sum(type(intent) is SettleIntent for intent in self.recorder.intents)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Compared]:
    made = Compared(tmp_path)
    yield made
    made.database.dispose()


def test_an_order_that_closed_while_the_connection_was_lost_is_settled_at_once(world: Compared) -> None:
    world.reconciler.available("main", world.time)
    world.show()
    world.an_order_that_works()
    world.time -= HOUR
    world.reconciler.unavailable("main", world.time)
    world.reconciler.available("main", world.time)
    world.show()
    assert world.settled == 1


def test_a_snapshot_that_waits_to_be_judged_does_not_wait_for_the_old_time(world: Compared) -> None:
    world.reconciler.available("main", world.time)
    world.show()
    world.an_order_that_works()
    world.time += 10 * NANOSECONDS
    world.reconciler.request("main", lambda found, _: world.found.extend(row.kind for row in found), dry_run=False)
    world.show()
    world.time -= HOUR
    assert world.reconciler.wait(world.time) == 0
    world.reconciler.due(world.time)
    assert world.found == ["closed_at_venue"]
    assert world.settled == 1


@pytest.mark.parametrize("by", [-5 * NANOSECONDS, HOUR])
def test_an_order_that_changed_just_before_the_clock_was_set_is_not_judged(world: Compared, by: int) -> None:
    """Set back, the change is dated in the future; set forward, long ago. It was a moment ago."""
    world.reconciler.available("main", world.time)
    world.show()
    world.time += 10 * NANOSECONDS
    world.an_order_that_works()
    world.recorder.changed.clear()  # its batch is committed
    world.reconciler.request("main", lambda found, _: world.found.extend(row.kind for row in found), dry_run=False)
    world.show()  # without the order, which the venue had not counted yet
    world.time += by
    world.reconciler.clock_jumped(by)
    assert len(world.asked) == 3, "the answer has a time of before"
    world.show()
    world.time += 2 * NANOSECONDS
    world.reconciler.due(world.time)
    assert (world.found, world.settled) == ([], 0)
