"""What every adapter must do, whatever its venue: place, cancel, amend, settle; refused, unknown, disconnected."""

from decimal import Decimal

import pytest

from gateway.domain.values import LiquidityInd, OrdType, Side, TimeInForce
from gateway.domain.venue_reports import (
    CloseReason,
    Operation,
    VenueAccepted,
    VenueAmended,
    VenueClosed,
    VenueOrderMissing,
    VenueOrderWorking,
    VenueOutcomeUnknown,
    VenueRefused,
    VenueTraded,
)
from gateway.venues.base import Venue
from tests.conformance.conftest import Connect
from tests.conformance.exchange import Desk, Exchange, Intents

FAULTS = ["http_503_before", "http_503_after", "drop_before", "drop_after", "rubbish", "timeout"]
DONE_BY = {"http_503_after", "drop_after", "rubbish", "timeout"}  # faults after the venue had done it


def intents(venue: Venue, exchange: Exchange) -> Intents:
    return Intents(venue, exchange.symbol, exchange.resting_px)


async def resting(venue: Venue, exchange: Exchange, desk: Desk) -> tuple[Intents, str]:
    """An order that works at the venue, with the venue's order id."""
    order = intents(venue, exchange)
    venue.place(order.place())
    accepted = await desk.expect(VenueAccepted, client_id=order.client_id)
    assert accepted.venue_order_id is not None
    return order, accepted.venue_order_id


