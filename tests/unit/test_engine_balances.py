"""Balances in the engine: when they are judged, what is told, kept and brought back; and the comparison around them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.domain.balances import AccountBalances, Tolerance
from gateway.domain.decide_client import Market
from gateway.domain.events import OrderFilled
from gateway.domain.funds import Balance
from gateway.domain.order import Order
from gateway.domain.reconcile import BreakKind, OrderAtVenue, SnapshotRequest, VenueSnapshot
from gateway.domain.session_profile import Account
from gateway.domain.venue_reports import (
    Operation,
    VenueAccepted,
    VenueBalanceMoved,
    VenueOutcomeUnknown,
    VenueRefused,
    VenueReport,
    VenueTraded,
)
from gateway.engine.balances import Balances
from gateway.engine.breaks import Breaks
from gateway.engine.operations import AcceptBreaks, OperationRefused
from gateway.store.balances import add_up, load_balances, load_symbols
from gateway.store.readers import standing_breaks
from gateway.store.rows import BreakRow
from gateway.store.tables import alerts
from gateway.venues.binance.requests import CAPABILITIES
from tests.fixtures.loop_world import World

SECOND = 1_000_000_000
GRACE = 2 * SECOND


class Vault(World):
    """A venue account whose balances are set by hand. The loop only runs at the end, to put all of it into SQL."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, reconcile_seconds=60)
        self.held = {"BTC": Decimal(10), "USDT": Decimal(5_000), "ETH": Decimal(0)}
        self.asked: list[SnapshotRequest] = []
        self.listed: tuple[OrderAtVenue, ...] = ()
        self.trades = 0

    def snapshot(self, request: SnapshotRequest) -> None:
        self.asked.append(request)

    def answer(self) -> None:
        """To the last question, as things stand now."""
        self.reconciler.snapshot_taken(self.taken(self.asked.pop()))

    def taken(self, request: SnapshotRequest) -> VenueSnapshot:
        now_ms = self.time // 1_000_000
        return VenueSnapshot(
            request=request,
            asked_at=self.time,
            orders=self.listed,
            trades=(),
            balances=tuple(Balance(asset, qty, Decimal(0)) for asset, qty in self.held.items()),
            balances_since_ms=now_ms - 1_000,
            balances_until_ms=now_ms + 1_000,
        )

    def wait(self, seconds: int) -> None:
        self.time += seconds * SECOND
        self.reconciler.due(self.time)

    def compare(self) -> None:
        """One comparison, from the question to the verdict."""
        while not self.asked:
            self.wait(1)
        self.answer()
        self.wait(2)

    def begin(self) -> None:
        self.reconciler.available("main", self.time)
        self.compare()
        self.compare()

    def trade(self, order: Order, qty: str, *, counted: bool = True) -> None:
        """An execution at 100 each, with a fee in BNB. counted: the venue's balances have it."""
        self.trades += 1
        if counted:
            self.held["BTC"] += Decimal(qty)
            self.held["USDT"] -= 100 * Decimal(qty)
            self.held["BNB"] = self.held.get("BNB", Decimal(0)) - Decimal("0.1")
        self.hear(
            VenueTraded(
                **self.about(order), trade_id=str(self.trades), last_qty=Decimal(qty), last_px=Decimal(100),
                commission=Decimal("0.1"), commission_currency="BNB", transact_time=self.time,
            )
        )  # fmt: skip

    def about(self, order: Order) -> dict[str, Any]:
        client_id = order.legs[0].client_id
        return {"venue_account": "main", "symbol": "BTCUSDT", "client_id": client_id, "venue_order_id": "7"}

    def hear(self, report: VenueReport) -> None:
        assert not self.desk.venue_report(report)

    def rest(self) -> Order:
        order = self.order("A")
        self.hear(VenueAccepted(**self.about(order)))
        self.show(order)
        return order

    def show(self, order: Order) -> None:
        leg = self.book.orders[order.order_id].legs[0]
        self.listed = (OrderAtVenue("BTCUSDT", leg.client_id, "7", leg.qty, leg.cum_qty),)

    @property
    def breaks(self) -> dict[str, str]:
        """Differences that stand, by asset."""
        found = self.recorder.batch.breaks.values()
        return {row.client_id: json.loads(row.theirs)["difference"] for row in found if row.resolved_at is None}

    @property
    def alerted(self) -> list[str]:
        return [row.code for row in self.recorder.batch.alerts]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    made = Vault(tmp_path)
    yield made
    made.start()
    made.stop()
    assert made.halted == []


