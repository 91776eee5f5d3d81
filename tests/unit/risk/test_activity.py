"""Controls that remember: rates, duplicates, repetitions, self trades and slips of the hand; also after a restart."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.events import LegSubmitted
from gateway.domain.reports import CancelReject
from gateway.domain.risk import make_limit
from gateway.domain.risk.rate import ORDER_RATE, Bucket
from gateway.domain.risk.self_trade import PriceCounts
from gateway.domain.risk.terms import Snapshot
from gateway.domain.totals import FIRM, Scope
from gateway.domain.values import CxlRejReason, OrdType, Side, TimeInForce
from tests.fixtures.domain_desk import SYMBOL, DomainDesk, Told
from tests.fixtures.risk import ACME, judged, last_text, limit, limited, replacing, terms

SECOND = 1_000_000_000
MARKET = {"ord_type": OrdType.MARKET, "price": None}


def passes(desk: DomainDesk, cl_ord_id: str, *args: str, **fields: Any) -> bool:
    desk.new(cl_ord_id, *args, **fields)
    return desk.order(cl_ord_id).is_open


# --- ORDER_RATE


def test_a_bucket_gives_what_it_holds_and_then_what_drips_in() -> None:
    desk = limited(("ORDER_RATE", "2/1s"))
    desk.now = 10 * SECOND
    assert passes(desk, "A")
    assert passes(desk, "B")
    assert not passes(desk, "C")
    assert last_text(desk) == "ORDER_RATE limit=2/1s again_in=500ms account=ACME"
    desk.now += SECOND // 2
    assert passes(desk, "D")  # what was refused took nothing
    assert not passes(desk, "E")
    desk.now += 10 * SECOND
    assert [passes(desk, x) for x in "FGH"] == [True, True, False]


def test_replaces_take_tokens_even_those_that_shrink_and_are_refused_as_others() -> None:
    desk = limited(("ORDER_RATE", "2/1s"))
    desk.new("X")
    desk.hear(Told().accepted())
    desk.replace("Y", "X", "9")
    desk.replace("Z", "Y", "8")
    report = desk.reports[-1]
    assert isinstance(report, CancelReject)
    assert report.cxl_rej_reason is CxlRejReason.OTHER
    assert report.text.startswith("ORDER_RATE limit=2/1s again_in=")
    desk.cancel("C", "X")
    assert desk.told()[-1].startswith("8 C>X 150=6")


def test_a_clock_that_is_set_back_costs_no_more_than_an_empty_bucket() -> None:
    desk = limited(("ORDER_RATE", "2/1s"))
    desk.now = 3_600 * SECOND
    assert passes(desk, "A")
    assert passes(desk, "B")
    desk.now = SECOND
    assert not passes(desk, "C")
    assert last_text(desk) == "ORDER_RATE limit=2/1s again_in=500ms account=ACME"
    desk.now += SECOND // 2
    assert passes(desk, "D")


def test_a_restart_does_not_fill_the_bucket() -> None:
    desk = limited(("ORDER_RATE", "2/1s"))
    desk.new("A")
    desk.new("B")
    desk.book = desk.replayed()
    assert not passes(desk, "C")


@given(st.integers(1, 20), st.integers(1, 5), st.lists(st.integers(0, SECOND), max_size=80))
def test_no_window_gets_more_than_the_bucket_and_what_drips_in(count: int, seconds: int, gaps: list[int]) -> None:
    rate = limit("ORDER_RATE", f"{count}/{seconds}s")
    bucket, at, passed = Bucket(rate), SECOND, list[int]()
    for gap in gaps:
        at += gap
        figures = ORDER_RATE.measure(terms(), bucket, Snapshot(at, None), rate)
        if ORDER_RATE.judge(terms(), rate, rate.value, figures) is None:
            passed.append(at)
            bucket.record(
                LegSubmitted(order_id="O", at=at, leg=1, client_id="", qty=Decimal(1), price=None, stop_px=None), _ANY
            )
    window = seconds * SECOND
    for first, start in enumerate(passed):
        for n, end in enumerate(passed[first:], 1):
            assert n <= count + (end - start) // (window // count)
    if len(gaps) > count and not any(gaps):
        assert len(passed) == count


_ANY: Any = None  # the order: a bucket does not look at it

# --- DUPLICATE_ORDER


def test_the_same_order_again_within_the_window() -> None:
    desk = limited(("DUPLICATE_ORDER", "2s"))
    desk.now = SECOND
    assert passes(desk, "A", "10", "100")
    desk.now += 2 * SECOND - 2
    assert not passes(desk, "B", "10.0", "100.00")
    assert last_text(desk) == "DUPLICATE_ORDER within=2s age=1999ms account=ACME"
    assert passes(desk, "C", "10", "101")
    assert passes(desk, "D", "11", "100")
    assert passes(desk, "E", "10", "100", side=Side.SELL)
    assert passes(desk, "F", "10", "100")  # the window is over, and what was refused did not count
    desk.book = desk.replayed()
    assert not passes(desk, "G", "10", "100")


def test_a_replace_is_no_duplicate() -> None:
    assert judged("DUPLICATE_ORDER", "2s", replacing(), (0,)) is None


# --- REPEATED_EXECUTION


def fill(desk: DomainDesk, cl_ord_id: str, qty: str = "10") -> None:
    assert passes(desk, cl_ord_id, qty)
    number = desk.book.last_order_number
    half = str(Decimal(qty) / 2)
    desk.hear(Told(1, number).traded(f"T{number}", half))
    desk.hear(Told(1, number).traded(f"U{number}", half))


def test_a_pattern_that_executes_too_often_stops_the_scope_until_a_person_sets_the_limit_again() -> None:
    desk = limited(("REPEATED_EXECUTION", "3/60s"))
    desk.now = SECOND
    for cl_ord_id in ("A", "B"):
        fill(desk, cl_ord_id)
    fill(desk, "C", "9")  # another pattern
    fill(desk, "D")
    says = "REPEATED_EXECUTION limit=3/1m pattern=BUY/10/BTCUSDT/ACME until=set_again account=ACME"
    assert not passes(desk, "E", "1")
    assert last_text(desk) == says
    desk.now += 1000 * SECOND
    assert not passes(desk, "F", "1")
    desk.book.roll_day(desk.now)
    desk.book = desk.replayed()
    assert not passes(desk, "G", "1")
    desk.book.risk.change([limit("REPEATED_EXECUTION", "3/60s", limit_id=2)])
    fill(desk, "H")


def test_what_executes_seldom_enough_goes_on() -> None:
    desk = limited(("REPEATED_EXECUTION", "2/1s"))
    for n in range(5):
        desk.now += SECOND
        fill(desk, f"A{n}")


# --- SELF_TRADE


def crossing(desk: DomainDesk, price: str | None, side: Side = Side.SELL) -> str:
    """The denial of an order at this price, or nothing."""
    fields = {"ord_type": OrdType.MARKET} if price is None else {}
    name = f"try-{desk.now}"
    desk.new(name, "1", price, side=side, time_in_force=TimeInForce.IOC, **fields)
    return "" if desk.order(name).is_open else last_text(desk)


def test_an_order_that_would_meet_a_resting_one_of_the_firm() -> None:
    desk = limited(limit("SELF_TRADE", "refuse", FIRM))
    desk.new("X", "10", "100")
    desk.new("Y", "10", "99")
    assert crossing(desk, "100.01") == ""
    assert crossing(desk, "100") == "SELF_TRADE resting=100 order=100 scope=firm"
    assert crossing(desk, None) == "SELF_TRADE resting=100 order=MARKET scope=firm"
    assert crossing(desk, "200", Side.BUY) == ""  # nothing of ours is on the other side
    desk.hear(Told(1, 1).traded("T1", "4"))
    assert crossing(desk, "100") != ""
    desk.hear(Told(1, 1).canceled("4"))
    assert crossing(desk, "100") == ""
    assert crossing(desk, "99") == "SELF_TRADE resting=99 order=99 scope=firm"
    desk.book = desk.replayed()
    assert crossing(desk, "99") == "SELF_TRADE resting=99 order=99 scope=firm"


def test_a_pending_replace_rests_at_both_its_prices() -> None:
    desk = limited(limit("SELF_TRADE", "refuse", FIRM))
    desk.new("X", "10", "100")
    desk.hear(Told().accepted())
    desk.replace("Y", "X", "10", "90")
    assert crossing(desk, "100") == "SELF_TRADE resting=100 order=100 scope=firm"
    desk.hear(Told().canceled())
    desk.hear(Told(2).accepted())
    assert crossing(desk, "91") == ""
    assert crossing(desk, "90") == "SELF_TRADE resting=90 order=90 scope=firm"


def test_a_limit_set_later_knows_of_what_rests_and_one_that_comes_back_of_what_went() -> None:
    desk = DomainDesk()
    desk.new("X", "10", "100")
    desk.book.risk.change([limit("SELF_TRADE", "refuse", FIRM)])
    assert crossing(desk, "100") != ""
    desk.book.risk.change([make_limit(2, "SELF_TRADE", FIRM, None)])
    desk.hear(Told().canceled())
    desk.book.risk.change([limit("SELF_TRADE", "refuse", FIRM, 3)])
    assert crossing(desk, "100") == ""


def test_what_is_hidden_for_a_time_goes_on_watching() -> None:
    hidden = make_limit(2, "SELF_TRADE", FIRM, None, valid_from=1, valid_to=100)
    desk = limited(limit("SELF_TRADE", "refuse", FIRM), hidden)
    desk.now = 50
    desk.new("X", "10", "100")
    assert crossing(desk, "100") == ""
    desk.now = 100
    assert crossing(desk, "100") != ""


def test_the_venue_may_be_left_to_prevent_it() -> None:
    assert judged("SELF_TRADE", "venue", terms(), (Decimal(1),)) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 6).map(Decimal))))
def test_the_best_price_is_the_best_of_what_is_there(steps: list[tuple[bool, Decimal]]) -> None:
    for side, best in ((Side.BUY, max), (Side.SELL, min)):
        prices, there = PriceCounts(side), list[Decimal]()
        for more, price in steps:
            if more:
                prices.add(price)
                there.append(price)
            elif price in there:
                prices.remove(price)
                there.remove(price)
            assert prices.best() == (best(there) if there else None)


# --- FAT_FINGER


def test_an_order_many_times_as_large_as_the_last_ones() -> None:
    desk = limited(("FAT_FINGER", "3x/2"))
    assert passes(desk, "A", "100")
    assert passes(desk, "B", "1000")  # too few to tell
    assert passes(desk, "C", "2")
    assert passes(desk, "D", "2")
    assert passes(desk, "E", "6")  # three times two
    assert not passes(desk, "F", "12.1")
    assert last_text(desk) == "FAT_FINGER limit=3x/2 average=4 order=12.1 account=ACME"
    assert passes(desk, "G", "12")
    desk.book = desk.replayed()
    assert not passes(desk, "H", "27.1")


def test_a_replace_that_does_not_grow_is_no_slip() -> None:
    assert judged("FAT_FINGER", "3x/2", replacing(order_qty="100", price="1"), (2, Decimal(2))) is None
    assert judged("FAT_FINGER", "3x/2", replacing(order_qty="100", opens_qty="90"), (2, Decimal(2))) is not None


# --- scopes


@pytest.mark.parametrize("code", ["DUPLICATE_ORDER 2s", "FAT_FINGER 1x/1"])
def test_some_controls_look_at_one_account_and_symbol_whatever_their_limits_scope(code: str) -> None:
    name, text = code.split()
    desk = limited(limit(name, text, FIRM), limit(name, text, ACME, 2), limit(name, text, Scope(symbol=SYMBOL), 3))
    desk.new("X", "1")
    trackers = desk.book.risk.rules("ACME", desk.profile.key, SYMBOL, desk.now).trackers
    assert len(trackers) == 1
