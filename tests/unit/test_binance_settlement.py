"""Settlements against scripted answers: what no simulator shows at will, such as queries that lag behind each other."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from gateway.domain.intents import SettleIntent
from gateway.domain.values import Side
from gateway.domain.venue_reports import (
    CloseReason,
    VenueClosed,
    VenueOrderMissing,
    VenueOrderWorking,
    VenueReport,
    VenueTraded,
)
from gateway.venues.binance.channel import Answer, RequestLostError
from gateway.venues.binance.clock import VenueClock
from gateway.venues.binance.limits import Limits
from gateway.venues.binance.reporter import Reporter
from gateway.venues.binance.requests import Params
from gateway.venues.binance.settlement import Settlements
from tests.fixtures.fake_venues import Heard

NOW_MS = 1_700_000_000_000
Reply = Callable[[str, Params], object]

NO_SUCH_ORDER = Answer(400, b"", b'{"code":-2013,"msg":"Order does not exist."}', b"")


def order(number: int = 7, client_id: str = "gw-O1-1", executed: str = "0", status: str = "NEW") -> dict[str, Any]:
    return {
        "orderId": number, "clientOrderId": client_id, "status": status, "side": "BUY", "price": "10.00",
        "origQty": "2.0", "executedQty": executed, "time": NOW_MS - 5_000, "updateTime": NOW_MS,
    }  # fmt: skip


def trade(number: int, qty: str = "1") -> dict[str, Any]:
    return {
        "id": number, "orderId": 7, "price": "10", "qty": qty, "commission": "0", "commissionAsset": "BNB",
        "time": NOW_MS, "isMaker": True,
    }  # fmt: skip


class Sinks(Heard):
    def __init__(self) -> None:
        super().__init__()
        self.verdict = asyncio.Event()

    def report(self, report: VenueReport) -> None:
        super().report(report)
        if not isinstance(report, VenueTraded):
            self.verdict.set()


async def settle(reply: Reply, **fields: Any) -> tuple[Sinks, list[tuple[str, Params]]]:
    """Settle one order and return what was reported and asked."""
    sinks, asked = Sinks(), list[tuple[str, Params]]()

    async def ask(method: str, params: Params, intent: SettleIntent) -> Answer:
        asked.append((method, params))
        answer = reply(method, params)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(200, msgspec.json.encode(answer), b"", b"")

    reporter = Reporter("main", sinks, VenueClock(lambda: NOW_MS * 1_000_000), Limits(0.2), lambda: None)
    settlements = Settlements(reporter, ask)
    common: dict[str, Any] = {
        "intent_id": 1, "order_id": "O1", "leg": 1, "venue_account": "main", "symbol": "BTCUSDT",
        "client_id": "gw-O1-1", "timestamp_ms": NOW_MS - 1, "recv_window_ms": 1_000, "venue_order_id": None,
        "accepted_until_ms": NOW_MS - 1, "placed_ms": NOW_MS - 5_000, "side": Side.BUY, "qty": Decimal(2),
        "price": Decimal(11),
    }  # fmt: skip
    settlements.start(SettleIntent(**{**common, **fields}))
    async with asyncio.timeout(30):
        await sinks.verdict.wait()
    await settlements.stop()
    return sinks, asked


async def test_no_verdict_while_trades_are_not_shown_yet() -> None:
    tries = 0

    def reply(method: str, params: Params) -> object:
        nonlocal tries
        if method == "order.status":
            return order(executed="2")
        tries += 1
        return [trade(1)] if tries == 1 else [trade(1), trade(2)]

    sinks, _ = await settle(reply)
    assert [type(report) for report in sinks.reports] == [VenueTraded, VenueTraded, VenueOrderWorking]
    assert tries == 2


async def test_a_trade_since_the_status_counts() -> None:
    def reply(method: str, params: Params) -> object:
        return order(executed="1") if method == "order.status" else [trade(1), trade(2)]

    sinks, _ = await settle(reply)
    working = sinks.reports[-1]
    assert isinstance(working, VenueOrderWorking)
    assert working.cum_qty == Decimal(2)


async def test_the_history_is_believed_before_does_not_exist() -> None:
    def reply(method: str, params: Params) -> object:
        return NO_SUCH_ORDER if method == "order.status" else [order(6, "other"), order(7)]

    sinks, asked = await settle(reply)
    assert isinstance(sinks.reports[0], VenueOrderWorking)
    assert sinks.reports[0].venue_order_id == "7"
    assert [method for method, _ in asked] == ["order.status", "allOrders"]


async def test_the_history_is_read_page_by_page() -> None:
    def reply(method: str, params: Params) -> object:
        if method == "order.status":
            return NO_SUCH_ORDER
        if "startTime" in params:
            assert int(params["startTime"]) < NOW_MS - 60_000
            return [order(number, "other") for number in range(1, 1_001)]
        assert params["orderId"] == 1_001
        return [order(1_001, "other"), order(1_002)]

    sinks, _ = await settle(reply)
    assert sinks.reports[0].venue_order_id == "1002"


async def test_trades_are_read_page_by_page() -> None:
    def reply(method: str, params: Params) -> object:
        if method == "order.status":
            return order(executed="1.001")
        if "fromId" not in params:
            return [trade(number, "0.001") for number in range(1, 1_001)]
        assert params["fromId"] == 1_001
        return [trade(1_001, "0.001")]

    sinks, _ = await settle(reply)
    assert len(sinks.reports) == 1_002


async def test_missing_needs_both_and_the_time() -> None:
    def reply(method: str, params: Params) -> object:
        return NO_SUCH_ORDER if method == "order.status" else []

    sinks, asked = await settle(reply)
    assert isinstance(sinks.reports[0], VenueOrderMissing)
    assert [method for method, _ in asked] == ["order.status", "allOrders"]
    assert not sinks.alerts


async def test_an_order_that_the_venue_had_and_lost_is_alerted() -> None:
    def reply(method: str, params: Params) -> object:
        return NO_SUCH_ORDER if method == "order.status" else []

    sinks, asked = await settle(reply, venue_order_id="7")
    assert isinstance(sinks.reports[0], VenueOrderMissing)
    assert sinks.alerts == ["VENUE_ORDER_LOST"]
    assert [params.get("orderId") for _, params in asked] == [7, None, 7]


async def test_the_history_is_read_from_when_the_order_was_placed() -> None:
    hour_ms = 3_600_000

    def reply(method: str, params: Params) -> object:
        if method == "order.status":
            return NO_SUCH_ORDER
        found = {**order(), "time": NOW_MS - hour_ms}
        return [found] if int(params["startTime"]) < int(found["time"]) else []

    sinks, _ = await settle(reply, placed_ms=NOW_MS - hour_ms)
    assert isinstance(sinks.reports[0], VenueOrderWorking)


async def test_an_order_just_like_it_under_a_foreign_id_keeps_it_unknown() -> None:
    """Canceled by the venue's own pages, an order has a random id and answers to ours no more."""
    tries = 0

    def reply(method: str, params: Params) -> object:
        nonlocal tries
        if method == "order.status":
            return NO_SUCH_ORDER
        tries += 1
        return [order(client_id="x7Q", status="CANCELED")] if tries < 4 else [order(status="CANCELED")]

    sinks, _ = await settle(reply, price=Decimal(10))
    assert tries == 4
    assert isinstance(sinks.reports[0], VenueClosed)
    assert sinks.alerts == ["VENUE_ORDER_UNDER_FOREIGN_ID"]


