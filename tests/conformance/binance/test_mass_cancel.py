"""All of a symbol canceled by one request: each order hears what became of it, whatever becomes of the request."""

import asyncio
from typing import Any

import pytest

from gateway.domain.intents import CancelIntent
from gateway.domain.venue_reports import CloseReason, Operation, VenueAccepted, VenueClosed, VenueOutcomeUnknown
from gateway.domain.venue_reports import VenueRefused as Refused
from gateway.venues.binance.adapter import BinanceVenue
from tests.conformance.binance.support import Make, intents
from tests.conformance.binance_exchange import BinanceExchange
from tests.conformance.exchange import DEADLINE_S, Desk, Intents, eventually

ALL = "openOrders.cancelAll"


async def resting(venue: BinanceVenue, exchange: BinanceExchange, desk: Desk, count: int = 3) -> list[CancelIntent]:
    """So many orders at the exchange, and the cancels of them."""
    orders: list[Intents] = [intents(venue, exchange) for _ in range(count)]
    found = []
    for order in orders:
        venue.place(order.place())
        accepted = await desk.expect(VenueAccepted, client_id=order.client_id)
        found.append(order.cancel(accepted.venue_order_id))
    return found


async def started(make: Make, exchange: BinanceExchange, **settings: Any) -> BinanceVenue:
    await exchange.manual()
    venue = make(**settings)
    await venue.start()
    return venue


def asked(desk: Desk, method: str) -> set[str]:
    return {text for direction, _, text in desk.calls if direction == "out" and text.startswith(method)}


@pytest.mark.parametrize("order_entry", ["websocket", "rest"])
async def test_each_order_is_told_once_that_it_ended(
    make: Make, exchange: BinanceExchange, desk: Desk, order_entry: str
) -> None:
    venue = await started(make, exchange, order_entry=order_entry)
    cancels = await resting(venue, exchange, desk)
    await exchange.fill(cancels[0].client_id, "0.25")
    venue.cancel_all(cancels)
    for cancel in cancels:
        closed = await desk.expect(VenueClosed, client_id=cancel.client_id)
        assert (closed.reason, closed.venue_order_id) == (CloseReason.CANCELED, cancel.venue_order_id)
    events = [text for kind, name, text in desk.calls if (kind, name) == ("in", "event")]
    await desk.until(lambda: sum('"x":"CANCELED"' in call[2] for call in desk.calls) >= len(cancels))
    assert len(desk.of(VenueClosed)) == len(cancels), f"the answer and the stream tell the same: {events}"
    assert {str(one.cum_qty) for one in desk.of(VenueClosed)} == {"0", "0.25"}
    assert len(asked(desk, ALL) | asked(desk, "DELETE /api/v3/openOrders")) == 1
    assert not asked(desk, "order.cancel")
    assert not desk.of(Refused)


async def test_what_it_did_not_reach_is_told_so(make: Make, exchange: BinanceExchange, desk: Desk) -> None:
    venue = await started(make, exchange)
    cancels = await resting(venue, exchange, desk)
    await exchange.fill(cancels[0].client_id)
    not_there_yet = intents(venue, exchange)
    venue.cancel_all([*cancels, not_there_yet.cancel(None)])
    for client_id in (cancels[0].client_id, not_there_yet.client_id):
        refused = await desk.expect(Refused, client_id=client_id, operation=Operation.CANCEL)
        assert (refused.order_unknown, refused.may_retry) == (True, False)
    assert {one.client_id for one in desk.of(VenueClosed) if one.reason is CloseReason.CANCELED} == {
        cancel.client_id for cancel in cancels[1:]
    }