def test_executions_of_this_batch_and_of_before_explain_what_moved(vault: Vault) -> None:
    vault.begin()
    order = vault.rest()
    vault.trade(order, "2")
    vault.show(order)
    vault.compare()
    assert (vault.breaks, vault.alerted) == ({}, [])
    assert [(row.symbol, row.base, row.quote) for row in vault.recorder.batch.symbols] == [("BTCUSDT", "BTC", "USDT")]
    # One that executes while the venue answers, and is not in its answer, is told before the answer is judged.
    while not vault.asked:
        vault.wait(1)
    vault.answer()
    vault.trade(order, "1", counted=False)
    vault.wait(2)
    vault.show(order)
    assert not vault.asked, "nothing is suspected, so nothing is asked again"
    vault.compare()
    assert vault.breaks == {}
    vault.compare()
    assert vault.breaks == {"BNB": "0.1", "BTC": "-1", "USDT": "100"}, "it never was counted there"
    (ours,) = (json.loads(row.ours) for row in vault.recorder.batch.breaks.values() if row.client_id == "BTC")
    assert ours == ours | {"baseline": "10", "executed_since": "3", "moved_since": "0"}, (
        "where what is expected is from"
    )


def test_a_difference_is_looked_at_again_soon_and_then_told(vault: Vault) -> None:
    vault.begin()
    found: list[BreakRow] = []
    vault.held["ETH"] = Decimal("1.5")
    vault.reconciler.request("main", lambda rows, problem: found.extend(rows), dry_run=False)
    vault.answer()
    vault.wait(2)
    assert (found, vault.breaks) == ([], {})
    vault.wait(2)
    vault.compare()
    assert vault.breaks == {"ETH": "1.5"}
    assert [(row.kind, row.client_id) for row in found] == [("balance_differs", "ETH")], "who asked hears of it"
    assert vault.alerted == ["BREAK_BALANCE_DIFFERS"]
    vault.compare()
    assert vault.alerted == ["BREAK_BALANCE_DIFFERS"], "once"
    vault.held["ETH"] = Decimal(0)
    vault.compare()
    vault.compare()
    assert vault.breaks == {}
    (row,) = vault.recorder.batch.breaks.values()
    assert row.resolution == "the venue and the books agree"


def test_nothing_is_judged_while_an_order_may_have_executed_untold(vault: Vault) -> None:
    vault.begin()
    order = vault.order("A")
    vault.hear(VenueOutcomeUnknown(**vault.about(order), operation=Operation.PLACE, intent_id=1, text="timeout"))
    vault.held["USDT"] -= 100
    for _ in range(3):
        vault.compare()
    assert vault.breaks == {}
    other = vault.order("B")
    while not vault.asked:
        vault.wait(1)
    vault.hear(VenueAccepted(**vault.about(order)))
    vault.show(order)
    vault.answer()
    vault.time += SECOND
    doubt = vault.about(other) | {"venue_order_id": None}
    vault.hear(VenueOutcomeUnknown(**doubt, operation=Operation.PLACE, intent_id=2, text="timeout"))
    vault.wait(1)
    vault.wait(3)
    assert not vault.asked, "the doubt began after the venue had answered: nothing is suspected"
    vault.hear(VenueRefused(**doubt, operation=Operation.PLACE, intent_id=2, text="no"))
    vault.compare()
    vault.compare()
    assert vault.breaks == {"USDT": "-100"}