@pytest.mark.parametrize(
    "other",
    [{"clientOrderId": "gw-O2-1"}, {"side": "SELL"}, {"origQty": "3"}, {"price": "9"}, {"time": NOW_MS - 3_600_000}],
)
async def test_an_order_unlike_it_proves_nothing(other: dict[str, Any]) -> None:
    def reply(method: str, params: Params) -> object:
        return NO_SUCH_ORDER if method == "order.status" else [{**order(client_id="x7Q"), **other}]

    sinks, _ = await settle(reply, price=Decimal(10))
    assert isinstance(sinks.reports[0], VenueOrderMissing)
    assert not sinks.alerts


@pytest.mark.parametrize("other", [{"clientOrderId": "gw-O2-1"}, {"clientOrderId": "x7Q", "time": NOW_MS - 3_600_000}])
async def test_an_id_given_again_names_another_order(other: dict[str, Any]) -> None:
    def reply(method: str, params: Params) -> object:
        return [{**order(), **other}] if method == "allOrders" else {**order(), **other}

    sinks, _ = await settle(reply, venue_order_id="7")
    assert isinstance(sinks.reports[0], VenueOrderMissing)
    assert sinks.alerts == ["VENUE_ORDER_LOST"]


async def test_it_is_not_missing_before_as_much_time_has_gone_by_here() -> None:
    """The host's clock may have been wrong when it was reckoned until when the venue can accept it."""
    tries = 0

    def reply(method: str, params: Params) -> object:
        nonlocal tries
        tries += method == "order.status"
        return order() if tries > 2 else NO_SUCH_ORDER if method == "order.status" else []

    sinks, _ = await settle(reply, timestamp_ms=NOW_MS - 60_000)
    assert isinstance(sinks.reports[0], VenueOrderWorking)


