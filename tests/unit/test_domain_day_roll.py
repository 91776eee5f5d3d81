"""At the end of a trading day ClOrdIDs are free again, and what is long over is forgotten; what is open stays."""

from decimal import Decimal
from typing import Any

import pytest

from gateway.domain import venue_reports as v
from gateway.domain.instruments import Instrument
from gateway.engine.clock import DAY
from gateway.engine.timers import Timers
from tests.fixtures.domain_desk import HELD, SESSION, SYMBOL, VENUE_ACCOUNT, DomainDesk

IDS: dict[str, Any] = {"venue_account": VENUE_ACCOUNT, "symbol": SYMBOL}


def _desk() -> DomainDesk:
    """X is filled, Y is open, Y's rejected-by-nobody cancel Z is not there yet."""
    desk = DomainDesk()
    desk.new("X", qty="10")
    desk.hear(v.VenueAccepted(**IDS, client_id="gw-O1-1", venue_order_id="1"))
    trade = v.VenueTraded(
        **IDS, client_id="gw-O1-1", venue_order_id="1", trade_id="7", last_qty=Decimal(10), last_px=Decimal(100)
    )
    desk.hear(trade)
    desk.new("Y", qty="10")
    desk.hear(v.VenueAccepted(**IDS, client_id="gw-O2-1", venue_order_id="2"))
    return desk


def test_ids_of_orders_that_are_over_are_free_the_next_day() -> None:
    desk = _desk()
    desk.book.roll_day(DAY)
    assert desk.book.by_cl_ord_id(SESSION, "X") is None
    assert desk.book.by_cl_ord_id(SESSION, "Y") is not None, "an open order keeps its id"
    assert desk.book.risk.totals.sum(HELD).position == 10


def test_the_id_of_a_day_order_is_free_once_it_has_ended_at_the_close() -> None:
    desk = _desk()
    desk.book.roll_day(DAY)
    assert desk.book.holder(SESSION, "Y") is not None, "it is still open"
    gone = v.CloseReason.CANCELED
    desk.hear(v.VenueClosed(**IDS, client_id="gw-O2-1", venue_order_id="2", reason=gone, cum_qty=Decimal(0)))
    assert desk.book.holder(SESSION, "Y") is None
    known = desk.book.by_cl_ord_id(SESSION, "Y")
    assert known is not None, "a cancel that crossed finds it"
    assert known.order_id == "O2"
    desk.new("Y", qty="10")
    taken = desk.book.holder(SESSION, "Y")
    assert taken is not None
    assert taken.order_id == "O3"


def test_an_order_of_yesterday_is_still_known_to_the_venue_s_late_words() -> None:
    desk = _desk()
    desk.book.roll_day(DAY)
    assert desk.book.by_venue_ids(VENUE_ACCOUNT, SYMBOL, "gw-O1-1", "1") is not None
    assert ("O1", "7", "1") in desk.book.executions
    desk.book.roll_day(3 * DAY)
    assert desk.book.by_venue_ids(VENUE_ACCOUNT, SYMBOL, "gw-O1-1", "1") is None
    assert desk.book.executions == {}
    assert desk.book.by_venue_ids(VENUE_ACCOUNT, SYMBOL, "gw-O2-1", "2") is not None


def test_an_id_used_today_is_not_freed() -> None:
    desk = _desk()
    desk.book.roll_day(0)
    assert desk.book.by_cl_ord_id(SESSION, "X") is not None


def test_the_timer_tells_each_new_day_once() -> None:
    timers = Timers(3600, DAY, trusted=lambda now: now)
    assert timers.new_day(DAY + 3599 * 10**9) is None
    assert timers.new_day(DAY + 3600 * 10**9) == DAY + 3600 * 10**9
    assert timers.new_day(DAY + 3601 * 10**9) is None
    assert timers.wait(DAY + 3601 * 10**9) == pytest.approx(86_399)


def test_a_replace_is_measured_by_what_it_leaves_to_be_placed() -> None:
    """With 9 of 10 filled, a new price leaves 1 to be placed: less than the venue takes."""
    desk = DomainDesk(
        instrument=Instrument(symbol=SYMBOL, base="BTC", quote="USDT", min_qty=Decimal(2), min_notional=Decimal(150))
    )
    desk.new("X", qty="10")
    desk.hear(v.VenueAccepted(**IDS, client_id="gw-O1-1", venue_order_id="1"))
    desk.hear(
        v.VenueTraded(
            **IDS, client_id="gw-O1-1", venue_order_id="1", trade_id="7", last_qty=Decimal(9), last_px=Decimal(100)
        )
    )
    desk.quiet()
    desk.sent()
    desk.replace("Y", "X", "10", "101")
    assert desk.sent() == [], "the old order must not be given up for one that the venue would refuse"
    assert desk.order().is_open
    desk.replace("Z", "X", "9")  # to what has executed: nothing is placed, so no minimum counts
    assert [kind.__name__ for kind in desk.sent()] == ["CancelIntent"]
