"""The least an engine must do with a venue: settle what is unknown, and compare in the end."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.domain.venue_reports import (
    Operation,
    VenueAccepted,
    VenueAmended,
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

ASK_AGAIN_S = 0.3
RECV_WINDOW_MS = 600


class Engine(Desk):
    """Settles what is unknown, and what is open whenever a stream stands again."""

    def __init__(self, exchange: Exchange, **settings: object) -> None:
        super().__init__()
        self.exchange = exchange
        self.orders: dict[str, Intents] = {}
        self.venue: Venue = exchange.venue(self, **settings)

    def new(self) -> Intents:
        """Another order, not placed yet."""
        order = Intents(self.venue, self.exchange.symbol, self.exchange.resting_px, RECV_WINDOW_MS)
        self.orders[order.client_id] = order
        return order

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
        self.venue.settle(order.settle_truly())

    def over(self, order: Intents) -> bool:
        """Whether nothing can happen to it any more, and all that did was told."""
        mine = [report for report in self.reports if report.client_id == order.client_id]
        traded = sum({r.trade_id: r.last_qty for r in mine if isinstance(r, VenueTraded)}.values(), Decimal(0))
        return any(
            isinstance(report, VenueOrderMissing)
            or (isinstance(report, VenueRefused) and report.operation is Operation.PLACE)
            or (isinstance(report, VenueClosed) and report.cum_qty == traded)
            for report in mine
        )

    async def agree(self) -> None:
        """Ask about all that is open, as reconciliation does, until every order is told as the exchange has it."""
        try:
            async with asyncio.timeout(DEADLINE_S * 2):
                while not self._all_answered() or self._told() != await self._real():
                    for order in self.orders.values():
                        if not self.over(order):
                            self.settle(order)
                    await asyncio.sleep(ASK_AGAIN_S)
        except TimeoutError:
            raise AssertionError(f"told {self._told()}, at the exchange {await self._real()}; {self.alerts}") from None
        placed = Counter(order["originalClientOrderId"] for order in await self.exchange.orders())
        assert not [client_id for client_id, times in placed.items() if times > 1]
        refused = {r.client_id for r in self.of(VenueRefused) if r.operation is Operation.PLACE}
        assert not refused & placed.keys(), "refused for certain, and yet there"
        assert not self.alert_codes() & {"VENUE_ADAPTER_DEFECT", "VENUE_SETTLEMENT_DEFECT"}

    def _all_answered(self) -> bool:
        told = self._told()
        return all(order.client_id in told or self.over(order) for order in self.orders.values())

    def _told(self) -> "dict[str, Told]":
        """Each order that was ever there, by its client id."""
        told: dict[str, Told] = {}
        for report in self.reports:
            seen = told.get(report.client_id, Told())
            if isinstance(report, VenueTraded):
                assert seen.trades.setdefault(report.trade_id, report.last_qty) == report.last_qty
            elif isinstance(report, VenueAccepted):
                seen.state = seen.state or "open"
            elif isinstance(report, VenueOrderWorking | VenueAmended):
                seen.state, seen.qty = seen.state or "open", report.qty
            elif isinstance(report, VenueClosed):
                seen.state = report.reason.value.upper()
            else:
                if isinstance(report, VenueOrderMissing):
                    assert not seen.state, f"{report.client_id} was there, and is said to be missing"
                continue
            told[report.client_id] = seen
        return told

    async def _real(self) -> "dict[str, Told]":
        real = {
            order["originalClientOrderId"]: Told(
                "open" if order["status"] in ("NEW", "PARTIALLY_FILLED") else order["status"], Decimal(order["origQty"])
            )
            for order in await self.exchange.orders()
        }
        for trade in await self.exchange.trades():
            real[trade["originalClientOrderId"]].trades[str(trade["id"])] = Decimal(trade["qty"])
        return real


@dataclass(slots=True)
class Told:
    """An order's state, quantity (while it is open) and trades."""

    state: str = ""
    qty: Decimal = Decimal(1)
    trades: dict[str, Decimal] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Told) or (self.state, self.trades) != (other.state, other.trades):
            return False
        return self.state != "open" or self.qty == other.qty

    __hash__ = None  # type: ignore[assignment]  # it changes
