"""Where an order's time goes in the engine: each stage timed alone, in one process, CPU microseconds an order.

An order is: one NewOrderSingle in, one venue request, the venue's answer, its fill, two reports out, and all rows.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from gateway.domain.book import Book
from gateway.domain.decide_client import Market
from gateway.domain.instruments import Capabilities, Instrument
from gateway.domain.intents import Request
from gateway.domain.reconcile import SnapshotRequest
from gateway.domain.session_profile import Account, SessionProfile
from gateway.domain.values import LiquidityInd
from gateway.domain.venue_reports import VenueAccepted, VenueTraded
from gateway.engine.clock import SystemClock
from gateway.engine.desk import Desk
from gateway.engine.event_log import event_lines
from gateway.engine.inbox import MessageSent
from gateway.engine.message_ids import ids_of
from gateway.engine.numbers import SessionState
from gateway.engine.recorder import Recorder
from gateway.fix.codec import Codec
from gateway.fix.outgoing import to_quickfix
from gateway.store.database import open_database
from gateway.store.rows import MessageRow, VenueCallRow
from gateway.store.writer import BatchWriter
from gateway.venues.binance.adapter import BinanceVenue
from tests.bench.load import order

SESSION = "FIX.4.4:FIXGW->BENCH"
ORDERS = 4_000
BATCH = 100
T = TypeVar("T")
_CALL = '{"id":"1","status":200,"result":{"symbol":"BTCUSDT","orderId":12,"clientOrderId":"test-O1-1"}}'


class _Venue:
    """A VenuePort that sends nothing."""

    def __init__(self) -> None:
        self._market = Market(
            capabilities=BinanceVenue.capabilities,
            instrument=Instrument(
                symbol="BTCUSDT",
                base="BTC",
                quote="USDT",
                tick_size=Decimal("0.01"),
                min_price=Decimal("0.01"),
                qty_step=Decimal("0.00001"),
                min_qty=Decimal("0.00001"),
            ),
        )

    def market(self, venue_account: str, symbol: str) -> Market:
        return self._market

    def capabilities(self, venue_account: str) -> Capabilities:
        return BinanceVenue.capabilities

    def clock_ms(self, venue_account: str) -> int:
        return time.time_ns() // 1_000_000

    def release(self, intents: Sequence[Request]) -> None: ...

    def snapshot(self, request: SnapshotRequest) -> None: ...


class Stages:
    """The engine's parts without their threads, and a stop-watch for each."""

    def __init__(self, directory: Path, database: str = "stages.db") -> None:
        self.book = Book()
        self.codec = Codec()
        sessions = {SESSION: SessionState(SESSION, "FIX.4.4", time.time_ns())}
        venue = _Venue()
        self.recorder = Recorder(
            book=self.book,
            sessions=sessions,
            codec=self.codec,
            venue=venue,
            recv_window_ms=5000,
            position=0,
            report_id=0,
        )
        account = Account(name="TRADING", venue_account="main")
        profile = SessionProfile(key=SESSION, accounts={"TRADING": account}, default_account="TRADING")
        self.desk = Desk(
            book=self.book,
            recorder=self.recorder,
            venue=venue,
            profiles={SESSION: profile},
            accounts={"TRADING": account},
            clock=SystemClock(),
            deployment="test",
            instance="",
            day_end_seconds=0,
            recovering={},
            unreconciled=set(),
        )
        self.database = open_database(f"sqlite:///{directory / database}", "sim", "test")
        self.writer = BatchWriter(self.database)
        self.spent: dict[str, float] = {}

    def timed(self, name: str, work: Callable[[], T]) -> T:
        """Add this to a stage."""
        started = time.thread_time()
        result = work()
        self.spent[name] = self.spent.get(name, 0.0) + time.thread_time() - started
        return result

    def batch(self, first: int, texts: list[str]) -> None:
        """One batch of orders through all stages."""
        at = time.time_ns()
        recorder, desk = self.recorder, self.desk
        commands = self.timed("decode", lambda: [self.codec.decode(text, SESSION, at) for text in texts])
        order_ids = self.timed("new order: check, decide, record", lambda: [desk.new_order(c) for c in commands])  # type: ignore[arg-type]  # all are new orders
        rows = recorder.batch
        for number, (text, order_id) in enumerate(zip(texts, order_ids, strict=True), first):
            raw = text.encode()
            rows.messages.append(
                MessageRow(SESSION, 1, "in", number + 1, "D", False, True, at, f"o{number}", order_id, None, raw)
            )
        self.timed("commit before the venue request", lambda: self.writer.commit(recorder.finish_batch()))
        rows.clear()
        recorder.changed.clear()
        recorder.intents.clear()
        answers = [accepted(order_id) for order_id in order_ids]
        traded = [_traded(order_id) for order_id in order_ids]
        self.timed("venue's answer: decide, record, encode", lambda: [desk.venue_report(r) for r in answers])
        self.timed("fill: decide, record, encode", lambda: [desk.venue_report(r) for r in traded])
        reports = list(recorder.reports)
        self.timed("reports as QuickFIX messages", lambda: [to_quickfix(r.body) for r in reports])
        self.timed("log lines", lambda: event_lines(recorder.events))
        for number, report in enumerate(reports, first * 2):
            sent = MessageSent(SESSION, report.body, "8", number + 1, True, report.report_id, at)
            rows.messages.append(
                MessageRow(SESSION, 1, "out", number + 1, "8", False, True, at, *ids_of(sent.text), sent.report_id, raw)
            )
        for order_id in order_ids:
            rows.venue_calls += [VenueCallRow(at, "main", "in", "place", order_id, 1, _CALL)] * 4
        self.timed("commit before the reports", lambda: self.writer.commit(recorder.finish_batch()))
        rows.clear()
        recorder.changed.clear()
        recorder.reports.clear()
        recorder.events.clear()


def accepted(order_id: str) -> VenueAccepted:
    """The venue's answer to a new order."""
    return VenueAccepted(
        venue_account="main", symbol="BTCUSDT", client_id=f"test-{order_id}-1", venue_order_id=order_id
    )


def _traded(order_id: str) -> VenueTraded:
    return VenueTraded(
        venue_account="main",
        symbol="BTCUSDT",
        client_id=f"test-{order_id}-1",
        venue_order_id=order_id,
        transact_time=time.time_ns(),
        trade_id=order_id,
        last_qty=Decimal("0.001"),
        last_px=Decimal("60000.00"),
        commission=Decimal("0.00000100"),
        commission_currency="BTC",
        liquidity=LiquidityInd.REMOVED,
    )


def show_stages() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="fixgw-stages-") as directory:
        stages = Stages(Path(directory))
        head = "8=FIX.4.4|9=150|35=D|49=BENCH|56=FIXGW|34=1|52=20260101-00:00:00.000|"
        texts = [(head + order(f"o{n}") + "10=000|").replace("|", "\x01") for n in range(ORDERS)]
        for first in range(0, ORDERS, BATCH):
            stages.batch(first, texts[first : first + BATCH])
        stages.writer.close()
        stages.database.dispose()
    print(f"CPU us an order in one thread, batches of {BATCH}:")
    for name, spent in stages.spent.items():
        print(f"  {name:<44}{spent / ORDERS * 1e6:>8.1f}")
    print(f"  {'sum':<44}{sum(stages.spent.values()) / ORDERS * 1e6:>8.1f}")
