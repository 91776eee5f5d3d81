"""Orders under a random sequence of faults: what the adapter told must equal what the exchange did."""

import asyncio
import random
from collections import Counter
from decimal import Decimal

import pytest

from gateway.domain.venue_reports import (
    Operation,
    VenueAccepted,
    VenueClosed,
    VenueOrderMissing,
    VenueOrderWorking,
    VenueOutcomeUnknown,
    VenueRefused,
    VenueReport,
    VenueTraded,
)
from gateway.venues.base import Venue
from tests.conformance.exchange import DEADLINE_S, Desk, Exchange, Intents

FAULTS = ["http_503_before", "http_503_after", "drop_before", "drop_after", "rubbish", "timeout"]
ROUNDS = 40


class Engine(Desk):
    """The least an engine must do: settle what is unknown, and what is open whenever a stream stands again."""

    venue: Venue
    orders: dict[str, Intents]

    def report(self, report: VenueReport) -> None:
        if isinstance(report, VenueOutcomeUnknown) or (isinstance(report, VenueRefused) and report.order_unknown):
            self.settle(self.orders[report.client_id])
        super().report(report)

    def availability(self, venue_account: str, *, available: bool, reason: str) -> None:
        if available and len(self.availabilities) > 1:
            for order in self.orders.values():
                if not self.over(order):
                    self.settle(order)
        super().availability(venue_account, available=available, reason=reason)

    def settle(self, order: Intents) -> None:
        self.venue.settle(order.settle(accepted_for_ms=100))

    def over(self, order: Intents) -> bool:
        """Whether nothing can happen to it any more."""
        return any(
            isinstance(report, VenueClosed | VenueOrderMissing)
            or (isinstance(report, VenueRefused) and report.operation is Operation.PLACE)
            for report in self.reports
            if report.client_id == order.client_id
        )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_books_agree_in_the_end(exchange: Exchange, seed: int) -> None:
    chance = random.Random(seed)
    engine = Engine()
    engine.orders = {}
    venue = engine.venue = exchange.venue(engine, answer_timeout_ms=200, event_timeout_ms=400)
    await venue.start()
    try:
        for _ in range(ROUNDS):
            await _round(chance, engine, exchange)
        await exchange.release()
        # What reconciliation will do: ask about everything that is still open.
        for order in engine.orders.values():
            if not engine.over(order):
                engine.settle(order)
        async with asyncio.timeout(DEADLINE_S * 2):
            while not await _agree(engine, exchange):  # noqa: ASYNC110 - the exchange's side announces nothing
                await asyncio.sleep(0.1)
    finally:
        await venue.stop()
    placed = Counter(order["originalClientOrderId"] for order in await exchange.orders())
    assert not [client_id for client_id, times in placed.items() if times > 1]
    assert "VENUE_ADAPTER_DEFECT" not in engine.alert_codes()
    assert "VENUE_SETTLEMENT_DEFECT" not in engine.alert_codes()


async def _round(chance: random.Random, engine: Engine, exchange: Exchange) -> None:
    """One order, and something that may go wrong around it."""
    fault = chance.choice([None, None, "fault", "lose", "duplicate", "drop"])
    if fault == "fault":
        await exchange.fault(chance.choice(["place", "cancel", "status"]), chance.choice(FAULTS))
    elif fault == "lose":
        await exchange.lose_events(chance.randint(1, 2))
    elif fault == "duplicate":
        await exchange.duplicate_events(chance.randint(1, 3))
    order = Intents(engine.venue, exchange.symbol, exchange.resting_px)
    engine.orders[order.client_id] = order
    engine.venue.place(order.place())
    if fault == "drop":
        await exchange.drop_connections()
    working = [seen for seen in await exchange.orders() if seen["status"] in ("NEW", "PARTIALLY_FILLED")]
    for seen in chance.sample(working, min(2, len(working))):
        await exchange.fill_if_open(seen["originalClientOrderId"], chance.choice(["0.1", None]))
    if chance.random() < 0.4:
        victim = chance.choice(list(engine.orders.values()))
        engine.venue.cancel(victim.cancel())
    await asyncio.sleep(chance.choice([0, 0.02]))


async def _agree(engine: Engine, exchange: Exchange) -> bool:
    """Whether every order's trades and state, as told, are the exchange's."""
    told: dict[str, dict[str, Decimal]] = {client_id: {} for client_id in engine.orders}
    state: dict[str, str] = {}
    for report in engine.reports:
        client_id = report.client_id
        if isinstance(report, VenueTraded):
            before = told[client_id].setdefault(report.trade_id, report.last_qty)
            assert before == report.last_qty
        elif isinstance(report, VenueAccepted | VenueOrderWorking):
            state.setdefault(client_id, "open")
        elif isinstance(report, VenueClosed):
            state[client_id] = report.reason.value.upper()
        elif isinstance(report, VenueOrderMissing):
            assert state.get(client_id) is None, f"{client_id} was there, and is said to be missing"
    done: dict[str, dict[str, Decimal]] = {client_id: {} for client_id in engine.orders}
    for trade in await exchange.trades():
        done[trade["originalClientOrderId"]][str(trade["id"])] = Decimal(trade["qty"])
    real = {
        order["originalClientOrderId"]: "open" if order["status"] in ("NEW", "PARTIALLY_FILLED") else order["status"]
        for order in await exchange.orders()
    }
    return told == done and state == real