def test_a_deposit_is_kept_and_counts_and_so_does_a_persons_word(vault: Vault) -> None:
    vault.begin()
    vault.wait(5)
    vault.held["ETH"] += 3
    told = VenueBalanceMoved(venue_account="main", transact_time=vault.time, asset="ETH", qty=Decimal(3))
    vault.reconciler.balances.moved(told)
    vault.held["BTC"] -= 2
    vault.compare()
    vault.compare()
    assert vault.breaks == {"BTC": "-2"}
    balances = vault.reconciler.balances
    with pytest.raises(OperationRefused, match="break 5 is no difference of a balance that stands; there are: 1"):
        balances.accept(AcceptBreaks(break_ids=(1, 5)), 7, "ann", "sold by hand", vault.time)
    outcome = balances.accept(AcceptBreaks(break_ids=(1, 1)), 7, "ann", "sold by hand", vault.time)
    assert outcome.text == "accepted: -2 BTC at main"
    assert vault.breaks == {}
    vault.compare()
    vault.compare()
    assert vault.breaks == {}
    kinds = [(row.kind, row.asset, row.qty, row.action_id) for row in vault.recorder.batch.balances]
    assert kinds[2:] == [("moved", "ETH", "3", None), ("accepted", "BTC", "-2", 7)]


