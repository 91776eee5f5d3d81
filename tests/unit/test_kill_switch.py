"""The kill switch on a loop of its own: what it says when the venue does not, and who may arm."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.domain.decide_client import Market
from gateway.domain.halts import Halt, HaltScope, TradingState
from gateway.domain.instruments import Instrument
from gateway.domain.intents import CancelIntent
from gateway.domain.prices import Prices, Quote
from gateway.domain.reconcile import OrderAtVenue, SnapshotRequest, VenueSnapshot
from gateway.domain.session_names import OWN_SESSION
from gateway.domain.values import OrdStatus
from gateway.domain.venue_reports import CloseReason, VenueClosed, VenueRefused
from gateway.domain.venue_reports import Operation as VenueOperation
from gateway.engine import inbox as i
from gateway.engine import kill_switch, withdrawals
from gateway.engine.clock import NANOSECONDS
from gateway.engine.kill_switch import ARM_WITHIN, CONFIRM_WITHIN, GOES_ON_WITHIN
from gateway.engine.operations import Arm, Caller, Kill, Operation, Outcome, RemoveLimit, SetLimit
from gateway.store.tables import admin_actions, alerts, decisions, halts
from tests.fixtures.loop_world import World
from tests.fixtures.processes import wait_until

ROOT, OTHER = Caller(0, 1, "root"), Caller(1000, 2, "other")


class KillWorld(World):
    """Its venue shows what it is told to."""

    prices: Prices | None = None

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.shown: tuple[OrderAtVenue, ...] = ()
        self.looks = 0

    def snapshot(self, request: SnapshotRequest) -> None:
        self.looks += 1
        taken = VenueSnapshot(request=request, asked_at=self.time, orders=self.shown, trades=())
        self.inbox.put(i.SnapshotTaken(taken))

    def market(self, venue_account: str, symbol: str) -> Market:
        return replace(super().market(venue_account, symbol), prices=self.prices)

    def ask_for(self, operation: Operation, caller: Caller = ROOT) -> i.OperatorRequest:
        item = i.OperatorRequest("kill", operation, caller, "why", self.time)
        self.inbox.put(item)
        return item

    def done(self, operation: Operation, caller: Caller = ROOT) -> Outcome:
        return self.ask_for(operation, caller).reply.result(10)

    def state(self) -> dict[str, str]:
        found = [(HaltScope(*(r[: len(HaltScope._fields)])), r.state) for r in self.rows(select(halts))]
        return {str(scope): state for scope, state in found}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[KillWorld]:
    made = KillWorld(tmp_path)
    yield made
    made.stop()
    assert made.halted == []


def test_what_is_not_confirmed_in_time_is_named(world: KillWorld) -> None:
    order = world.order("A")
    world.start()
    asked = world.ask_for(Kill(symbol="BTCUSDT"))
    wait_until(lambda: world.state() == {"symbol:BTCUSDT": "halted"}, "it is in SQL at once")
    wait_until(lambda: any(isinstance(intent, CancelIntent) for intent in world.intents), "so is the cancel")
    assert not asked.reply.done()
    world.time += CONFIRM_WITHIN + 1
    outcome = asked.reply.result(10)
    assert outcome.done, "halted it is"
    assert outcome.result["confirmed"] is False
    assert f"1 order was open, NOT CONFIRMED: order {order.order_id} is not over" in outcome.text
    (action,) = world.rows(select(admin_actions.c.outcome))
    assert action.outcome == outcome.text
    assert world.rows(select(alerts.c.severity).where(alerts.c.code == "KILL_SWITCH"))[0].severity == "critical"


def test_the_venue_is_asked_until_it_has_nothing_of_ours(world: KillWorld) -> None:
    foreign = OrderAtVenue("BTCUSDT", "by-hand", "8", Decimal(1), Decimal(0))
    orphan = OrderAtVenue("BTCUSDT", "gw-O99-1", "9", Decimal(1), Decimal(0))
    world.shown = (foreign, orphan)
    world.start()
    asked = world.ask_for(Kill())
    world.inbox.put(i.AvailabilityChanged("main", True, "", world.time))
    wait_until(lambda: [x.client_id for x in world.intents] == ["gw-O99-1"], "the orphan is canceled")
    assert not asked.reply.done()
    world.shown = (foreign,)
    looks = world.looks
    world.time += 1_000_000_001
    outcome = asked.reply.result(10)
    assert outcome.result == {"confirmed": True, "orders": 0, "unconfirmed": []}
    assert world.looks == looks + 1


def test_a_scope_that_is_nobodys_is_refused(world: KillWorld) -> None:
    world.start()
    refused: list[tuple[Operation, str]] = [
        (Kill(account="TRADNG"), "no account 'TRADNG'; there are: TRADING"),
        (Kill(session="DASK"), "no session 'DASK'; there are: DESK"),
        (Kill(venue_account="mian"), "no venue account 'mian'; there are: main"),
        (Kill(venue="binanse"), "no venue 'binanse'; there are: binance"),
        (Kill(flatten=True, session="DESK"), "positions are accounts', not sessions'"),
        (Kill(flatten=True, reduce_only=True), "it goes with a halt, not with --reduce-only"),
        (Arm(), "firm is not halted"),
    ]
    for asked, says in refused:
        outcome = world.done(asked)
        assert not outcome.done
        assert says in outcome.text
    assert world.state() == {}


def test_a_symbol_that_no_venue_has_is_a_slip(world: KillWorld) -> None:
    """It must not pass for a halt, or for a limit, of the symbol that was meant."""
    world.order("A")
    world.start()
    world.symbols = {"ETHUSDT", "LTCUSDT"}
    slip = "no venue account has a symbol 'ethusd'; is it ETHUSDT"
    for asked in (Kill(symbol="ethusd"), SetLimit(limit="MAX_POSITION", value="1", symbol="ethusd")):
        outcome = world.done(asked)
        assert (outcome.done, outcome.text[: len(slip)]) == (False, slip)
    assert world.state() == {}
    assert world.done(Kill(symbol="LTCUSDT", reduce_only=True)).done
    assert world.done(Kill(symbol="BTCUSDT", reduce_only=True)).done, "an order of ours is open in it"
    world.symbols = set()
    assert world.done(Kill(symbol="ethusd", reduce_only=True)).done, "what a venue has is not known"


def test_a_limit_of_a_symbol_that_no_venue_has_is_alerted_once(world: KillWorld) -> None:
    """It may be of the configuration, which is read before the venue tells what there is."""
    world.start()
    for symbol in ("ethusd", "LTCUSDT", "ETHUSDT", ""):
        assert world.done(SetLimit(limit="MAX_POSITION", value="1", symbol=symbol)).done
    assert world.done(SetLimit(limit="MAX_ORDER_QTY", value="2", symbol="nope")).done
    assert world.done(RemoveLimit(limit="MAX_ORDER_QTY", symbol="nope")).done
    world.symbols = {"ETHUSDT", "LTCUSDT"}
    for _ in range(2):
        world.inbox.put(i.AvailabilityChanged("main", True, "", world.time))
    wait_until(lambda: world.inbox.is_empty, "both are handled")
    assert world.done(SetLimit(limit="MAX_POSITION", value="3", symbol="LTCUSDT")).done
    told = select(alerts.c.text).where(alerts.c.code == "LIMITS_NOTHING")
    slip = "version 1, MAX_POSITION 1: no venue account has a symbol 'ethusd'; is it ETHUSDT"
    (text,) = [row.text for row in world.rows(told)]
    assert text.startswith(slip)


def test_nothing_is_closed_while_orders_may_still_execute(world: KillWorld) -> None:
    order = world.order("A")
    world.book.risk.ledger.executed("TRADING", "ETHUSDT", Decimal(3), Decimal(100))
    world.start()
    asked = world.ask_for(Kill(flatten=True))
    wait_until(lambda: any(isinstance(intent, CancelIntent) for intent in world.intents), "the cancel is sent")
    world.time += CONFIRM_WITHIN + 1
    outcome = asked.reply.result(10)
    assert (
        f"NOT CONFIRMED: order {order.order_id} is not over (its cancel is not answered); NOT FLATTENED" in outcome.text
    )
    assert outcome.result["left"] == [
        {"account": "TRADING", "symbol": "ETHUSDT", "qty": "3", "why": "NOT_CONFIRMED"},
    ]
    assert not any(known.session == OWN_SESSION for known in world.book.orders.values())


def test_a_position_without_a_price_is_left(world: KillWorld) -> None:
    world.book.risk.ledger.executed("TRADING", "ETHUSDT", Decimal(3), Decimal(100))
    world.book.risk.ledger.executed("GONE", "ETHUSDT", Decimal(1), Decimal(100))
    world.start()
    asked = world.ask_for(Kill(flatten=True))
    world.inbox.put(i.AvailabilityChanged("main", True, "", world.time))
    wait_until(lambda: world.looks >= 2, "the venue shows nothing open")

    def is_done_a_second_later() -> bool:
        world.time += 1_000_000_001
        world.nudge()
        return asked.reply.done()

    wait_until(is_done_a_second_later, "nothing more can be done")
    outcome = asked.reply.result(10)
    why = {one["account"]: one["why"].split()[0] for one in outcome.result["left"]}
    assert why == {"TRADING": "NO_REFERENCE_PRICE", "GONE": "ACCOUNT_NOT_CONFIGURED"}
    assert (outcome.result["confirmed"], outcome.result["flat"]) == (True, False)


def test_a_price_that_was_there_is_waited_for(world: KillWorld) -> None:
    """Longer than five slices may fail, and whoever watches is told meanwhile."""
    quotes = {"ETHUSDT": Quote(Decimal(99), Decimal(101), world.time, "test")}
    world.prices = Prices(
        quotes.get,
        lambda symbol: Instrument(symbol=symbol, base="ETH", quote="USDT"),
        currency="USDT",
        max_age=NANOSECONDS,
    )
    world.book.risk.ledger.executed("TRADING", "ETHUSDT", Decimal(3), Decimal(100))
    world.start()
    world.time += 10 * NANOSECONDS  # in which no price was heard
    asked = world.ask_for(Kill(flatten=True))
    world.inbox.put(i.AvailabilityChanged("main", True, "", world.time))
    wait_until(lambda: world.looks >= 2, "the venue shows nothing open")
    told = select(alerts.c.text).where(alerts.c.code == "FLATTEN")

    def is_told() -> bool:
        world.nudge()
        return bool(world.rows(told))

    wait_until(is_told, "it waits")
    text = "action 1: TRADING ETHUSDT cannot be closed now, tried for another 30 s: NO_REFERENCE_PRICE ETHUSDT: the "
    assert [row.text for row in world.rows(told)] == [text + "last one heard is 10 s old"]
    for _ in range(10):
        world.time += NANOSECONDS + 1
        turn = i.SignOfLife()
        world.inbox.put(turn)
        assert turn.done.wait(30)
    assert not asked.reply.done()
    quotes["ETHUSDT"] = Quote(Decimal(99), Decimal(101), world.time + NANOSECONDS + 1, "test")
    world.time += NANOSECONDS + 1

    def is_sent() -> bool:
        world.nudge()
        return any(known.session == OWN_SESSION for known in world.book.orders.values())

    wait_until(is_sent, "the price is back")
    assert len(world.rows(told)) == 1


def test_a_venue_is_stopped_by_its_name_or_by_an_account_there(world: KillWorld) -> None:
    order = world.order("A")
    world.start()
    for asked, scope in ((Kill(venue_account="main"), "venue_account:main"), (Kill(venue="binance"), "venue:binance")):
        world.ask_for(asked)
        wait_until(lambda scope=scope: world.state().get(scope) == "halted", "it is in SQL")  # type: ignore[misc]  # mypy infers no lambda with a default
    wait_until(lambda: any(isinstance(x, CancelIntent) for x in world.intents), f"{order.order_id} is canceled")
    world.done(Arm(venue_account="main"), ROOT)
    assert world.done(Arm(venue_account="main"), OTHER).text == "venue_account:main is ACTIVE"
    assert world.state() == {"venue_account:main": "active", "venue:binance": "halted"}
    assert str(world.book.halts.get(HaltScope(venue_account="main"))) == "None"


def test_many_cancels_have_the_time_they_take(world: KillWorld) -> None:
    """What ends shows that the venue works: only when nothing ends for long it counts as not confirmed."""
    first, _ = world.order("A"), world.order("B")
    world.start()
    asked = world.ask_for(Kill())
    wait_until(lambda: sum(isinstance(x, CancelIntent) for x in world.intents) == 2, "both cancels are sent")
    world.inbox.put(
        VenueClosed(
            venue_account="main",
            symbol="BTCUSDT",
            client_id=f"gw-{first.order_id}-1",
            reason=CloseReason.CANCELED,
            cum_qty=Decimal(0),
        )
    )
    world.time += CONFIRM_WITHIN + 1
    world.nudge()
    wait_until(lambda: not world.book.orders[first.order_id].is_open, "one has ended")
    assert not asked.reply.done()
    world.time += CONFIRM_WITHIN + 1
    world.nudge()
    world.time += GOES_ON_WITHIN + 1
    assert asked.reply.result(10).result["confirmed"] is False


def test_very_many_are_canceled_batch_by_batch_and_wait_for_each_other(
    world: KillWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What clients and venues say meanwhile is not held up, and the time to confirm begins with the last of them."""
    monkeypatch.setattr(kill_switch, "AT_ONCE", 2)
    monkeypatch.setattr(withdrawals, "AT_ONCE", 1)
    orders = [world.order(str(number)) for number in range(5)]
    switch, later = world.engine._operator._kill_switch, world.engine._withdrawals
    told: list[Outcome] = []

    def being_canceled() -> int:
        return sum(bool(world.book.orders[order.order_id].requests) for order in orders)

    switch.kill(1, Kill(), ROOT, "why", told.append)
    assert being_canceled() == 2
    for count in (3, 4, 5):
        world.time += CONFIRM_WITHIN + 1
        switch.due(world.time)
        assert not told
        later.due(world.time)
        assert being_canceled() == count
    world.time += CONFIRM_WITHIN
    switch.due(world.time)
    assert not told
    world.time += CONFIRM_WITHIN + 1
    switch.due(world.time)
    assert len(told) == 1
    world.start()


