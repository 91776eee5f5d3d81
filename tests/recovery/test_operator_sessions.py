"""An operator logs sessions out, resets them and sets their numbers, while the gateway runs; all of it is in SQL."""

import asyncio
import getpass
import json
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.client import FixClient
from gateway.client.errors import LogonRefused
from gateway.engine.crash_points import VARIABLE
from gateway.store.tables import admin_actions, messages
from tests.fixtures.processes import Exchange, Gateway, wait_until
from tests.fixtures.resting import resting_order
from tests.recovery.test_numbers_epochs import drop, session_row

WHY = ("--reason", "agreed by phone")


def actions(gateway: Gateway) -> list[Any]:
    with gateway.sql() as sql:
        return list(sql.execute(select(admin_actions).order_by(admin_actions.c.action_id)).all())


def fresh(gateway: Gateway, next_out: int = 1, next_in: int = 1) -> FixClient:
    """The client, its numbers set by hand as it was agreed."""
    client = gateway.client(heartbeats=False)  # it proves nothing by itself
    client.next_out, client.next_in = next_out, next_in
    return client


def assert_no_number_is_used_twice(gateway: Gateway) -> None:
    number = (messages.c.session, messages.c.epoch, messages.c.direction, messages.c.msg_seq_num)
    with gateway.sql() as sql:
        used = sql.execute(select(*number).where(messages.c.first_use)).all()
    assert len(used) == len(set(used))


async def test_a_session_is_reset_while_it_is_on_and_while_it_is_off(exchange: Exchange, gateway: Gateway) -> None:
    client = await gateway.client(heartbeats=False).connect()  # or it would prove, given time, that it has the report
    name = await resting_order(exchange, client)
    await exchange.control("fill", clientOrderId="test-O1-1", qty="0.5")
    filled = await client.expect("8", {11: name, 150: "F"})

    code, out, err = await gateway.fixgw("session", "reset", "DESK", *WHY)
    assert (code, err) == (0, "")
    assert "begins epoch 2: next_in=1 next_out=1, " in out
    assert client.closed_reason == "logged out by FIXGW: logged out by the operator"
    row = session_row(gateway)
    assert (row.epoch, row.next_in, row.next_out, row.logged_on) == (2, 1, 1, False)
    (action,) = actions(gateway)
    assert (action.uid, action.who, action.action) == (os.getuid(), getpass.getuser(), "session.reset")
    assert (json.loads(action.arguments), action.reason) == ({"session": "DESK"}, "agreed by phone")
    assert action.outcome == out.strip()

    client = await fresh(gateway).connect()
    again = await client.expect("8", {17: filled[17]})
    assert (again[97], again[32]) == ("Y", "0.5")
    assert again.seq < 10, "a number of the new epoch"
    await drop(client, gateway)

    await exchange.control("fill", clientOrderId="test-O1-1", qty="0.25")
    code, out, _ = await gateway.fixgw("session", "reset", "DESK", *WHY, "--json")
    assert (code, json.loads(out)["result"]["epoch"]) == (0, 3)
    client = await fresh(gateway).connect()
    waited = await client.expect("8", {11: name, 150: "F", 32: "0.25"})
    assert 97 not in waited, "it had never been sent"
    cancel = client.cancel(name)
    await client.expect("8", {11: cancel, 150: "4"})
    seen = len(client.inbox)
    client.send("2", [(7, 1), (16, 0)])
    await client.ping()
    repeated = [m for m in client.inbox[seen:] if m.get(43) == "Y" and m.type == "8"]
    assert repeated == [], "of numbers that it has, the client takes none again"
    await client.logout()
    assert_no_number_is_used_twice(gateway)


