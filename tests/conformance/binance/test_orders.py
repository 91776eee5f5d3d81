"""What is Binance's own: kinds of keys, channels, bans, the clock."""

from typing import Any

import pytest

from gateway.domain.values import OrdRejReason, OrdType, TimeInForce
from gateway.domain.venue_reports import (
    CloseReason,
    Operation,
    VenueAccepted,
    VenueAmended,
    VenueClosed,
    VenueOrderWorking,
    VenueOutcomeUnknown,
    VenueRefused,
    VenueTraded,
)
from gateway.venues.binance import upkeep
from gateway.venues.binance.rest import RestClient
from tests.conformance.binance.support import Make, intents
from tests.conformance.binance_exchange import BinanceExchange
from tests.conformance.exchange import Desk, eventually

TOO_MUCH: dict[str, Any] = {"code": -1003, "msg": "Too much.", "status": 429, "retry_after_ms": 60_000}


@pytest.mark.parametrize("ed25519", [False, True])
@pytest.mark.parametrize("order_entry", ["websocket", "rest"])
async def test_life_of_an_order_by_either_key_and_channel(
    make: Make, exchange: BinanceExchange, desk: Desk, ed25519: bool, order_entry: str
) -> None:
    exchange.ed25519 = ed25519
    venue = make(order_entry=order_entry)
    await venue.start()
    order = intents(venue, exchange)
    assert {("out", "connect"), ("in", "connect")} <= {call[:2] for call in desk.calls}
    ((account, offset_ns, error_ns),) = desk.clocks
    assert account == "main"
    assert abs(offset_ns) <= error_ns + 1_000_000_000, "the exchange runs on our clock"
    venue.place(order.place())
    accepted = await desk.expect(VenueAccepted, client_id=order.client_id)
    await exchange.fill(order.client_id, "0.1")
    await desk.expect(VenueTraded)
    await desk.until(lambda: any(call[:2] == ("in", "event") and '"x":"TRADE"' in call[2] for call in desk.calls))
    venue.amend(order.amend("0.9", accepted.venue_order_id))
    await desk.expect(VenueAmended)
    venue.cancel(order.cancel(accepted.venue_order_id))
    closed = await desk.expect(VenueClosed)
    assert closed.reason is CloseReason.CANCELED
    assert not desk.of(VenueRefused)
    assert not desk.alerts