def test_others_that_wait_to_be_withdrawn_do_not_put_off_what_a_kill_says(world: KillWorld) -> None:
    orders = [world.order("A"), world.order("B")]
    switch, later = world.engine._operator._kill_switch, world.engine._withdrawals
    told: list[Outcome] = []
    switch.kill(1, Kill(symbol="BTCUSDT"), ROOT, "why", told.append)
    later.later(orders, "their session was lost")
    world.time += CONFIRM_WITHIN + 1
    switch.due(world.time)
    assert len(told) == 1
    world.start()


def test_what_a_crash_left_is_canceled_by_the_next_start(world: KillWorld) -> None:
    orders = [world.order("A"), world.order("B")]
    switch, told = world.engine._operator._kill_switch, list[Outcome]()
    switch.resume(1, Kill(), told.append)
    assert world.engine._withdrawals.wait(world.time), "it was armed since: none is to be withdrawn"
    world.book.halts.put(Halt(HaltScope(), TradingState.HALTED, "why", 0, "root", 0))
    switch.resume(1, Kill(), told.append)
    assert len(told) == 2
    world.start()
    wait_until(lambda: all(world.book.orders[o.order_id].requests for o in orders), "both are withdrawn")


def test_why_an_order_is_not_over_is_told(world: KillWorld) -> None:
    order = world.order("A")
    switch, told = world.engine._operator._kill_switch, list[Outcome]()
    switch.kill(1, Kill(), ROOT, "why", told.append)
    words = "VENUE_RATE_LIMIT the venue takes nothing before 12"
    world.desk.venue_report(
        VenueRefused(
            venue_account="main", symbol="BTCUSDT", client_id=f"gw-{order.order_id}-1", operation=VenueOperation.CANCEL,
            intent_id=1, text=words, may_retry=True,
        )
    )  # fmt: skip
    world.time += CONFIRM_WITHIN + 1
    switch.due(world.time)
    assert f"order {order.order_id} is not over ({words})" in told[0].text
    world.start()


