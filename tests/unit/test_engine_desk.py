"""What the engine believes of a venue's words: whose they are, and whether they were said before."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from gateway.domain import venue_reports as v
from gateway.domain.book import Book
from gateway.domain.commands import NewOrder
from gateway.domain.decide_client import Market
from gateway.domain.instruments import Capabilities, Instrument
from gateway.domain.intents import Request
from gateway.domain.order import Order
from gateway.domain.reconcile import SnapshotRequest
from gateway.domain.session_profile import Account, SessionProfile
from gateway.domain.values import OrdType, Side, TimeInForce
from gateway.engine.clock import SystemClock
from gateway.engine.desk import Desk
from gateway.engine.numbers import SessionState
from gateway.engine.ports import VenuePort
from gateway.engine.recorder import Recorder
from gateway.fix.codec import Codec
from gateway.store.instruments import instrument_in
from gateway.store.rows import InstrumentRow
from gateway.venues.binance.requests import CAPABILITIES

SESSION = "FIX.4.4:FIXGW->DESK"


class _Venue:
    """A VenuePort that sends nothing."""

    def market(self, venue_account: str, symbol: str) -> Market:
        return Market(capabilities=CAPABILITIES, instrument=Instrument(symbol=symbol, base="BTC", quote="USDT"))

    def capabilities(self, venue_account: str) -> Capabilities:
        return CAPABILITIES

    def clock_ms(self, venue_account: str) -> int:
        return time.time_ns() // 1_000_000

    def release(self, intents: Sequence[Request]) -> None: ...

    def snapshot(self, request: SnapshotRequest) -> None: ...


class Office:
    """A desk with an empty book and nothing behind it."""

    def __init__(self, venue: VenuePort | None = None, instruments: Iterable[InstrumentRow] = ()) -> None:
        venue = venue or _Venue()
        self.book = Book()
        self.recorder = Recorder(
            book=self.book,
            sessions={SESSION: SessionState(SESSION, "FIX.4.4", 0)},
            codec=Codec(),
            venue=venue,
            recv_window_ms=5_000,
            position=0,
            report_id=0,
            instruments=instruments,
        )
        account = Account(name="TRADING", venue_account="main")
        self.desk = Desk(
            book=self.book,
            recorder=self.recorder,
            venue=venue,
            profiles={SESSION: SessionProfile(key=SESSION, accounts={"TRADING": account}, default_account="TRADING")},
            accounts={"TRADING": account},
            clock=SystemClock(),
            deployment="gw",
            instance="k3x9",
            day_end_seconds=0,
            recovering={},
            unreconciled=set(),
        )

    def order(self, cl_ord_id: str) -> str:
        """A resting order to buy 10; returns its OrderID(37)."""
        return self.desk.new_order(
            NewOrder(
                session=SESSION, cl_ord_id=cl_ord_id, at=time.time_ns(), account="", symbol="BTCUSDT", side=Side.BUY,
                ord_type=OrdType.LIMIT, time_in_force=TimeInForce.GTC, order_qty=Decimal(10), price=Decimal(100),
            )
        )  # fmt: skip

    def client_id(self, order_id: str) -> str:
        return self.book.orders[order_id].legs[0].client_id

    def accepted(self, order_id: str, venue_order_id: str) -> str:
        return self.desk.venue_report(v.VenueAccepted(**self._names(order_id, "main", venue_order_id)))

    def traded(self, order_id: str, venue_order_id: str, trade_id: str, account: str = "main") -> str:
        names = self._names(order_id, account, venue_order_id)
        trade = v.VenueTraded(**names, trade_id=trade_id, last_qty=Decimal(1), last_px=Decimal(100))
        return self.desk.venue_report(trade)

    def now(self, order_id: str) -> Order:
        return self.book.orders[order_id]

    def _names(self, order_id: str, account: str, venue_order_id: str) -> dict[str, Any]:
        return {
            "venue_account": account, "symbol": "BTCUSDT", "client_id": self.client_id(order_id),
            "venue_order_id": venue_order_id,
        }  # fmt: skip


def test_a_trade_that_a_second_account_reports_too_counts_once() -> None:
    office = Office()
    order_id = office.order("X")
    assert not office.accepted(order_id, "1")
    assert not office.traded(order_id, "1", "7")
    problem = office.traded(order_id, "1", "7", account="MAIN")
    assert problem.startswith(f"VENUE_ACCOUNT_MISMATCH VenueTraded for {office.client_id(order_id)} from")
    assert office.now(order_id).cum_qty == 1
    assert len(office.recorder.batch.executions) == 1


def test_ids_that_a_wiped_exchange_gives_again_do_not_lose_a_fill() -> None:
    office = Office()
    old, new = office.order("X"), office.order("Y")
    assert not office.accepted(old, "1")
    assert not office.traded(old, "1", "7")
    problem = office.accepted(new, "1")
    assert problem.startswith("VENUE_ORDER_ID_REUSED ")
    assert f"order 1 was {old} and is now {new}" in problem
    assert not office.traded(new, "1", "7"), "said once"
    assert not office.traded(new, "1", "7")
    assert [office.now(order_id).cum_qty for order_id in (old, new)] == [Decimal(1), Decimal(1)]
    assert len(office.recorder.batch.executions) == 2


def test_client_ids_tell_one_database_of_a_deployment_from_another() -> None:
    """A database that was deleted counted from O1 as well, and the venue may still have its orders."""
    office = Office()
    order_id = office.order("X")
    assert office.client_id(order_id) == f"gw-k3x9-{order_id}-1"
    names: dict[str, Any] = {"venue_account": "main", "symbol": "BTCUSDT", "venue_order_id": "5"}
    old = office.desk.venue_report(v.VenueAccepted(**names, client_id=f"gw-a1b2-{order_id}-1"))
    assert old.endswith(f"for gw-a1b2-{order_id}-1, which is not in this database")
    assert office.desk.venue_report(v.VenueAccepted(**names, client_id="gw-k3x9-O99-1")).endswith("not in the books")
    assert not office.desk.venue_report(v.VenueAccepted(**names, client_id="web_1"))
    assert not office.now(order_id).acknowledged


class _Listing(_Venue):
    """A venue that lists an instrument, or nothing, or is away."""

    def __init__(self) -> None:
        self.instrument: Instrument | None = Instrument(symbol="BTCUSDT", base="BTC", quote="USDT")
        self.not_ready = ""

    def market(self, venue_account: str, symbol: str) -> Market:
        return Market(capabilities=CAPABILITIES, instrument=self.instrument, not_ready=self.not_ready)


def test_what_orders_are_decided_with_is_recorded_once_for_each_change() -> None:
    """Over restarts too."""
    venue = _Listing()
    office, first = Office(venue), venue.instrument
    assert first is not None
    coarse = replace(first, tick_size=Decimal(1))
    listed = [first, first, replace(first), coarse, None, None, first]
    for number, venue.instrument in enumerate(listed):
        office.order(f"X{number}")
    venue.instrument, venue.not_ready = None, "the venue is not connected"
    office.order("away")
    rows = office.recorder.batch.instruments
    assert [instrument_in(row) for row in rows] == [first, coarse, None, first]
    received = [row.position for row in office.recorder.batch.journal if row.event_type == "OrderReceived"]
    assert [row.position for row in rows] == [received[0], received[3], received[4], received[6]]

    venue.not_ready = ""
    again = Office(venue, rows)
    for venue.instrument in (first, coarse):
        again.order(str(venue.instrument.tick_size))
    assert [instrument_in(row) for row in again.recorder.batch.instruments] == [coarse]