class TestStart:
    async def test_is_available_with_instruments_and_clock(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        assert desk.availabilities == [(True, "")]
        instrument = desk.known[exchange.symbol]
        assert instrument.tradable
        assert instrument.tick_size > 0
        assert instrument.qty_step > 0
        assert venue.clock_ms() > 0
        assert not desk.alerts


class TestPlace:
    async def test_a_resting_order_is_accepted_once(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        # The next order's answer proves that everything about the first has arrived.
        await resting(venue, exchange, desk)
        mine = [report for report in desk.reports if report.client_id == order.client_id]
        assert len(mine) == 1
        assert mine[0].venue_order_id == venue_order_id
        assert mine[0].transact_time > 0
        assert [seen["clientOrderId"] for seen in await exchange.orders()].count(order.client_id) == 1

    async def test_fills_are_told_each_once_and_then_the_end(
        self, venue: Venue, exchange: Exchange, desk: Desk
    ) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        await exchange.fill(order.client_id, "0.3")
        await exchange.fill(order.client_id, "0.7")
        closed = await desk.expect(VenueClosed, client_id=order.client_id)
        assert closed.reason is CloseReason.FILLED
        assert closed.cum_qty == 1
        trades = desk.of(VenueTraded)
        assert [trade.last_qty for trade in trades] == [Decimal("0.3"), Decimal("0.7")]
        assert {trade.venue_order_id for trade in trades} == {venue_order_id}
        assert all(trade.last_px == exchange.resting_px and trade.commission_currency for trade in trades)
        assert trades[0].liquidity is LiquidityInd.ADDED
        assert desk.reports.index(trades[-1]) < desk.reports.index(closed)

    async def test_events_sent_twice_are_told_once(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, _ = await resting(venue, exchange, desk)
        await exchange.duplicate_events(10)
        await exchange.fill(order.client_id, "0.5")
        await exchange.fill(order.client_id, "0.5")
        await desk.expect(VenueClosed, client_id=order.client_id)
        await resting(venue, exchange, desk)
        assert len(desk.of(VenueTraded)) == 2
        assert len(desk.of(VenueClosed)) == 1

    async def test_a_refusal_carries_the_venues_words(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        await exchange.reject("place")
        order = intents(venue, exchange)
        intent = order.place()
        venue.place(intent)
        refused = await desk.expect(VenueRefused)
        assert refused.operation is Operation.PLACE
        assert refused.intent_id == intent.intent_id
        assert refused.client_id == order.client_id
        assert "Market is closed." in refused.text
        assert not await exchange.orders()

    @pytest.mark.parametrize(
        "fields",
        [
            {"ord_type": OrdType.MARKET, "price": None},
            {"ord_type": OrdType.LIMIT, "time_in_force": TimeInForce.IOC},
            {"ord_type": OrdType.LIMIT, "time_in_force": TimeInForce.FOK},
            {"ord_type": OrdType.LIMIT, "post_only": True},
            {"ord_type": OrdType.STOP, "price": None, "stop_px": Decimal(150_000), "side": Side.BUY},
            {"ord_type": OrdType.STOP_LIMIT, "price": Decimal(150_010), "stop_px": Decimal(150_000)},
        ],
    )
    async def test_every_order_type_the_capabilities_name_is_taken(
        self, venue: Venue, exchange: Exchange, desk: Desk, fields: dict[str, object]
    ) -> None:
        order = intents(venue, exchange)
        venue.place(order.place(**{"qty": Decimal("0.01"), **fields}))
        await desk.until(lambda: bool(desk.reports))
        assert isinstance(desk.reports[0], VenueAccepted), desk.reports

    async def test_the_signed_time_is_the_committed_one(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        """An intent that waited longer than its window is refused by the venue: it was not stamped again."""
        order = intents(venue, exchange)
        venue.place(order.place(timestamp_ms=venue.clock_ms() - 60_000))
        await desk.expect(VenueRefused, operation=Operation.PLACE)
        assert not await exchange.orders()


class TestUnknown:
    @pytest.mark.parametrize("fault", FAULTS)
    async def test_a_place_is_unknown_sent_once_and_settled(
        self, connect: Connect, exchange: Exchange, desk: Desk, fault: str
    ) -> None:
        venue = await connect(answer_timeout_ms=400)
        await exchange.fault("place", fault)
        order = intents(venue, exchange)
        venue.place(order.place())
        unknown = await desk.expect(VenueOutcomeUnknown)
        assert unknown.operation is Operation.PLACE
        assert not desk.of(VenueRefused)
        venue.settle(order.settle())
        if fault in DONE_BY:
            working = await desk.expect(VenueOrderWorking, client_id=order.client_id)
            assert working.qty == 1
            assert working.cum_qty == 0
        else:
            await desk.expect(VenueOrderMissing, client_id=order.client_id)
        assert len(await exchange.orders()) == (fault in DONE_BY)

    async def test_the_venues_own_doubt_is_unknown(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        await exchange.reject("place", unknown_outcome=True)
        venue.place(intents(venue, exchange).place())
        await desk.expect(VenueOutcomeUnknown, operation=Operation.PLACE)

    @pytest.mark.parametrize("fault", FAULTS)
    async def test_a_cancel(self, connect: Connect, exchange: Exchange, desk: Desk, fault: str) -> None:
        venue = await connect(answer_timeout_ms=400)
        order, venue_order_id = await resting(venue, exchange, desk)
        await exchange.fault("cancel", fault)
        venue.cancel(order.cancel(venue_order_id))
        await desk.expect(VenueOutcomeUnknown, operation=Operation.CANCEL)
        venue.settle(order.settle(venue_order_id))
        if fault in DONE_BY:
            await desk.expect(VenueClosed, client_id=order.client_id, reason=CloseReason.CANCELED)
        else:
            await desk.expect(VenueOrderWorking, client_id=order.client_id)

    @pytest.mark.parametrize("fault", FAULTS)
    async def test_an_amend(self, connect: Connect, exchange: Exchange, desk: Desk, fault: str) -> None:
        venue = await connect(answer_timeout_ms=400)
        order, venue_order_id = await resting(venue, exchange, desk)
        await exchange.fault("amend", fault)
        venue.amend(order.amend("0.6", venue_order_id))
        await desk.expect(VenueOutcomeUnknown, operation=Operation.AMEND)
        venue.settle(order.settle(venue_order_id))
        working = await desk.expect(VenueOrderWorking, client_id=order.client_id)
        assert working.qty == (Decimal("0.6") if fault in DONE_BY else 1)

    async def test_an_answer_after_the_timeout_is_still_told(
        self, connect: Connect, exchange: Exchange, desk: Desk
    ) -> None:
        venue = await connect(answer_timeout_ms=200)
        await exchange.hold("place", "before")
        order = intents(venue, exchange)
        venue.place(order.place())
        await desk.expect(VenueOutcomeUnknown, operation=Operation.PLACE)
        await exchange.release()
        await desk.expect(VenueAccepted, client_id=order.client_id)


class TestCancel:
    @pytest.mark.parametrize("by_venue_id", [True, False])
    async def test_closes_with_what_was_executed(
        self, venue: Venue, exchange: Exchange, desk: Desk, by_venue_id: bool
    ) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        await exchange.fill(order.client_id, "0.4")
        await desk.expect(VenueTraded)
        venue.cancel(order.cancel(venue_order_id if by_venue_id else None))
        closed = await desk.expect(VenueClosed)
        assert closed.reason is CloseReason.CANCELED
        assert closed.cum_qty == Decimal("0.4")
        assert closed.client_id == order.client_id

    async def test_of_an_unknown_order(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        venue.cancel(intents(venue, exchange).cancel())
        refused = await desk.expect(VenueRefused)
        assert refused.operation is Operation.CANCEL
        assert refused.order_unknown

    async def test_of_an_order_that_filled_first(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        await exchange.fill(order.client_id)
        venue.cancel(order.cancel(venue_order_id))
        refused = await desk.expect(VenueRefused, operation=Operation.CANCEL)
        assert refused.order_unknown
        await desk.expect(VenueClosed, reason=CloseReason.FILLED)

    async def test_refused_otherwise(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        await exchange.reject("cancel")
        venue.cancel(order.cancel(venue_order_id))
        refused = await desk.expect(VenueRefused, operation=Operation.CANCEL)
        assert not refused.order_unknown

    async def test_the_order_keeps_its_client_id(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        venue.cancel(order.cancel(venue_order_id))
        await desk.expect(VenueClosed)
        assert [seen["clientOrderId"] for seen in await exchange.orders()] == [order.client_id]


class TestAmend:
    async def test_reduces_the_quantity(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        venue.amend(order.amend("0.6", venue_order_id))
        amended = await desk.expect(VenueAmended)
        assert amended.qty == Decimal("0.6")
        assert amended.client_id == order.client_id
        await resting(venue, exchange, desk)
        assert len(desk.of(VenueAmended)) == 1
        assert (await exchange.orders())[0]["clientOrderId"] == order.client_id

    async def test_up_is_refused(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        venue.amend(order.amend("2", venue_order_id))
        refused = await desk.expect(VenueRefused, operation=Operation.AMEND)
        assert not refused.order_unknown


class TestUnsolicited:
    async def test_a_foreign_cancel_names_the_order_by_our_id(
        self, venue: Venue, exchange: Exchange, desk: Desk
    ) -> None:
        order, _ = await resting(venue, exchange, desk)
        await exchange.cancel_foreign(order.client_id)
        closed = await desk.expect(VenueClosed)
        assert closed.client_id == order.client_id
        assert closed.reason is CloseReason.CANCELED

    async def test_an_expiry(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, _ = await resting(venue, exchange, desk)
        await exchange.expire(order.client_id)
        await desk.expect(VenueClosed, reason=CloseReason.EXPIRED, client_id=order.client_id)


class TestSettle:
    async def test_tells_every_trade_before_the_verdict(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        await exchange.lose_events(1_000)
        await exchange.fill(order.client_id, "0.1")
        await exchange.fill(order.client_id, "0.2")
        venue.settle(order.settle(venue_order_id))
        working = await desk.expect(VenueOrderWorking)
        assert working.qty == 1
        assert working.cum_qty == Decimal("0.3")
        told = desk.reports[: desk.reports.index(working)]
        assert [r.last_qty for r in told if isinstance(r, VenueTraded)] == [Decimal("0.1"), Decimal("0.2")]

    async def test_uses_the_streams_trade_ids(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        await exchange.fill(order.client_id, "0.1")
        streamed = await desk.expect(VenueTraded)
        venue.settle(order.settle(venue_order_id))
        await desk.expect(VenueOrderWorking)
        assert desk.of(VenueTraded) == [streamed, streamed]

    async def test_finds_an_order_whose_client_id_was_replaced(
        self, venue: Venue, exchange: Exchange, desk: Desk
    ) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        await exchange.lose_events(1_000)
        await exchange.cancel_foreign(order.client_id)
        venue.settle(order.settle(venue_order_id))
        await desk.expect(VenueClosed, client_id=order.client_id, reason=CloseReason.CANCELED)

    async def test_does_not_believe_missing_too_early(self, connect: Connect, exchange: Exchange, desk: Desk) -> None:
        """The order turns up after the first query said that it does not exist."""
        venue = await connect(answer_timeout_ms=200)
        await exchange.hold("place", "before")
        order = intents(venue, exchange)
        venue.place(order.place())
        await desk.expect(VenueOutcomeUnknown)
        venue.settle(order.settle(accepted_for_ms=30_000))
        await desk.until(lambda: any(d == "in" and "does not exist" in text for d, _, text in desk.calls))
        assert not desk.of(VenueOrderMissing)
        await exchange.release()
        await desk.expect(VenueOrderWorking, client_id=order.client_id)
        assert not desk.of(VenueOrderMissing)

    async def test_goes_on_while_queries_fail(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        await exchange.fault("status", "http_503_before", count=3)
        venue.settle(order.settle(venue_order_id))
        await desk.expect(VenueOrderWorking, client_id=order.client_id)

    async def test_one_at_a_time_an_order_and_then_again(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        await exchange.hold("status", "before")
        for _ in range(3):
            venue.settle(order.settle(venue_order_id))
        await desk.until(lambda: any("order.status" in text for _, _, text in desk.calls))
        await exchange.release()
        await desk.until(lambda: len(desk.of(VenueOrderWorking)) == 2)
        await resting(venue, exchange, desk)
        assert len(desk.of(VenueOrderWorking)) == 2


class TestConnection:
    async def test_comes_back_and_says_so(self, venue: Venue, exchange: Exchange, desk: Desk) -> None:
        order, _ = await resting(venue, exchange, desk)
        await exchange.drop_connections()
        await desk.until(lambda: [up for up, _ in desk.availabilities] == [True, False, True])
        await exchange.fill(order.client_id)
        await desk.expect(VenueClosed, client_id=order.client_id, reason=CloseReason.FILLED)

    async def test_what_was_written_when_it_broke_is_unknown(
        self, venue: Venue, exchange: Exchange, desk: Desk
    ) -> None:
        await exchange.hold("place", "before")
        order = intents(venue, exchange)
        venue.place(order.place())
        while not await exchange.held("place"):
            pass
        await exchange.drop_connections()
        await desk.expect(VenueOutcomeUnknown, operation=Operation.PLACE)
        assert not desk.of(VenueRefused)

    async def test_without_a_connection_a_place_is_refused_and_a_cancel_goes_the_other_way(
        self, venue: Venue, exchange: Exchange, desk: Desk
    ) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        await exchange.hold("subscribe", "before")
        await exchange.drop_connections()
        await desk.until(lambda: desk.availabilities[-1][0] is False)
        late = intents(venue, exchange)
        venue.place(late.place())
        refused = await desk.expect(VenueRefused, client_id=late.client_id)
        assert refused.text.startswith("VENUE_UNAVAILABLE")
        venue.cancel(order.cancel(venue_order_id))
        await desk.expect(VenueClosed, client_id=order.client_id, reason=CloseReason.CANCELED)
        venue.settle(order.settle(venue_order_id))
        await desk.until(lambda: len(desk.of(VenueClosed)) == 2)
        assert desk.availabilities[-1][0] is False

    async def test_stop_leaves_orders_alone(self, connect: Connect, exchange: Exchange, desk: Desk) -> None:
        venue = await connect()
        await resting(venue, exchange, desk)
        await venue.stop()
        assert [order["status"] for order in await exchange.orders()] == ["NEW"]


class TestSecrets:
    async def test_no_request_is_recorded_with_a_key_or_signature(
        self, venue: Venue, exchange: Exchange, desk: Desk
    ) -> None:
        order, venue_order_id = await resting(venue, exchange, desk)
        venue.settle(order.settle(venue_order_id))
        await desk.expect(VenueOrderWorking)
        venue.cancel(order.cancel(venue_order_id))
        await desk.expect(VenueClosed)
        directions = {(direction, operation) for direction, operation, _ in desk.calls}
        asked = {(d, o) for d in ("out", "in") for o in ("place", "cancel", "settle")}
        assert directions >= asked
        assert directions - asked <= {("out", "connect"), ("in", "connect"), ("in", "event")}
        everything = " ".join(text for _, _, text in desk.calls) + repr(venue) + repr(vars(venue))
        for word in ("apiKey", '"signature"', "signature=", "sim-main-key", "sim-main-secret"):
            assert word not in everything