async def test_numbers_are_set_upwards_and_lower_ones_begin_an_epoch(exchange: Exchange, gateway: Gateway) -> None:
    client = await gateway.client().connect()
    await resting_order(exchange, client)
    code, _, err = await gateway.fixgw("session", "set-seq", "DESK", "--out", "2", *WHY)
    assert code == 1
    assert "would use one twice: give" in err
    await client.ping()  # for what cannot be, nobody is logged out

    sent = client.next_in - 1
    code, out, _ = await gateway.fixgw("session", "set-seq", "DESK", "--in", "70", "--out", "20000", *WHY)
    assert (code, out.strip()) == (0, f"session {session_row(gateway).session} goes on with next_in=70 next_out=20000")
    with pytest.raises(LogonRefused, match="expecting 70"):
        await gateway.client().connect()
    # It has not seen the numbers from `sent` on: they are filled, with nothing of what it has.
    client = fresh(gateway, next_out=70, next_in=sent + 1)
    await client.connect()
    order = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    acknowledged = await client.expect("8", {11: order, 150: "0"})
    assert acknowledged.seq > 20_000
    assert client.next_in > acknowledged.seq
    await client.logout()

    code, out, _ = await gateway.fixgw("session", "set-seq", "DESK", "--out", "5", "--new-epoch", *WHY)
    assert code == 0, out
    assert "begins epoch 2: next_in=1 next_out=5" in out
    client = await fresh(gateway).connect()
    again = await client.expect("8", {11: order})
    assert again[97] == "Y"
    assert all(m.seq > 5 for m in client.inbox if m.type == "8"), "nothing of the old epoch under its numbers"
    await client.logout()

    # What SQL has of all this is what a new start goes on from.
    numbers = client.next_out, client.next_in
    gateway.stop()
    gateway.start()
    row = session_row(gateway)
    assert (row.epoch, row.next_in, row.next_out) == (2, *numbers)
    client = fresh(gateway, *numbers)
    await client.connect()
    await client.logout()
    assert [(a.action, a.outcome.split()[0]) for a in actions(gateway)] == [
        ("session.set-seq", "refused:"),
        ("session.set-seq", "session"),
        ("session.set-seq", "session"),
    ]
    assert_no_number_is_used_twice(gateway)


async def test_a_session_is_logged_out_and_comes_back(
    exchange: Exchange, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = await gateway.client().connect(), await gateway.client("OMS42").connect()
    code, out, _ = await gateway.fixgw("session", "logout", "DESK")
    assert (code, out.strip()) == (0, "session FIX.4.4:FIXGW->DESK is logged out")
    assert not client.connected
    await other.ping()
    client = await gateway.client().connect()
    await resting_order(exchange, client)
    # A client that does not answer the Logout is hung up on.
    monkeypatch.setattr(client, "_answer", lambda _: None)
    code, out, _ = await gateway.fixgw("session", "logout", "DESK", "--reason", "still there")
    assert (code, out.strip()) == (0, "session FIX.4.4:FIXGW->DESK is logged out")
    await client.wait_closed()
    code, _, err = await gateway.fixgw("session", "logout", "DASK")
    assert code == 1
    assert "no session 'DASK'; there are: FIX.4.4:FIXGW->DESK, FIX.4.2:FIXGW->OMS42" in err
    await other.logout()
    gateway.stop()
    code, _, err = await gateway.fixgw("session", "logout", "DESK")
    assert code == 2
    assert "no engine runs here" in err


async def test_a_crash_before_quickfix_has_the_new_numbers(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "crashed"
    monkeypatch.setenv(VARIABLE, f"epoch_committed:1:{marker}")
    gateway = Gateway(tmp_path, exchange.url).start()
    try:
        client = await gateway.client(heartbeats=False).connect()  # as above: it proves nothing
        name = await resting_order(exchange, client)
        monkeypatch.delenv(VARIABLE)
        code, _, err = await gateway.fixgw("session", "reset", "DESK", *WHY)
        assert code == 2
        assert "admin_actions in SQL tells" in err
        wait_until(marker.exists, "the engine died")
        await asyncio.to_thread(wait_until, lambda: gateway.log().count("engine started") >= 2, "another engine starts")
        assert session_row(gateway).epoch == 2
        assert "begins epoch 2" in actions(gateway)[0].outcome
        # The reserved numbers were never used, but after a crash nobody can know: a gap, and it is filled.
        client = await fresh(gateway).connect()
        report = await client.expect("8", {11: name, 150: "0"})
        assert report[97] == "Y"
        await client.logout()
        assert_no_number_is_used_twice(gateway)
    finally:
        gateway.stop()