async def test_where_nothing_is_open_each_is_told_so(make: Make, exchange: BinanceExchange, desk: Desk) -> None:
    venue = await started(make, exchange)
    cancels = await resting(venue, exchange, desk, 2)
    for cancel in cancels:
        await exchange.fill(cancel.client_id)
    venue.cancel_all(cancels)
    for cancel in cancels:
        refused = await desk.expect(Refused, client_id=cancel.client_id)
        assert (refused.order_unknown, refused.text) == (True, "-2011 Unknown order sent.")
    assert not asked(desk, "order.cancel"), "it is known already"


@pytest.mark.parametrize("fault", ["http_503_before", "http_503_after", "rubbish", "timeout", "drop_before"])
async def test_doubt_is_looked_into_and_what_is_left_goes_one_by_one(
    make: Make, exchange: BinanceExchange, desk: Desk, fault: str
) -> None:
    venue = await started(make, exchange, answer_timeout_ms=400)
    cancels = await resting(venue, exchange, desk)
    await exchange.post("fault", op=ALL, kind=fault, count=1)
    venue.cancel_all(cancels)

    def all_told() -> bool:
        in_doubt = [report for report in desk.of(VenueOutcomeUnknown) if report.operation is Operation.CANCEL]
        return {report.client_id for report in (*desk.of(VenueClosed), *in_doubt)} == {c.client_id for c in cancels}

    await desk.until(all_told)
    assert not desk.of(Refused), "nothing is taken for refused on a guess"
    assert len(asked(desk, ALL)) == 1
    if fault == "http_503_before":
        async with asyncio.timeout(DEADLINE_S):
            while {order["status"] for order in await exchange.orders()} != {"CANCELED"}:
                pass  # the answer can have been given up before
        assert len(asked(desk, "order.cancel")) == len(cancels)


async def test_a_rate_refusal_gives_them_back_or_holds_them(make: Make, exchange: BinanceExchange, desk: Desk) -> None:
    venue = await started(make, exchange)
    cancels = await resting(venue, exchange, desk)
    await exchange.post("reject", op=ALL, code=-1003, msg="Too much.", status=429, retry_after_ms=300)
    venue.cancel_all(cancels)
    await desk.until(lambda: len(desk.of(VenueClosed)) == len(cancels))
    assert not desk.of(Refused), "their window outlasts the pause: held, and sent again"
    assert sum(call[:2] == ("out", "cancel") for call in desk.calls) == 2 * len(cancels)

    cancels = await resting(venue, exchange, desk)
    await exchange.post("reject", op=ALL, code=-1003, msg="Too much.", status=429, retry_after_ms=60_000)
    venue.cancel_all(cancels)
    for cancel in cancels:
        assert (await desk.expect(Refused, client_id=cancel.client_id)).may_retry
    venue.cancel_all(cancels)
    await eventually(lambda: len(desk.of(Refused)) == 2 * len(cancels))
    assert len({order["orderId"] for order in await exchange.orders() if order["status"] == "NEW"}) == len(cancels)


async def test_what_the_venue_has_against_it_does_not_stop_cancels(
    make: Make, exchange: BinanceExchange, desk: Desk
) -> None:
    venue = await started(make, exchange)
    cancels = await resting(venue, exchange, desk)
    await exchange.post("reject", op=ALL, code=-2015, msg="Invalid API-key, IP, or permissions for action.")
    venue.cancel_all(cancels)
    await desk.until(lambda: len(desk.of(VenueClosed)) == len(cancels))
    assert len(asked(desk, "order.cancel")) == len(cancels)


async def test_without_a_connection_it_goes_over_rest(make: Make, exchange: BinanceExchange, desk: Desk) -> None:
    venue = await started(make, exchange)
    cancels = await resting(venue, exchange, desk)
    await exchange.maintenance(on=True)
    await exchange.drop_connections()
    await desk.until(lambda: bool(desk.availabilities) and not desk.availabilities[-1][0])
    await exchange.maintenance(on=False)
    venue.cancel_all(cancels)
    await desk.until(lambda: {c.client_id for c in cancels} <= {r.client_id for r in desk.of(VenueClosed)})
