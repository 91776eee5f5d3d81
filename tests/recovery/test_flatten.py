"""`fixgw kill --flatten` on real processes: positions closed inside the collar, in slices, and what is left told."""

import asyncio
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.client.client import FixClient
from gateway.domain.session_names import OWN_SESSION, session_name
from gateway.store.tables import admin_actions, alerts, decisions, executions, orders, reports
from tests.fixtures.processes import Exchange, Gateway, wait_until
from tests.fixtures.resting import rest
from tests.fixtures.strangers import place_past_the_gateway

MORE = """
[[sessions]]
target_comp_id = "COPY"
drop_copy_accounts = ["TRADING"]

[flatten]
max_slice_notional = "12000"
attempts = 2
within_seconds = 300

[[limits]]
symbol = "BTCUSDT"
price_collar = "0.9%"
"""
LIMITS = """
min_order_notional = "20000"
repeated_execution = "2/60s"
order_rate = "3/60s"
"""
VENUE = 'reference_symbols = ["BTCUSDT"]\nreference_refresh_s = 0.2'
FLATTEN = ("kill", "--flatten", "--reason", "desk closed", "--json")


@pytest.fixture
def gateway(tmp_path: Path, exchange: Exchange) -> Iterator[Gateway]:
    # A slice is held at the exchange for a while, and must not be too old then.
    engine = "recv_window_ms = 60000"
    process = Gateway(tmp_path, exchange.url, engine=engine, limits=LIMITS, venue=VENUE, more=MORE).start()
    yield process
    process.stop()


async def quote(exchange: Exchange, *levels: tuple[str, str, str]) -> None:
    """(side, quantity, price) of others."""
    for number, (side, qty, price) in enumerate(levels):
        client_id = f"q{time.monotonic_ns()}-{number}"
        await place_past_the_gateway(exchange, client_id, price, qty, side=side, account="second")


async def buy(client: FixClient, qty: str, price: str, symbol: str = "BTCUSDT") -> None:
    """Again until there is a reference price."""
    deadline = time.monotonic() + 60
    while True:
        cl_ord_id = client.new_order(symbol, "buy", qty, price=price, time_in_force="ioc")
        answer = await client.expect("8", {11: cl_ord_id})
        if answer[150] == "0":
            await client.expect("8", {11: cl_ord_id, 39: "2"})
            return
        assert "NO_REFERENCE_PRICE" in answer[58], answer
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def flatten(gateway: Gateway, *scope: str) -> tuple[int, str, dict[str, Any]]:
    code, out, err = await gateway.fixgw(*FLATTEN, *scope)
    assert err == ""
    answer = json.loads(out)
    return code, answer["text"], answer["result"]


def slices(gateway: Gateway) -> list[Any]:
    with gateway.sql() as sql:
        query = select(orders).where(orders.c.session == OWN_SESSION).order_by(orders.c.received_at)
        return list(sql.execute(query))


async def test_positions_are_closed_inside_the_collar(exchange: Exchange, gateway: Gateway) -> None:
    await exchange.control("balance", account="main", asset="BTC", free="0")
    await exchange.control("balance", account="second", asset="USDT", free="1000000")
    bids = (("BUY", "0.3", "59990"), ("BUY", "0.3", "59500"), ("BUY", "5", "50000"))
    await quote(exchange, ("SELL", "1", "60000"), ("SELL", "1", "60010"), *bids)
    client = await gateway.client().connect()
    await quote_ltc(exchange)
    await buy(client, "1", "60000")
    await buy(client, "300", "100", "LTCUSDT")
    resting = await rest(client, "1")
    await exchange.control("hold", op="order.place", when="before")

    asked = asyncio.create_task(flatten(gateway, "--account", "TRADING"))
    await exchange.until_held("order.place")
    await exchange.control("fault", op="order.place", kind="drop_after")
    await exchange.control("events", silent=True)  # the first slice executes, and nobody says so
    await exchange.control("release", op="order.place")
    await asyncio.to_thread(wait_until, lambda: "available=False" in gateway.log(), "the outcome is unknown")
    await exchange.control("events", silent=False)
    code, text, told = await asked

    assert (code, told["confirmed"], told["orders"], told["flat"]) == (4, True, 1, False)
    assert "1 order was open, and the venue has none of them any more; NOT FLAT: closed TRADING BTCUSDT 0.6" in text
    await client.expect("8", {11: resting, 150: "4"})
    assert told["closed"] == [{"account": "TRADING", "symbol": "BTCUSDT", "qty": "0.6", "orders": 5}], text
    left = {one["symbol"]: (one["qty"], one["why"].split()[0]) for one in told["left"]}
    assert left == {"BTCUSDT": ("0.4", "NOT_FILLED"), "LTCUSDT": ("300", "NO_REFERENCE_PRICE")}
    sent = slices(gateway)
    assert [row.cl_ord_id for row in sent] == [f"FLATTEN-1-{n}" for n in range(1, 6)]
    assert max(row.order_qty * 55_005 for row in sent) <= 12_000, "which the reference price had fallen to in the end"
    assert min(row.price for row in sent) == Decimal(59460), "0.9 % below the price when it began, nowhere lower"
    assert [str(row.cum_qty) for row in sent] == ["0.2", "0.2", "0.2", "0", "0"]
    refused = client.new_order("BTCUSDT", "sell", "1", price="60000", time_in_force="ioc")
    assert "TRADING_HALTED" in (await client.expect("8", {11: refused, 39: "8"}))[58]

    await quote(exchange, ("BUY", "1", "59450"))
    code, text, told = await flatten(gateway, "--account", "TRADING", "--symbol", "BTCUSDT")
    assert code == 4
    assert told["closed"][0]["qty"] == "0.399", "the fee was taken out of what was bought"
    assert "TRADING BTCUSDT 0.001 is left (NOT_AVAILABLE free=0 BTC at the venue)" in text
    await exchange.control("balance", account="main", asset="BTC", free="1")
    code, text, told = await flatten(gateway, "--account", "TRADING", "--symbol", "BTCUSDT")
    assert (code, told["flat"], told["left"]) == (0, True, [])
    assert text.endswith("FLAT: closed TRADING BTCUSDT 0.001 in 1 order")
    code, text, told = await flatten(gateway, "--venue-account", "main", "--symbol", "BTCUSDT")
    assert (code, text.endswith("FLAT: there was no position")) == (0, True)
    await check_the_books(exchange, gateway)
    await client.logout()