def test_only_two_users_arm_and_only_what_was_halted(world: KillWorld) -> None:
    world.start()
    assert world.done(Kill(session="FIX.4.4:FIXGW->DESK", reduce_only=True)).text.startswith("REDUCING session:DESK")
    here = "session:DESK"
    assert "is not halted" in world.done(Arm()).text
    for _ in range(2):
        outcome = world.done(Arm(session="DESK"), ROOT)
        assert "stays REDUCING: another user than root has to arm it too, within 15 minutes" in outcome.text
        assert world.state() == {here: "reducing"}
    world.time += ARM_WITHIN + 1
    assert "another user than other" in world.done(Arm(session="DESK"), OTHER).text, "the first wish is too old"
    assert world.done(Arm(session="DESK"), ROOT).text == "session:DESK is ACTIVE"
    assert world.state() == {here: "active"}
    assert not world.done(Arm(session="DESK"), OTHER).done
    world.done(Kill(session="DESK", reduce_only=True), OTHER)
    assert "another user than root" in world.done(Arm(session="DESK"), ROOT).text, "an old wish counts no more"


def test_halted_denies_a_new_order_with_its_code(world: KillWorld) -> None:
    world.book.halts.put(Halt(HaltScope("TRADING"), TradingState.HALTED, "why", 0, "root", 0))
    order = world.order("B")
    world.start()
    assert (order.ord_status, order.text) == (OrdStatus.REJECTED, "TRADING_HALTED scope=account:TRADING")
    wait_until(lambda: bool(world.rows(select(decisions))), "the decision is stored")
    (decision,) = world.rows(select(decisions.c.outcome, decisions.c.code))
    assert decision == ("deny", "TRADING_HALTED")


def test_one_user_cannot_loosen_what_is_halted(world: KillWorld) -> None:
    world.book.halts.put(Halt(HaltScope("", "DESK"), TradingState.HALTED, "why", 0, "root", 0))
    world.start()
    answer = world.done(Kill(session="DESK", reduce_only=True))
    assert (answer.done, answer.text) == (False, "session:DESK is HALTED, which is stricter; two users can arm it")
    assert world.book.halts.get(HaltScope("", "DESK")) == Halt(
        HaltScope("", "DESK"), TradingState.HALTED, "why", 0, "root", 0
    )
