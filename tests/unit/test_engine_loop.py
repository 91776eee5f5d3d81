"""The engine's loop when something fails: one order's or message's trouble is not the others'."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select

from gateway.domain.halts import FIRM, Halt, HaltScope, TradingState
from gateway.domain.intents import CancelIntent, SettleIntent
from gateway.domain.session_profile import SessionProfile
from gateway.domain.values import TimeInForce
from gateway.engine import inbox as i
from gateway.engine import timers, withdrawals
from gateway.engine.clock import DAY
from gateway.engine.disconnects import DISCONNECT
from gateway.engine.loop import BATCH_LIMIT
from gateway.engine.operations import Caller, LogOutSession
from gateway.store.batch import Batch
from gateway.store.database import open_database
from gateway.store.rows import AdminActionRow
from gateway.store.tables import admin_actions, alerts, messages, reports, venue_calls
from tests.fixtures.loop_world import SESSION, World
from tests.fixtures.processes import wait_until


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.stop()
    assert made.halted == []


def failing_once(act: Callable[..., Any], log: list[Any]) -> Callable[..., Any]:
    def run(*args: Any, **options: Any) -> Any:
        log.append(args)
        if len(log) == 1:
            raise KeyError("a defect")
        return act(*args, **options)

    return run


def test_one_order_that_cannot_be_settled_does_not_stop_the_others(world: World) -> None:
    settled: list[Any] = []
    first, second = world.order("A"), world.order("B")
    world.desk.settle = failing_once(world.desk.settle, settled)  # type: ignore[method-assign]  # on purpose
    world.start()
    world.inbox.put(i.AvailabilityChanged("main", True, "", world.time))
    wait_until(lambda: any(isinstance(intent, SettleIntent) for intent in world.intents), "the second is asked for")
    assert [args[0].order_id for args in settled] == [first.order_id, second.order_id]
    (alert,) = world.rows(select(alerts.c.code, alerts.c.text))
    assert alert == ("QUARANTINED", f"settlement of {first.order_id}: KeyError: 'a defect'")


def test_an_expiry_that_failed_is_tried_again(world: World) -> None:
    expired: list[Any] = []
    order = world.order("A", TimeInForce.DAY)
    world.desk.expire = failing_once(world.desk.expire, expired)  # type: ignore[method-assign]  # on purpose
    world.start()
    world.nudge()
    wait_until(lambda: bool(world.intents), "the order is sent")
    for attempts in (1, 2):
        world.time += DAY
        world.nudge()
        wait_until(lambda wanted=attempts: len(expired) == wanted, "an attempt", 10)  # type: ignore[misc]  # mypy infers no lambda with a default
    assert {args[0].order_id for args in expired} == {order.order_id}


def test_what_cannot_be_recorded_was_not_acted_on(world: World) -> None:
    lone = "35=D\x0111=A\x0158=\ud800\x01"  # never was bytes
    acted: list[Any] = []
    world.clients._act = lambda *args: acted.append(args) or ""  # type: ignore[method-assign, func-returns-value]  # on purpose
    world.start()
    world.receive(lone)
    wait_until(lambda: bool(world.rows(select(messages.c.raw))), "the message is recorded")
    assert acted == []
    ((body,),) = world.rows(select(reports.c.body))
    assert "not acted on" in body
    assert world.rows(select(messages.c.raw)) == [(b"35=D\x0111=A\x0158=\\ud800\x01",)]


def test_a_quarantine_that_fails_does_not_end_the_engine(world: World) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a defect")

    world.clients._take = fail  # type: ignore[method-assign, assignment]  # on purpose
    world.start()
    world.receive("35=D\x0111=A\x01")
    wait_until(lambda: len(world.rows(select(alerts.c.code))) == 2, "both alerts are recorded")
    assert [code for (code,) in world.rows(select(alerts.c.code))] == ["QUARANTINED", "QUARANTINE_FAILED"]


def _called(world: World) -> i.VenueCalled:
    return i.VenueCalled("out", "place", "", 0, "{}", world.time)


def test_very_many_orders_that_end_at_once_do_not_hold_up_what_comes_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "AT_ONCE", 2)
    monkeypatch.setattr(withdrawals, "AT_ONCE", 2)
    profile = SessionProfile(
        key=SESSION, accounts={}, default_account="", cancel_when_off=frozenset({DISCONNECT}), cancel_grace=0
    )
    cast("Any", world.disconnects)._profiles = {SESSION: profile}
    world.time = 1
    for number in range(3):
        world.order(f"DAY{number}", TimeInForce.DAY)
        world.order(f"GTC{number}")
    sizes: list[int] = []
    commit = world.engine._writer.commit

    def counted(batch: Batch) -> None:
        sizes.append(sum(row.operation == "cancel" for row in batch.intents))
        commit(batch)

    monkeypatch.setattr(world.engine._writer, "commit", counted)
    world.start()
    world.nudge()
    wait_until(lambda: bool(world.intents), "the orders are sent")
    world.time = DAY
    world.inbox.put(i.LoggedOn(SESSION, world.time))
    world.inbox.put(i.LoggedOut(SESSION, world.time))
    wait_until(lambda: sum(sizes) == 6, "all are asked to be canceled")
    assert max(sizes) <= 4


def test_who_is_logged_out_by_an_operator_or_the_schedule_has_not_lost_the_connection(world: World) -> None:
    world.start()
    caller = Caller(uid=0, pid=1, who="op")
    for ask in (False, True):
        world.inbox.put(i.LoggedOn(SESSION, world.time))
        if ask:
            operation = LogOutSession(session="DESK")
            world.inbox.put(i.OperatorRequest("session.logout", operation, caller, "", world.time))
        world.inbox.put(i.LoggedOut(SESSION, world.time))
        world.nudge()
        wait_until(_off(world, "logout" if ask else "disconnect"), "it is off")


def _off(world: World, reason: str) -> Callable[[], bool]:
    return lambda: world.states[SESSION].off_reason == reason


def test_records_wait_for_a_batch_that_has_to_be_committed(world: World) -> None:
    """A disk write of their own would keep the order behind them waiting."""
    sizes: list[int] = []
    writer = world.engine._writer
    commit = writer.commit

    def counted(batch: Batch) -> None:
        if batch.venue_calls:
            sizes.append(len(batch.venue_calls))
        commit(batch)

    writer.commit = counted  # type: ignore[method-assign]  # on purpose
    for _ in range(BATCH_LIMIT + 1):  # more than one turn takes
        world.inbox.put(_called(world))
    world.receive("35=D\x0111=A\x01")
    world.start()
    wait_until(lambda: bool(world.rows(select(messages.c.raw))), "the order is recorded")
    assert sizes == [BATCH_LIMIT + 1]


def test_records_alone_are_committed_all_the_same(world: World) -> None:
    world.start()
    world.inbox.put(_called(world))
    wait_until(lambda: len(world.rows(select(venue_calls.c.id))) == 1, "the record is in SQL")


def test_orders_are_refused_while_too_many_wait_and_cancels_are_not(world: World) -> None:
    world.clients._most_waiting = 100
    terms = "55=BTCUSDT\x0154=1\x0138=1\x0160=20260101-00:00:00\x01"
    count = BATCH_LIMIT + 1
    for number in range(1, count + 1):
        text = f"35=D\x0111=C{number}\x0121=1\x0140=2\x0144=100\x0159=1\x01{terms}"
        world.inbox.put(i.AppReceived(SESSION, text, "D", number, number + 1, True, world.time))
    cancel = f"35=F\x0111=X\x0141=C{count}\x01{terms}"
    world.inbox.put(i.AppReceived(SESSION, cancel, "F", count + 1, count + 2, True, world.time))
    world.start()
    wait_until(lambda: len(world.rows(select(messages.c.id))) == count + 1, "all are decided")
    refused = [body for (body,) in world.rows(select(reports.c.body)) if "TOO_MANY_WAITING limit=100 waiting=" in body]
    assert len(refused) == count - 100
    assert "11=C1\x01" in refused[0]
    assert len({intent.client_id for intent in world.intents}) == 100
    assert any(isinstance(intent, CancelIntent) for intent in world.intents)


def test_every_message_is_recorded_with_the_ids_that_it_names(world: World) -> None:
    sent = "8=FIX.4.4\x0135=8\x0137=O7\x0111=A\x01150=0\x01"
    texts = {
        1: ("0", "35=0\x01", (None, None)),
        2: ("B", "35=B\x0137=O5\x0111=X\x01", ("X", "O5")),  # refused before it is decoded: no such message is taken
        3: ("D", "35=D\x0111=\udce9\x0137=\x01", ("\ufffd", None)),
    }
    for number, (msg_type, text, _) in texts.items():
        kind = i.AdminReceived if msg_type == "0" else i.AppReceived
        world.inbox.put(kind(SESSION, text, msg_type, number, number + 1, True, world.time))
    world.inbox.put(i.MessageSent(SESSION, sent, "8", 1, True, None, world.time))
    world.start()
    wait_until(lambda: len(world.rows(select(messages.c.id))) == 4, "all are recorded")
    columns = (messages.c.msg_seq_num, messages.c.cl_ord_id, messages.c.order_id)
    rows = world.rows(select(*columns).where(messages.c.direction == "in").order_by(messages.c.id))
    assert [tuple(row) for row in rows] == [(number, *ids) for number, (_, _, ids) in texts.items()]
    assert world.rows(select(*columns).where(messages.c.direction == "out")) == [(1, "A", "O7")]


def test_a_stop_waits_for_all_that_came_before_it(world: World) -> None:
    """QuickFIX has consumed those numbers: what is not decided now would never be sent again."""
    count = BATCH_LIMIT + 100
    for number in range(1, count + 1):
        world.receive("35=D\x01", number)
    world.inbox.put(i.StopRequested({SESSION: (count + 1, 1)}))
    world.start()
    assert world.engine.join(10)
    assert len(world.rows(select(messages.c.id))) == count
    assert world.states[SESSION].next_in == count + 1


def test_a_kill_whose_record_was_cut_does_not_stop_the_next_start(tmp_path: Path) -> None:
    """A row holds so much text and no more; what the kill had stopped stays stopped without it."""
    row = AdminActionRow(1, 0, 0, 1, "root", "kill", '{"symbol":"AAAA…', "why", "under way")
    world = World(tmp_path, cut_short=[row])
    world.start()
    world.stop()
    with open_database(f"sqlite:///{tmp_path / 'gateway.db'}", "sim").connect() as connection:
        (outcome,) = connection.execute(select(admin_actions.c.outcome)).scalars()
        (alert,) = connection.execute(select(alerts.c.text)).scalars()
    assert outcome.startswith("refused: cut short by the engine's end")
    assert alert.startswith("action 1 was cut short by the engine's end, and SQL does not have its scope whole")


def test_what_a_kill_of_unreadable_scope_had_begun_is_canceled(world: World) -> None:
    """It is among what is halted, and nothing is to be open there in any case."""
    order = world.order("A")
    for scope, state in ((HaltScope(symbol="BTCUSDT"), TradingState.HALTED), (FIRM, TradingState.REDUCING)):
        world.book.halts.put(Halt(scope, state, "", 1, "ann", world.time))
    assert world.book.halts.halted() == [HaltScope(symbol="BTCUSDT")]
    ended: list[bool] = []
    world.kill_switch.resume_unread(1, lambda outcome: ended.append(outcome.done))
    world.start()
    wait_until(lambda: any(isinstance(one, CancelIntent) for one in world.intents), "it is canceled")
    assert ended == [False]
    assert {one.order_id for one in world.intents} == {order.order_id}