def test_a_start_goes_on_where_the_last_one_was(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.begin()
    order = vault.rest()
    vault.trade(order, "2")
    vault.show(order)
    vault.held["ETH"] = Decimal(4)
    vault.compare()
    vault.compare()
    assert vault.breaks == {"ETH": "4"}
    vault.start()
    vault.inbox.put(VenueBalanceMoved(venue_account="main", transact_time=vault.time, asset="BTC", qty=Decimal(1)))
    vault.stop()
    assert "BALANCE_MOVED" in [row.code for row in vault.rows(select(alerts))]
    with vault.database.connect() as connection:
        rows, symbols, standing = load_balances(connection), load_symbols(connection), standing_breaks(connection)

    def start(*names: str) -> Balances:
        return Balances(
            recorder=vault.recorder, breaks=Breaks(vault.recorder, standing, 9), venue=vault, clock=vault,
            accounts=[Account(name=name, venue_account="main") for name in names],
            tolerances={"main": Tolerance(Decimal(0))}, rows=list(rows), symbols=symbols,
        )  # fmt: skip

    def differing(balances: Balances) -> list[tuple[str, str]]:
        vault.time += 10 * SECOND
        taken = vault.taken(SnapshotRequest(venue_account="main", request_id=0, trades_since_ms={}))
        found: list[BreakRow] = []
        balances.compare("main", taken, [])
        balances.compare("main", taken, found)
        return [(row.client_id, json.loads(row.theirs)["difference"]) for row in found]

    vault.held["BTC"] += 1
    assert differing(start("TRADING")) == [("ETH", "4")]
    # The account trades elsewhere from now on: what it did so far still counts.
    rows_before = len(vault.recorder.batch.balances)
    moved_away = start("OTHER")
    assert differing(moved_away) == [("ETH", "4")]
    texts = {row.text for row in vault.recorder.batch.balances[rows_before:]}
    assert texts == {"accounts that trade through it: OTHER; before: TRADING"}


def test_one_who_fails_to_hear_an_answer_keeps_nobody_from_it(vault: Vault) -> None:
    seen: list[str] = []

    def fails(*_: object) -> None:
        raise RuntimeError("no ears")

    vault.begin()
    reconciler = vault.reconciler
    reconciler.look("main", fails)
    reconciler.look("main", lambda _snapshot, _problem: seen.append("look"))
    reconciler.request("main", fails, dry_run=True)
    reconciler.request("main", lambda _rows, _problem: seen.append("dry run"), dry_run=True)
    reconciler.request("main", fails, dry_run=False)
    reconciler.request("main", lambda _rows, _problem: seen.append("compared"), dry_run=False)
    vault.answer()
    vault.wait(2)
    assert seen == ["look", "dry run", "compared"]
    reconciler.look("main", fails)
    reconciler.look("main", lambda _snapshot, _problem: seen.append("lost"))
    reconciler.unavailable("main", vault.time)
    assert seen[3:] == ["lost"]
    assert vault.alerted == ["QUARANTINED"] * 4


def test_who_only_looks_does_not_put_the_comparison_off(vault: Vault) -> None:
    vault.begin()
    compared = len(vault.recorder.batch.venue_calls)
    for second in range(70):  # the venue is slow, so that it is being asked most of the time
        vault.reconciler.look("main", lambda *_: None)
        vault.wait(1)
        if vault.asked and second % 3 == 0:
            vault.answer()
    assert len(vault.recorder.batch.venue_calls) == compared + 1


def test_another_account_of_the_exchange_begins_anew_and_stays_so_over_a_start(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.begin()
    vault.held["BTC"] -= 2
    vault.compare()
    vault.compare()
    assert vault.breaks == {"BTC": "-2"}
    vault.reconciler.balances.begin_anew("main", 7, "ann", "moved", vault.time)
    vault.held = {"XRP": Decimal(3), "USDT": Decimal(1)}
    vault.compare()
    vault.compare()
    vault.compare()
    assert vault.breaks == {}, "what the other account had is not missed here"
    (row,) = vault.recorder.batch.breaks.values()
    assert row.resolution == "another account of the exchange, accepted by ann (action 7): moved"
    vault.start()
    vault.stop()
    with vault.database.connect() as connection:
        account = AccountBalances(Tolerance(Decimal(0)))
        add_up(load_balances(connection), {"main": account})
    assert {asset: baseline.total for asset, baseline in account.baselines.items()} == vault.held


def test_a_symbol_that_is_listed_no_more_still_counts(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.begin()
    order = vault.rest()
    vault.trade(order, "2")
    for _, event, after, _ in vault.recorder.events:
        if isinstance(event, OrderFilled) and after is not None:
            vault.reconciler.balances.executed(event, after)
    monkeypatch.setattr(vault, "market", lambda *_: Market(capabilities=CAPABILITIES, instrument=None))
    vault.show(order)
    vault.compare()
    vault.compare()
    assert vault.breaks == {}


def test_a_look_that_judged_nothing_was_not_the_second_one(vault: Vault) -> None:
    vault.begin()
    vault.held["ETH"] = Decimal("1.5")
    vault.compare()  # it is to be looked at again soon,
    order = vault.order("A")
    doubt = vault.about(order) | {"venue_order_id": None}
    vault.hear(VenueOutcomeUnknown(**doubt, operation=Operation.PLACE, intent_id=1, text="timeout"))
    vault.compare()  # when nothing can be said
    vault.hear(VenueRefused(**doubt, operation=Operation.PLACE, intent_id=1, text="no"))
    vault.held["ETH"] = Decimal("2.5")
    vault.compare()
    vault.wait(2)
    assert vault.asked, "what nobody has seen before is looked at again soon"
    vault.compare()
    assert vault.breaks == {"ETH": "2.5"}


@pytest.mark.parametrize("told_by", ["main", "another"])
def test_a_missed_trade_is_called_applied_where_it_was(vault: Vault, told_by: str) -> None:
    vault.begin()
    order = vault.rest()
    trade = VenueTraded(
        **vault.about(order) | {"venue_account": told_by}, trade_id="1", last_qty=Decimal(1), last_px=Decimal(100),
        commission=Decimal(0), commission_currency="BNB", transact_time=vault.time,
    )  # fmt: skip
    while not vault.asked:
        vault.wait(1)
    vault.reconciler.snapshot_taken(replace(vault.taken(vault.asked.pop()), trades=(trade,)))
    vault.wait(2)
    row = next(row for row in vault.recorder.batch.breaks.values() if row.kind == BreakKind.TRADE_MISSED)
    if told_by == "main":
        assert row.resolution == "applied and reported"
    else:
        assert row.resolution.startswith("not applied: VENUE_ACCOUNT_MISMATCH VenueTraded for ")
    assert vault.book.orders[order.order_id].cum_qty == (1 if told_by == "main" else 0)