class TestRestEntry:
    @pytest.mark.parametrize("fault", ["http_503_before", "http_503_after", "drop_before", "drop_after", "timeout"])
    async def test_doubt_is_unknown_and_sent_once(
        self, make: Make, exchange: BinanceExchange, desk: Desk, fault: str
    ) -> None:
        venue = make(order_entry="rest", answer_timeout_ms=400)
        await venue.start()
        await exchange.fault("place", fault)
        venue.place(intents(venue, exchange).place())
        await desk.expect(VenueOutcomeUnknown, operation=Operation.PLACE)
        assert len(await exchange.orders()) == (not fault.endswith("_before"))

    async def test_a_defect_is_unknown(
        self, make: Make, exchange: BinanceExchange, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        venue = make(order_entry="rest")
        await venue.start()

        async def broken(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(RestClient, "signed", broken)
        venue.place(intents(venue, exchange).place())
        unknown = await desk.expect(VenueOutcomeUnknown, operation=Operation.PLACE)
        assert unknown.text == "the call failed: ZeroDivisionError"
        assert desk.alert_codes() == {"VENUE_ADAPTER_DEFECT"}

    async def test_what_is_under_way_at_the_stop_is_unknown(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        venue = make(order_entry="rest")
        await venue.start()
        await exchange.hold("place", "before")
        begun, just_asked = intents(venue, exchange).place(), intents(venue, exchange).place()
        venue.place(begun)
        while not await exchange.held("place"):
            pass
        venue.place(just_asked)
        await venue.stop()
        assert {report.client_id for report in desk.of(VenueOutcomeUnknown)} == {begun.client_id, just_asked.client_id}

    async def test_a_refusal(self, make: Make, exchange: BinanceExchange, desk: Desk) -> None:
        venue = make(order_entry="rest")
        await venue.start()
        await exchange.reject("place")
        venue.place(intents(venue, exchange).place())
        refused = await desk.expect(VenueRefused)
        assert refused.reason is OrdRejReason.EXCHANGE_CLOSED
        assert refused.text == "-2010 Market is closed."


async def test_queries_leave_the_rest_of_the_weight_to_cancels(
    make: Make, exchange: BinanceExchange, desk: Desk
) -> None:
    venue = make()
    await venue.start()
    order = intents(venue, exchange)
    venue.place(order.place())
    accepted = await desk.expect(VenueAccepted)
    for counter in exchange.hosts[exchange.url].weights.values():
        counter.length_ms = 86_400_000
        counter.interval = venue.clock_ms() // counter.length_ms
        counter.used = counter.limit * 95 // 100
    venue.settle(order.settle(accepted.venue_order_id))
    venue.cancel(order.cancel(accepted.venue_order_id))
    await desk.expect(VenueClosed)
    assert not [call for call in desk.calls if call[1] == Operation.SETTLE]


class TestBan:
    async def test_what_one_account_brought_on_itself_the_others_heed(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        one, other = make(), make()
        await one.start()
        await other.start()
        await exchange.post("reject", op="order.place", **TOO_MUCH)
        one.place(intents(one, exchange).place())
        await desk.expect(VenueRefused)
        order = intents(other, exchange)
        other.place(order.place())
        refused = await desk.expect(VenueRefused, client_id=order.client_id)
        assert refused.text.startswith("ORDER_RATE venue=paused")
        assert not await exchange.orders()

    async def test_nothing_is_sent_before_the_time_and_cancels_go_first(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        venue = make()
        await venue.start()
        order = intents(venue, exchange)
        venue.place(order.place())
        accepted = await desk.expect(VenueAccepted)
        await exchange.reject("place", too_many=True)
        late = intents(venue, exchange)
        venue.place(late.place())
        refused = await desk.expect(VenueRefused, client_id=late.client_id)
        assert refused.reason is OrdRejReason.EXCEEDS_LIMIT
        sent = len([call for call in desk.calls if call[0] == "out"])
        venue.place(late.place())
        venue.cancel(order.cancel(accepted.venue_order_id))
        assert len([call for call in desk.calls if call[0] == "out"]) == sent
        assert desk.of(VenueRefused)[-1].text.startswith("ORDER_RATE venue=paused")
        await desk.expect(VenueClosed, client_id=order.client_id, reason=CloseReason.CANCELED)

    async def test_too_many_orders_stop_new_ones_and_not_cancels(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        one, other = make(), make()
        await one.start()
        await other.start()
        order = intents(one, exchange)
        one.place(order.place())
        accepted = await desk.expect(VenueAccepted)
        await exchange.post("reject", op="order.place", code=-1015, msg="Too many new orders.", status=429)
        for text in ("-1015", "ORDER_RATE venue=orders"):
            late = intents(one, exchange)
            one.place(late.place())
            assert (await desk.expect(VenueRefused, client_id=late.client_id)).text.startswith(text)
        one.cancel(order.cancel(accepted.venue_order_id))
        await desk.expect(VenueClosed, client_id=order.client_id, reason=CloseReason.CANCELED)
        others = intents(other, exchange)
        other.place(others.place())
        await desk.expect(VenueAccepted, client_id=others.client_id)

    async def test_what_is_left_of_the_weight_is_two_accounts_together(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        one, other = make(), make()
        await one.start()
        await other.start()
        for counter in exchange.hosts[exchange.url].weights.values():
            counter.length_ms = 1 << 50  # it does not end
            counter.interval = one.clock_ms() // counter.length_ms
            counter.used = counter.ours = counter.limit * 8 // 10 - 1
        first, second = intents(one, exchange), intents(other, exchange)
        one.place(first.place())
        await desk.expect(VenueAccepted, client_id=first.client_id)
        other.place(second.place())
        refused = await desk.expect(VenueRefused, client_id=second.client_id)
        assert refused.text.startswith("ORDER_RATE venue=weight")

    async def test_a_cancel_that_was_turned_away_is_sent_again(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        venue = make()
        await venue.start()
        order = intents(venue, exchange)
        venue.place(order.place())
        accepted = await desk.expect(VenueAccepted)
        await exchange.reject("cancel", too_many=True)
        venue.cancel(order.cancel(accepted.venue_order_id))
        await desk.expect(VenueClosed, client_id=order.client_id, reason=CloseReason.CANCELED)
        assert not desk.of(VenueRefused)

    async def test_a_cancel_whose_window_ends_first_is_refused(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        venue = make()
        await venue.start()
        await exchange.post("reject", op="order.place", **TOO_MUCH)
        order = intents(venue, exchange, recv_window_ms=300)
        venue.place(order.place())
        await desk.expect(VenueRefused, operation=Operation.PLACE)
        venue.cancel(order.cancel())
        refused = await desk.expect(VenueRefused, operation=Operation.CANCEL)
        assert refused.text.startswith("VENUE_RATE_LIMIT")


class TestClock:
    async def test_a_skewed_venue_clock_is_followed(self, make: Make, exchange: BinanceExchange, desk: Desk) -> None:
        await exchange.post("time", offset_ms=-90_000)
        venue = make()
        await venue.start()
        order = intents(venue, exchange)
        venue.place(order.place())
        await desk.expect(VenueAccepted, client_id=order.client_id)

    async def test_a_refused_timestamp_makes_it_measure_again(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        venue = make()
        await venue.start()
        before = venue.clock_ms()
        await exchange.post("time", offset_ms=90_000)
        venue.place(intents(venue, exchange).place())
        refused = await desk.expect(VenueRefused)
        assert refused.text.startswith("-1021")
        await eventually(lambda: venue.clock_ms() > before + 80_000)
        order = intents(venue, exchange)
        venue.place(order.place())
        await desk.expect(VenueAccepted, client_id=order.client_id)

    async def test_a_settlement_whose_timestamp_is_refused_measures_it_too(
        self, make: Make, exchange: BinanceExchange, desk: Desk
    ) -> None:
        venue = make()
        await venue.start()
        order = intents(venue, exchange)
        venue.place(order.place())
        await desk.expect(VenueAccepted)
        await exchange.post("time", offset_ms=90_000)
        venue.settle(order.settle())
        await desk.expect(VenueOrderWorking)


async def test_instruments_are_kept_fresh(make: Make, exchange: BinanceExchange, desk: Desk) -> None:
    venue = make(instruments_refresh_s=0.1, symbols=[exchange.symbol])
    await venue.start()
    assert list(desk.known) == [exchange.symbol]
    assert desk.known[exchange.symbol].tradable
    await exchange.post("symbol", symbol=exchange.symbol, status="HALT")
    await desk.until(lambda: not desk.known[exchange.symbol].tradable)


async def test_a_market_that_closes_is_learned_by_a_refusal_and_looked_at_until_it_opens(
    make: Make, exchange: BinanceExchange, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each replace would first cancel the order that rests there, and none be taken for an hour once it opens."""
    monkeypatch.setattr(upkeep, "_SOON_S", 0.1)
    venue = make(instruments_refresh_s=3_600)
    await venue.start()
    await exchange.post("symbol", symbol=exchange.symbol, status="BREAK")
    order = intents(venue, exchange)
    venue.place(order.place())
    assert (await desk.expect(VenueRefused)).reason is OrdRejReason.EXCHANGE_CLOSED
    await desk.until(lambda: not desk.known[exchange.symbol].tradable)
    await exchange.post("symbol", symbol=exchange.symbol, status="TRADING")
    await desk.until(lambda: desk.known[exchange.symbol].tradable)


async def test_what_the_venue_would_turn_into_something_else_is_refused_here(
    make: Make, exchange: BinanceExchange, desk: Desk
) -> None:
    venue = make()
    await venue.start()
    market_fok = {"ord_type": OrdType.MARKET, "price": None, "time_in_force": TimeInForce.FOK}
    venue.place(intents(venue, exchange).place(**market_fok))
    venue.place(intents(venue, exchange).place(post_only=True, time_in_force=TimeInForce.IOC))
    refusals = desk.of(VenueRefused)
    assert [refused.reason for refused in refusals] == [OrdRejReason.UNSUPPORTED] * 2
    assert not [call for call in desk.calls if call[1] == Operation.PLACE]


async def test_before_start_a_place_is_refused_and_a_cancel_too(
    make: Make, exchange: BinanceExchange, desk: Desk
) -> None:
    venue = make()
    order = intents(venue, exchange)
    venue.place(order.place())
    venue.cancel(order.cancel())
    await desk.until(lambda: len(desk.of(VenueRefused)) == 2)
    assert all(refused.text.startswith("VENUE_UNAVAILABLE") for refused in desk.of(VenueRefused))
