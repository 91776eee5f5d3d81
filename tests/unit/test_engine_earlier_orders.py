"""An order of an earlier day that the client repeats: it is told how it stands, and nothing is ordered twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.domain.intents import PlaceIntent
from gateway.domain.values import OrdRejReason
from gateway.domain.venue_reports import Operation, VenueRefused
from gateway.engine import inbox as i
from gateway.engine.clock import DAY, day_start
from gateway.fix.encode import utc_timestamp
from gateway.store.tables import orders, reports
from tests.fixtures.loop_world import SESSION, World
from tests.fixtures.processes import wait_until


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.time = day_start(made.time, 0) + DAY // 2
    made.book.roll_day(day_start(made.time, 0))
    yield made
    made.stop()
    assert made.halted == []


def place(world: World, number: int, made_at: int, more: str = "", tif: str = "1") -> None:
    """The order A, as the client made it then."""
    world.receive(
        f"8=FIX.4.4\x0135=D\x0134={number}\x01{more}11=A\x0155=BTCUSDT\x0154=1\x0138=1\x0140=2\x0144=100\x01"
        f"59={tif}\x0160={utc_timestamp(made_at)}\x01",
        number,
    )


def placed(world: World) -> int:
    return sum(isinstance(intent, PlaceIntent) for intent in world.intents)


def test_only_what_was_sent_on_an_earlier_day_is_its_repetition(world: World) -> None:
    yesterday = world.time
    world.start()
    place(world, 1, yesterday)
    wait_until(lambda: placed(world) == 1, "the order is sent")
    world.inbox.put(_refused(world))
    wait_until(lambda: len(world.rows(select(reports))) == 1, "the venue refuses it")
    world.time += DAY
    world.nudge()
    wait_until(lambda: world.book.day_start > yesterday, "the day began")

    place(world, 2, yesterday, "97=Y\x01")
    wait_until(lambda: len(world.rows(select(reports))) == 2, "the client is told how it stands")
    told = world.rows(select(reports.c.body).order_by(reports.c.report_id))[-1][0] + "\x01"
    assert "\x01150=I\x01" in told
    assert "\x0137=O1\x01" in told
    assert "\x0139=8\x01" in told

    world.book.orders.clear()  # as after a start: what ended yesterday is in SQL alone
    place(world, 3, yesterday, "97=Y\x01")
    wait_until(lambda: len(world.rows(select(reports))) == 3, "the client is told again")
    assert placed(world) == 1

    place(world, 4, world.time, "97=Y\x01")  # an order of today, which never came the first time
    wait_until(lambda: placed(world) == 2, "an order of today is another one")
    assert [row.order_id for row in world.rows(select(orders))] == ["O1", "O2"]


@pytest.mark.parametrize("flag", ["43=Y\x01", "97=Y\x01"])
def test_a_day_order_that_was_lost_on_its_day_is_not_for_the_next(world: World, flag: str) -> None:
    world.start()
    place(world, 1, day_start(world.time, 0) - 1, flag, tif="0")
    wait_until(lambda: len(world.rows(select(reports))) == 1, "it is refused")
    told = world.rows(select(reports.c.body))[0][0] + "\x01"
    assert "\x0158=EXPIRE_TIME_PASSED time_in_force=DAY\x01" in told
    assert "\x01103=4\x01" in told
    assert placed(world) == 0


@pytest.mark.parametrize(("flag", "before", "tif"), [("43=Y\x01", 0, "0"), ("", 1, "0"), ("43=Y\x01", 1, "1")])
def test_what_is_of_today_or_not_marked_or_for_longer_is_taken(world: World, flag: str, before: int, tif: str) -> None:
    world.start()
    place(world, 1, day_start(world.time, 0) - before, flag, tif=tif)
    wait_until(lambda: placed(world) == 1, "it is sent")


def test_a_repetition_of_what_was_refused_is_refused_again(world: World) -> None:
    why = ["DRAINING"]
    world.clients._order_refusal = lambda: why[0]
    world.start()

    def told() -> str:
        return str(world.rows(select(reports.c.body).order_by(reports.c.report_id))[-1][0])

    def answered(number: int) -> str:
        wait_until(lambda: len(world.rows(select(reports))) == number, "an answer")
        return told()

    place(world, 1, world.time)
    assert "58=DRAINING" in answered(1)
    why[0] = ""
    for number, flag in ((2, "97=Y\x01"), (3, "43=Y\x01")):
        place(world, number, world.time, flag)
        text = answered(number)
        assert "58=REFUSED_BEFORE cl_ord_id=A:" in text
        assert "\x0139=8\x01" in text
    place(world, 4, world.time)  # nobody can take it for the first one
    wait_until(lambda: placed(world) == 1, "it is sent")
    place(world, 5, world.time, "97=Y\x01")
    assert "\x0137=O1\x01" in answered(4), "known by now"

    def replaced(number: int, flag: str) -> str:
        text = f"8=FIX.4.4\x0135=G\x0134={number}\x01{flag}11=B\x0141=A\x0138=2\x0144=90\x01"
        world.inbox.put(i.AppReceived(SESSION, text, "G", number, number + 1, True, world.time))
        return answered(number - 1)

    why[0] = "DRAINING"
    assert "58=DRAINING" in replaced(6, "")
    why[0] = ""
    assert "58=REFUSED_BEFORE cl_ord_id=B:" in replaced(7, "97=Y\x01")
    assert "\x01102=99\x01" in told()
    world.inbox.put(_refused(world))
    answered(7)
    assert "\x01102=0\x01" in replaced(9, "97=Y\x01"), "too late is the truth, whatever came before"
    assert placed(world) == 1


def _refused(world: World) -> VenueRefused:
    return VenueRefused(
        venue_account="main",
        symbol="BTCUSDT",
        client_id=world.intents[0].client_id,
        operation=Operation.PLACE,
        intent_id=1,
        text="-2010",
        reason=OrdRejReason.OTHER,
    )
