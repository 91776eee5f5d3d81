"""The kill switch on real processes: halted and flat, over a restart, until two users arm it again."""

import asyncio
import grp
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.store.tables import admin_actions, reports, venue_calls
from tests.fixtures.other_user import DAEMON, NOBODY, connected_as, needs_root
from tests.fixtures.processes import Exchange, Gateway, wait_until
from tests.fixtures.resting import rest
from tests.fixtures.strangers import place_past_the_gateway

WHY = ("--reason", "runaway algorithm")


async def open_at(exchange: Exchange) -> set[str]:
    return {order["clientOrderId"] for order in await exchange.look("orders") if order["status"] == "NEW"}


async def test_one_command_stops_a_scope_and_then_all(exchange: Exchange, gateway: Gateway) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    client, other = await gateway.client().connect(), await gateway.client("OMS42").connect()
    first, second, others = await rest(client), await rest(client, "1"), await rest(other)

    code, out, err = await gateway.fixgw("kill", "--session", "DESK", *WHY)
    assert (code, err) == (0, "")
    assert out == "HALTED session:DESK: 2 orders were open, and the venue has none of them any more\n"
    for cl_ord_id in (first, second):
        ended = await client.expect("8", {11: cl_ord_id, 150: "4"})
        assert "KILL_SWITCH scope=session:DESK" in ended[58]
    assert await open_at(exchange) == {"test-O3-1"}
    refused = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    answer = await client.expect("8", {11: refused, 39: "8"})
    assert "TRADING_HALTED scope=session:DESK" in answer[58]
    change = other.replace(others, order_qty="3", price="30000")
    await other.expect("8", {11: change, 150: "5"})

    await place_past_the_gateway(exchange, "test-O77-1")
    await place_past_the_gateway(exchange, "by-hand-1")
    os.kill(gateway.pid, signal.SIGUSR1)
    told = "HALTED firm: 1 order was open, and the venue has none of them any more"
    await asyncio.to_thread(wait_until, lambda: told in gateway.log(), "the signal halts the firm")
    code, out, _ = await gateway.fixgw("kill", *WHY, "--json")
    assert (code, json.loads(out)["result"]["confirmed"]) == (0, True), "again, and it is so"
    assert await open_at(exchange) == {"by-hand-1"}, "what is not ours is left alone"
    await other.expect("8", {150: "4"})

    seen = len(gateway.log())
    gateway.kill_engine()
    wait_until(lambda: "reconciled account=" in gateway.log()[seen:], "ready again")
    await other.wait_closed()
    other = await gateway.client("OMS42").connect()
    refused = other.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    answer = await other.expect("8", {11: refused, 39: "8"})
    assert "TRADING_HALTED scope=firm" in answer[58]
    code, out, _ = await gateway.fixgw("halts")
    assert code == 0
    assert "runaway algorithm" in out
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [["HALTED", "firm"], ["HALTED", "session:DESK"]]
    await other.logout()


def ask_as(user: int, path: Path, command: str, **arguments: str) -> dict[str, Any]:
    """As fixgw does, by another user."""
    body = json.dumps(arguments).encode()
    head = (
        f"POST /commands/{command} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with connected_as(user, path) as connection:
        assert connection is not None
        connection.sendall(head.encode() + body)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))


@pytest.fixture
def shared(tmp_path: Path, exchange: Exchange) -> Iterator[Gateway]:
    """A gateway whose control socket a group may use."""
    group = grp.getgrgid(NOBODY).gr_name
    process = Gateway(tmp_path, exchange.url, engine=f'control_group = "{group}"').start()
    yield process
    process.stop()


