"""The budget: a reserve for cancels, and silence during a ban."""

from typing import Any

import pytest

from gateway.simulator.api import METHODS
from gateway.venues.binance.filters import RateLimit
from gateway.venues.binance.limits import Host, Hosts, Limits, Use, retry_at_ms
from gateway.venues.binance.queries import weight_of

MINUTE = 60_000
NOW = 1_000 * MINUTE + 5_000


def weight(count: int, limit: int = 100) -> RateLimit:
    return RateLimit("REQUEST_WEIGHT", "MINUTE", 1, limit, count)


def orders(count: int, limit: int = 10) -> RateLimit:
    return RateLimit("ORDERS", "SECOND", 10, limit, count)


class TestLimits:
    def test_new_orders_stop_at_the_reserve(self) -> None:
        limits = Limits(cancel_reserve=0.2)
        limits.learn([weight(0), orders(0)])
        limits.observe([weight(79)], NOW)
        assert limits.refuses_place(NOW) is None
        limits.spend(NOW, 1, order=True)
        refusal = limits.refuses_place(NOW)
        assert refusal is not None
        assert refusal == "ORDER_RATE venue=weight used=80 limit=80 of 100/1 minute, the rest is kept for cancels"
        assert limits.cancel_wait_ms(NOW) == 0

    def test_what_can_wait_leaves_the_last_of_it_to_what_cannot(self) -> None:
        """Cancels before queries for unknown orders, those before replaces, those before new orders."""
        limits = Limits(cancel_reserve=0.2)
        limits.learn([weight(0)])

        def may_go(used: int) -> tuple[bool, ...]:
            limits.observe([weight(used)], NOW)
            return (
                limits.query_wait_ms(NOW, 1, Use.ROUTINE) == 0,
                limits.refuses_place(NOW) is None,
                limits.refuses_place(NOW, Use.REPLACE) is None and limits.refuses_order(NOW, 1, Use.REPLACE) is None,
                limits.query_wait_ms(NOW, 1) == 0,
                limits.cancel_wait_ms(NOW) == 0,
            )

        assert {used: may_go(used) for used in (69, 70, 79, 80, 84, 85, 89, 90, 99, 100)} == {
            69: (True, True, True, True, True),
            70: (False, True, True, True, True),
            79: (False, True, True, True, True),
            80: (False, False, True, True, True),
            84: (False, False, True, True, True),
            85: (False, False, False, True, True),
            89: (False, False, False, True, True),
            90: (False, False, False, False, True),
            99: (False, False, False, False, True),
            100: (False, False, False, False, False),
        }
        assert limits.cancel_wait_ms(NOW) == limits.query_wait_ms(NOW, 1) == 55_000, "to the end of the minute"
        assert limits.query_wait_ms(NOW + MINUTE, 500) == 0, "one that never fits goes alone"
        limits.pause(NOW + MINUTE, NOW + 2 * MINUTE)
        assert limits.query_wait_ms(NOW + MINUTE, 1) == limits.cancel_wait_ms(NOW + MINUTE) == MINUTE

    def test_of_the_count_of_orders_some_are_left_to_replaces(self) -> None:
        limits = Limits(0)
        limits.observe([orders(95, 100)], NOW)
        refusal = limits.refuses_place(NOW)
        assert refusal == "ORDER_RATE venue=orders used=95 limit=95 of 100/10 second"
        assert limits.refuses_place(NOW, Use.REPLACE) is None
        limits.observe([orders(100, 100)], NOW)
        assert limits.refuses_place(NOW, Use.REPLACE) is not None
        limits.observe([orders(50, 100)], NOW)
        assert limits.refuses_place(NOW) is None, "orders that filled are taken off again"

    def test_too_many_orders_are_one_accounts_matter_and_its_cancels_go_on(self) -> None:
        host = Host()
        one, other = Limits(0, host), Limits(0, host)
        one.orders_used_up(NOW, NOW + 3_000)
        refusal = one.refuses_place(NOW + 2_999)
        assert refusal == f"ORDER_RATE venue=orders until={NOW + 3_000} (ms UTC)"
        assert one.cancel_wait_ms(NOW) == one.query_wait_ms(NOW, 1) == 0
        assert other.refuses_place(NOW) is None
        assert one.refuses_place(NOW + 3_000) is None
        one.orders_used_up(NOW, 0)
        assert one.refuses_place(NOW + 9_999) is not None
        assert one.refuses_place(NOW + 10_000) is None

    def test_an_answer_of_the_minute_before_says_nothing_of_this_one(self) -> None:
        limits = Limits(0)
        limits.learn([weight(0)])
        begin = NOW + 55_000
        limits.observe([weight(100)], begin + 500, age_ms=550)
        limits.observe_headers({"X-MBX-USED-WEIGHT-1M": "100"}, begin + 500, age_ms=550)
        assert limits.refuses_place(begin + 500) is None
        limits.observe_headers({"X-MBX-USED-WEIGHT-1M": "100"}, begin + 500, age_ms=300)
        assert limits.refuses_place(begin + 500) is not None

    def test_what_is_on_its_way_when_a_minute_ends_counts_in_the_next(self) -> None:
        """The venue counts a request when it comes to it: on a busy machine that may be a minute later."""
        limits = Limits(cancel_reserve=0.2)
        limits.learn([weight(0)])
        end = (NOW // MINUTE + 1) * MINUTE
        limits.spend(end - 2_000, 100)
        limits.observe([weight(40)], end - 1_000, in_flight=60, age_ms=500)
        assert limits.cancel_wait_ms(end - 1_000)
        limits.spend(end + 1, 40)
        assert limits.cancel_wait_ms(end + 1), "sixty may still be counted now"
        limits.observe([weight(20)], end + 900, in_flight=50, age_ms=2_000)
        assert limits.cancel_wait_ms(end + 900), "it was asked in the minute before, and less is on its way: no more"
        limits.observe([weight(30)], end + 1_500, in_flight=10, age_ms=200)
        assert not limits.cancel_wait_ms(end + 1_500), "the venue's own count"
        assert not limits.cancel_wait_ms(end + 2 * MINUTE), "long answered, or given up"

    def test_what_others_have_on_their_way_counts_too_whoever_was_answered_last(self) -> None:
        host = Host()
        one, other = Limits(0, host), Limits(0, host)
        one.learn([weight(0)])
        end = (NOW // MINUTE + 1) * MINUTE

        def told() -> None:
            one.observe([weight(10)], end - 500, in_flight=50, age_ms=200)
            other.observe([weight(10)], end - 400, in_flight=40, age_ms=200)

        def has_room_for(weight: int, at: int) -> bool:
            return one.refuses_order(at, weight, Use.NEW) is None

        told()
        assert (has_room_for(0, end - 400), has_room_for(1, end - 400)) == (True, False), (
            "ten and both accounts' ninety"
        )
        assert (has_room_for(10, end + 100), has_room_for(11, end + 100)) == (True, False), (
            "those may count in this minute"
        )
        told()
        other.observe_headers({"X-MBX-USED-WEIGHT-1M": "10"}, end - 300, age_ms=100)
        assert not has_room_for(1, end - 300), "an answer over REST says nothing of what is asked elsewhere"
        assert not has_room_for(11, end + 100)
        assert has_room_for(100, end + 2 * MINUTE), "long answered, or given up"

    def test_orders_in_flight_are_one_accounts_own(self) -> None:
        host = Host()
        one, other = Limits(0, host), Limits(0, host)
        other.observe([orders(0)], NOW, in_flight=9)
        one.observe([orders(9)], NOW)
        assert one.refuses_place(NOW) is None

    def test_an_answer_to_one_account_does_not_forget_what_another_has_sent_since(self) -> None:
        host = Host()
        one, other = Limits(0, host), Limits(0, host)
        one.learn([weight(0)])
        for _ in range(99):
            other.spend(NOW, 1)
        one.observe([weight(3)], NOW)
        assert one.refuses_place(NOW) is None
        one.spend(NOW, 1)
        one.observe([weight(4)], NOW)
        assert one.refuses_place(NOW) is not None

    def test_orders_that_the_venue_does_not_weigh_keep_no_cancel_waiting(self) -> None:
        limits = Limits(cancel_reserve=0.2)
        limits.learn([weight(0)])
        for _ in range(80):
            limits.spend(NOW, 1, order=True)
        for _ in range(20):
            limits.spend(NOW, 1)
        assert limits.cancel_wait_ms(NOW)
        limits.observe([weight(20)], NOW, in_flight=10)
        assert not limits.cancel_wait_ms(NOW)
        assert limits.refuses_place(NOW) is None

    def test_a_new_interval_starts_from_nothing(self) -> None:
        limits = Limits(0.2)
        limits.learn([weight(0)])
        limits.observe([weight(90)], NOW)
        assert limits.refuses_place(NOW + 55_000 - 1) is not None
        assert limits.refuses_place(NOW + 55_000) is None

    def test_where_one_is_used_up_the_next_begins_when_the_venue_must_be_in_it(self) -> None:
        """What comes to the venue before that would be too much of the old one, and a ban if it is many cancels."""
        limits = Limits(0.2)
        limits.learn([weight(0), orders(0)])
        limits.observe([weight(98), orders(10)], NOW)
        begin = NOW + 55_000
        assert not limits.cancel_wait_ms(begin)
        limits.spend(begin, 1)
        limits.spend(begin, 1)
        assert limits.cancel_wait_ms(begin + 1) == limits.query_wait_ms(begin + 1, 1) == 99
        assert limits.refuses_place(begin + 1) == (
            "ORDER_RATE venue=weight used=100 limit=100 of 100/1 minute, the rest is kept for cancels"
        )
        assert not limits.cancel_wait_ms(begin + 100)
        assert not limits.query_wait_ms(begin + 100, 1)
        assert limits.refuses_place(begin + 100) is None
        limits.spend(begin + 100, 97)
        assert not limits.cancel_wait_ms(begin + 100)
        limits.spend(begin + 100, 1)
        assert limits.cancel_wait_ms(begin + 100) == MINUTE - 100, "what began it counts"
        limits.observe([weight(0), orders(10)], NOW + MINUTE)
        last = begin + MINUTE + 5_000
        assert limits.refuses_place(last) is None, "of minutes long past nothing counts"

    def test_orders_have_a_count_of_their_own_which_cancels_do_not_use(self) -> None:
        limits = Limits(0)
        limits.learn([weight(0, 1_000), orders(0)])
        for _ in range(50):
            limits.spend(NOW, 1)
        assert limits.refuses_place(NOW) is None
        for _ in range(10):
            limits.spend(NOW, 1, order=True)
        refusal = limits.refuses_place(NOW)
        assert refusal is not None
        assert refusal == "ORDER_RATE venue=orders used=10 limit=10 of 10/10 second"
        assert limits.refuses_place(NOW + 10_000) is None

    def test_the_venues_count_and_what_is_under_way(self) -> None:
        limits = Limits(0)
        limits.observe([orders(4)], NOW, in_flight=6)
        assert limits.refuses_place(NOW) is not None
        limits.observe([orders(4)], NOW, in_flight=5)
        assert limits.refuses_place(NOW) is None

    def test_headers_in_any_case(self) -> None:
        limits = Limits(0)
        limits.learn([weight(0), orders(0)])
        limits.observe_headers({"x-mbx-used-weight-1m": "100", "X-MBX-USED-WEIGHT": "1", "X-Other": "9"}, NOW)
        assert limits.refuses_place(NOW) is not None
        limits.observe_headers({"X-MBX-USED-WEIGHT-1M": "5", "X-MBX-ORDER-COUNT-10S": "10"}, NOW)
        assert limits.refuses_place(NOW) is not None
        limits.observe_headers({"X-MBX-ORDER-COUNT-10S": "9", "X-MBX-ORDER-COUNT-ZZ": "x"}, NOW)
        assert limits.refuses_place(NOW) is None

    def test_a_ban_lasts_until_the_time_the_venue_named(self) -> None:
        limits = Limits(0.2)
        limits.pause(NOW, NOW + 5_000)
        limits.pause(NOW, NOW + 3_000)  # a shorter one does not shorten it
        assert limits.paused_for_ms(NOW) == 5_000
        assert limits.refuses_place(NOW + 4_999) is not None
        assert limits.refuses_place(NOW + 5_000) is None

    def test_without_a_time_pauses_double_until_something_is_accepted(self) -> None:
        limits = Limits(0.2)
        waits, now = [], NOW
        for _ in range(3):
            for _ in range(50):  # sent together, refused together
                limits.pause(now, 0)
            waits.append(limits.paused_for_ms(now))
            now += waits[-1]
        for wait, least in zip(waits, (1_000, 2_000, 4_000), strict=True):
            assert least <= wait <= least * 1.25
        limits.accepted()
        limits.pause(NOW + MINUTE, 0)
        assert 1_000 <= limits.paused_for_ms(NOW + MINUTE) <= 1_250
        others = [Limits(0.2) for _ in range(20)]
        for limits in others:
            limits.pause(NOW, 0)
        assert len({limits.paused_for_ms(NOW) for limits in others}) > 5, "they do not come back all at once"

    def test_accounts_of_one_address_share_weight_and_bans_but_not_orders(self) -> None:
        hosts = Hosts()
        one, other, elsewhere = (Limits(0, hosts[url]) for url in ("http://one", "http://one", "http://other"))
        for limits in (one, other, elsewhere):
            limits.learn([weight(0, 10), orders(0)])
        one.observe([orders(10)], NOW)
        assert one.refuses_place(NOW) is not None
        assert other.refuses_place(NOW) is None
        for _ in range(5):
            one.spend(NOW, 1)
            other.spend(NOW, 1)
        refusal = other.refuses_place(NOW)
        assert refusal is not None
        assert "used=10" in refusal
        one.pause(NOW, NOW + 5_000)
        assert other.paused_for_ms(NOW) == 5_000
        assert elsewhere.refuses_place(NOW) is None

    def test_a_ban_is_at_most_what_the_venue_documents_and_a_long_one_is_alerted_once(self) -> None:
        alerts: list[str] = []
        limits = Limits(0, alert=lambda code, text: alerts.append(f"{code} {text}"))
        limits.pause(NOW, NOW + 300_000)
        assert not alerts
        limits.pause(NOW, retry_at_ms("9" * 5_000, NOW))
        limits.pause(NOW + 1, NOW + 10**15)
        assert limits.paused_for_ms(NOW + 1) == 3 * 86_400_000
        assert alerts == ["VENUE_BAN the venue takes nothing for 259200 s: neither orders nor cancels"]

    def test_numbers_that_are_none(self) -> None:
        limits = Limits(0)
        limits.learn([weight(0)])
        limits.observe_headers({"X-MBX-USED-WEIGHT-1M": "9" * 5_000, f"X-MBX-USED-WEIGHT-{'1' * 5_000}M": "100"}, NOW)
        assert limits.refuses_place(NOW) is None
        assert retry_at_ms("soon", NOW) == 0
        assert retry_at_ms("7", NOW) == NOW + 7_000

    @pytest.mark.parametrize(
        "limit", [RateLimit("RAW_REQUESTS", "MINUTE", 5, 1, 9), RateLimit("ORDERS", "EON", 1, 1, 9)]
    )
    def test_limits_of_another_kind_are_left_alone(self, limit: RateLimit) -> None:
        limits = Limits(0)
        limits.observe([limit], NOW)
        assert limits.refuses_place(NOW) is None


def test_a_pause_is_never_longer_than_it_was_when_the_clock_is_set_back() -> None:
    """Nothing could be sent to learn the venue's time again, and no cancel."""
    limits, hour_ms = Limits(0.2), 3_600_000
    limits.pause(hour_ms, hour_ms + 500)
    limits.orders_used_up(hour_ms, hour_ms + 2_000)
    assert limits.cancel_wait_ms(1) == 500
    assert limits.paused_for_ms(501) == 0
    assert limits.refuses_place(502) is not None
    assert limits.refuses_place(502 + 2_000) is None


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("order.status", {"symbol": "BTCUSDT", "orderId": 1}),
        ("myTrades", {"symbol": "BTCUSDT", "orderId": 1}),
        ("myTrades", {"symbol": "BTCUSDT", "limit": 1000}),
        ("allOrders", {"symbol": "BTCUSDT"}),
        ("openOrders.status", {}),
        ("openOrders.status", {"symbol": "BTCUSDT"}),
        ("account.status", {}),
    ],
)
def test_a_query_takes_of_our_budget_what_it_takes_at_the_exchange(method: str, params: dict[str, Any]) -> None:
    assert weight_of(method, params) == METHODS[method].weight_of(params)