async def quote_ltc(exchange: Exchange) -> None:
    await place_past_the_gateway(exchange, "ltc", "100", "300", side="SELL", symbol="LTCUSDT", account="second")


async def check_the_books(exchange: Exchange, gateway: Gateway) -> None:
    """Everything about the gateway's own orders is where one looks for orders, and nobody was sent a report."""
    trades = await exchange.look("trades")
    assert sum(Decimal(t["qty"]) for t in trades if t["account"] == "main" and not t["isBuyer"]) == 1
    own = {row.order_id for row in slices(gateway)}
    code, out, _ = await gateway.fixgw("orders", "--session", OWN_SESSION, "--json")
    assert (code, {json.loads(line)["order_id"] for line in out.splitlines()}) == (0, own)
    code, out, _ = await gateway.fixgw("order", "FLATTEN-1-1")
    assert code == 0
    assert "OutcomeUnknown" in out
    assert "OrderFilled" in out
    code, out, _ = await gateway.fixgw("explain", "FLATTEN-1-2")
    assert (code, "closes a position" in out) == (0, True)
    code, out, _ = await gateway.fixgw("positions", "--account", "TRADING", "--json")
    held = {row["symbol"]: Decimal(row["qty"]) for row in map(json.loads, out.splitlines())}
    assert code == 0
    assert held == {"BTCUSDT": Decimal(0), "LTCUSDT": Decimal(300)}
    copies = await gateway.client("COPY", begin_string="FIX.4.4").connect()
    fill = await copies.expect("8", {11: "FLATTEN-1-1", 150: "F"})
    assert (fill[32], fill[39]) == ("0.2", "2"), "whoever listens to the account hears of it"
    await copies.logout()
    with gateway.sql() as sql:
        told = set(sql.execute(select(reports.c.session).where(reports.c.order_id.in_(own))).scalars())
        assert {session_name(key) for key in told} == {"COPY"}, "and no client does"
        (decision,) = sql.execute(select(decisions).where(decisions.c.cl_ord_id == "FLATTEN-1-1"))
        assert (decision.outcome, json.loads(decision.inputs)["flatten"]["position"]) == ("accept", "1")
        actions = sql.execute(select(admin_actions).order_by(admin_actions.c.action_id)).all()
        codes = set(sql.execute(select(alerts.c.code)).scalars())
    assert "NOT FLAT: closed TRADING BTCUSDT 0.6 in 5 orders; TRADING BTCUSDT 0.4 is left" in actions[0].outcome
    assert json.loads(actions[0].arguments)["flatten"] is True
    assert "REPEATED_EXECUTION" not in codes, "equal slices are no pattern that stops clients"


async def test_an_engine_that_dies_in_between_closes_nothing_twice(exchange: Exchange, gateway: Gateway) -> None:
    await quote(exchange, ("SELL", "1", "60000"), ("SELL", "1", "60010"), ("BUY", "5", "59990"))
    client = await gateway.client().connect()
    await buy(client, "0.5", "60000")
    await exchange.control("mode", symbol="BTCUSDT", mode="manual")  # what comes now waits for its end
    asked = asyncio.create_task(gateway.fixgw(*FLATTEN))
    await exchange.wait_for_order("test-O2-1", 30)
    seen = len(gateway.log())
    gateway.kill_engine()
    wait_until(lambda: "reconciled account=" in gateway.log()[seen:], "the next engine has looked at the venue")
    await asked
    (under_way,) = slices(gateway)
    assert (under_way.order_id, under_way.is_open) == ("O2", True)
    await exchange.control("fill", clientOrderId="test-O2-1", qty="0.05", price="59990")
    await exchange.control("expire", clientOrderId="test-O2-1")

    def outcome() -> str:
        with gateway.sql() as sql:
            return str(sql.execute(select(admin_actions.c.outcome)).scalar_one())

    await asyncio.to_thread(wait_until, lambda: outcome() != "under way", "the next start tells how it ended")
    assert outcome() == "HALTED firm; FLATTENING CUT SHORT by the engine's end: TRADING BTCUSDT 0.45 is left"
    (settled,) = slices(gateway)
    assert (settled.order_id, settled.is_open, settled.cum_qty) == ("O2", False, Decimal("0.05"))
    with gateway.sql() as sql:
        told = sql.execute(select(alerts.c.text).where(alerts.c.code == "FLATTEN")).scalars().all()
    assert told[0] == "action 1: flattening firm was cut short by the engine's end"

    await exchange.control("mode", symbol="BTCUSDT", mode="auto")
    code, text, _ = await flatten(gateway)
    assert (code, "FLAT: closed TRADING BTCUSDT" in text) == (0, True), text
    with gateway.sql() as sql:
        query = select(executions.c.last_qty).where(
            executions.c.order_id.in_([row.order_id for row in slices(gateway)])
        )
        assert sum(sql.execute(query).scalars()) == Decimal("0.5")