@needs_root
async def test_two_users_arm_it_again(exchange: Exchange, shared: Gateway) -> None:
    gateway = shared
    await exchange.control("mode", symbol="*", mode="manual")
    path = gateway.directory / "run" / "control.sock"
    with connected_as(DAEMON, path) as refused:
        assert refused is None, "nobody but the gateway's user, the group and root gets this far"
    with connected_as(NOBODY, gateway.directory / "run" / "engine.sock") as refused:
        assert refused is None, "the group is for the control socket alone"
    answer = ask_as(NOBODY, path, "session.logout", session="DESK")
    assert (answer["done"], "is for the user that runs the gateway" in answer["text"]) == (False, True)

    code, _, _ = await gateway.fixgw("kill", "--symbol", "BTCUSDT", *WHY)
    assert code == 0
    for _ in range(2):
        code, out, _ = await gateway.fixgw("arm", "--symbol", "BTCUSDT", "--reason", "fixed")
        assert (code, "stays HALTED: another user than root" in out) == (0, True)
    answer = ask_as(NOBODY, path, "arm", symbol="BTCUSDT", reason="I agree")
    assert (answer["done"], answer["text"]) == (True, "symbol:BTCUSDT is ACTIVE")
    client = await gateway.client().connect()
    await rest(client)
    await client.logout()
    code, out, _ = await gateway.fixgw("halts")
    assert (code, out) == (0, "all is active\n")
    with gateway.sql() as sql:
        tried = sql.execute(select(admin_actions).where(admin_actions.c.action == "session.logout")).one()
        assert (tried.uid, tried.outcome.split(":")[0]) == (NOBODY, "refused")


async def test_an_account_wholly_ours_is_canceled_by_one_request(tmp_path: Path, exchange: Exchange) -> None:
    gateway = Gateway(tmp_path, exchange.url, exclusive=True).start()
    try:
        await exchange.control("mode", symbol="*", mode="manual")
        client, other = await gateway.client().connect(), await gateway.client("OMS42").connect()
        ids = {client: [await rest(client), await rest(client, "1")], other: [await rest(other)]}
        changed = client.replace(ids[client][0], order_qty="3", price="30000")
        await client.expect("8", {11: changed, 150: "5"})
        ids[client][0] = changed
        await exchange.control("fill", clientOrderId="test-O2-1", qty="0.25")
        await client.expect("8", {11: ids[client][1], 150: "F"})

        code, out, err = await gateway.fixgw("kill", *WHY)
        told = "HALTED firm: 3 orders were open, and the venue has none of them any more\n"
        assert (code, out, err) == (0, told, "")
        replaced = {"order.cancel": 1}
        assert sent(gateway) == {"openOrders.cancelAll": 3} | replaced, "as each order's own record has it"
        for who, cl_ord_ids in ids.items():
            for cl_ord_id in cl_ord_ids:
                ended = await who.expect("8", {11: cl_ord_id, 150: "4"})
                assert (41 in ended, ended[39], ended[151]) == (False, "4", "0"), "nobody's request: no OrigClOrdID"
                assert "KILL_SWITCH scope=firm" in ended[58]
        with gateway.sql() as sql:
            bodies = list(sql.execute(select(reports.c.body)).scalars())
        assert sum("150=4" in body for body in bodies) == 3, "each once"
        await client.logout()
        await other.logout()
    finally:
        gateway.stop()


async def test_a_foreign_order_there_is_left_alone(tmp_path: Path, exchange: Exchange) -> None:
    gateway = Gateway(tmp_path, exchange.url, exclusive=True).start()
    try:
        await exchange.control("mode", symbol="*", mode="manual")
        client = await gateway.client().connect()
        await rest(client)
        await rest(client)
        await place_past_the_gateway(exchange, "by-hand-1")
        await asyncio.to_thread(wait_until, lambda: "ALERT FOREIGN_ORDER" in gateway.log(), "the stream tells of it")
        code, out, _ = await gateway.fixgw("kill", *WHY)
        assert (code, "2 orders were open, and the venue has none" in out) == (0, True)
        assert await open_at(exchange) == {"by-hand-1"}
        assert sent(gateway) == {"order.cancel": 2}
        await client.logout()
    finally:
        gateway.stop()


def sent(gateway: Gateway) -> Counter[str]:
    """By which requests orders were canceled, with one line an order."""
    where = (venue_calls.c.direction == "out") & (venue_calls.c.operation == "cancel")
    with gateway.sql() as sql:
        return Counter(text.split()[0] for text in sql.execute(select(venue_calls.c.text).where(where)).scalars())