async def test_a_time_that_was_reckoned_by_a_clock_that_was_ahead_is_not_waited_for() -> None:
    hour_ms = 3_600_000

    def reply(method: str, params: Params) -> object:
        return NO_SUCH_ORDER if method == "order.status" else []

    sinks, _ = await settle(reply, timestamp_ms=NOW_MS + hour_ms, accepted_until_ms=NOW_MS + hour_ms)
    assert isinstance(sinks.reports[0], VenueOrderMissing)


async def test_our_client_id_names_the_order_whatever_the_times_say() -> None:
    """As they do after the host's clock was set back: it must not be called missing while it works."""

    def reply(method: str, params: Params) -> object:
        return NO_SUCH_ORDER if method == "allOrders" else {**order(), "time": NOW_MS - 600_000}

    sinks, _ = await settle(reply)
    assert isinstance(sinks.reports[0], VenueOrderWorking)


ARCHIVED = Answer(400, b"", b'{"code":-2026,"msg":"Order was canceled or expired and has been archived."}', b"")
DAY_MS = 86_400_000


@pytest.mark.parametrize("venue_order_id", [None, "7"])
async def test_an_old_order_that_the_venue_has_archived_is_over(venue_order_id: str | None) -> None:
    """It is so only after 90 days, and only where nothing was executed."""
    sinks, asked = await settle(lambda *_: ARCHIVED, venue_order_id=venue_order_id, placed_ms=NOW_MS - 91 * DAY_MS)
    (closed,) = sinks.reports
    assert isinstance(closed, VenueClosed)
    assert (closed.reason, closed.cum_qty, closed.venue_order_id) == (CloseReason.CANCELED, Decimal(0), venue_order_id)
    assert closed.text == "order.status: -2026 Order was canceled or expired and has been archived."
    assert [method for method, _ in asked] == ["order.status"]


async def test_of_a_young_order_it_proves_nothing() -> None:
    """A deployment that began again counts from O1, too: the word may be about another order of this client id."""
    tries = 0

    def reply(method: str, params: Params) -> object:
        nonlocal tries
        tries += 1
        return ARCHIVED if tries < 3 else order()

    sinks, _ = await settle(reply, placed_ms=NOW_MS - 80 * DAY_MS)
    assert tries == 3
    assert isinstance(sinks.reports[0], VenueOrderWorking)


@pytest.mark.parametrize(
    "failure",
    [
        RequestLostError("no answer"),
        Answer(200, b"rubbish", b"", b""),
        Answer(500, b"", b"", b""),
        Answer(401, b"", b'{"code":-2015,"msg":"Invalid API-key."}', b""),
    ],
)
async def test_no_failure_of_a_query_ends_it(failure: object) -> None:
    tries = 0

    def reply(method: str, params: Params) -> object:
        nonlocal tries
        tries += 1
        return failure if tries < 3 else order()

    sinks, _ = await settle(reply)
    assert tries == 3
    assert isinstance(sinks.reports[0], VenueOrderWorking)
