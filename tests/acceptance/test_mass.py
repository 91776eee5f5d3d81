"""Mass cancel, mass status and instruments over real sockets, across a crash of the engine, and with trading halted."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.client import FixClient
from gateway.client.errors import ExpectTimeout
from tests.fixtures.processes import Exchange, Gateway

SESSIONS = {
    "DESK": ("FIX.4.4", ""),
    "RISK": ("FIX.5.0SP2", 'cancel_accounts = ["TRADING"]'),
    "OMS42": ("FIX.4.2", ""),
}
TERMS: dict[str, Any] = {"order_qty": "2", "price": "50", "time_in_force": "GTC"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, shared_exchange: Exchange) -> Iterator[Gateway]:
    process = Gateway(tmp_path_factory.mktemp("gateway"), shared_exchange.url, sessions=SESSIONS).start()
    yield process
    process.stop()


@asynccontextmanager
async def on(gateway: Gateway, *names: str) -> AsyncIterator[list[FixClient]]:
    clients = [gateway.client(name) for name in names]
    for client in clients:
        await client.connect()
        await filled(client)
        client.drain()
    try:
        yield clients
    finally:
        for client in clients:
            await client.logout()


async def filled(client: FixClient) -> None:
    """Whatever gap a crash has left is filled: what is sent into one has to be asked for again, TestRequests never."""
    for _ in range(5):
        with contextlib.suppress(ExpectTimeout):
            await client.ping(timeout=2)
            return
    await client.ping()


async def rest(client: FixClient, symbol: str = "LTCUSDT", side: str = "buy", **more: str) -> str:
    """An order that rests: bids far below the market, offers far above it."""
    terms = TERMS | ({"price": "5000"} if side == "sell" else {}) | more
    order = client.new_order(symbol, side, **terms)
    await client.expect("8", {11: order, 150: "0"})
    return order


async def canceled(client: FixClient, *orders: str, mass: str) -> None:
    for order in orders:
        report = await client.expect("8", {11: order, 150: "4"})
        assert (report[39], report[58], report.get(41)) == ("4", f"MASS_CANCEL cl_ord_id={mass}", None)


async def test_a_mass_cancel_is_answered_and_each_order_reports(shared_exchange: Exchange, gateway: Gateway) -> None:
    await shared_exchange.control("mode", symbol="LTCUSDT", mode="manual")
    async with on(gateway, "DESK", "RISK", "OMS42") as (desk, risk, old):
        first, second = await rest(desk), await rest(desk, side="sell")
        third, fourth = await rest(desk, account="OTHER"), await rest(old)
        desk.send("AF", [(584, "S1"), (585, "7")])
        told = [await desk.expect("8", {584: "S1"}) for _ in range(3)]
        assert [(t[11], t[911], t[912], t[150], t[17]) for t in told] == [
            (first, "3", "N", "I", "0"),
            (second, "3", "N", "I", "0"),
            (third, "3", "Y", "I", "0"),
        ]
        desk.send("q", [(11, "M1"), (530, "1"), (55, "LTCUSDT"), (54, "2"), (60, "20260101-00:00:00")])
        report = await desk.expect("r", {11: "M1"})
        assert (report[530], report[531], report[533], report[37][0]) == ("1", "1", "1", "M")
        await canceled(desk, second, mass="M1")
        # The risk desk takes the account from all of its sessions, one of them FIX 4.2; the other account stays.
        risk.send("q", [(11, "M2"), (530, "7"), (1, "TRADING")])
        assert (await risk.expect("r", {11: "M2"}))[533] == "2"
        await canceled(desk, first, mass="M2")
        await canceled(old, fourth, mass="M2")
        desk.send("q", [(11, "M3"), (530, "7"), (1, "NOBODYS")])
        refused = await desk.expect("r", {11: "M3"})
        assert (refused[531], refused[532]) == ("0", "0")
        assert "ACCOUNT_NOT_ALLOWED" in refused[58]
        desk.send("AF", [(584, "S2"), (585, "7"), (1, "TRADING")])
        none = await desk.expect("8", {584: "S2"})
        assert (none[37], none[39], none[911], none[912]) == ("NONE", "8", "0", "Y")
        desk.send("q", [(11, "M4"), (530, "7")])
        await canceled(desk, third, mass="M4")


async def test_fix_42_has_no_such_messages_and_says_so(gateway: Gateway) -> None:
    async with on(gateway, "OMS42") as (old,):
        for msg_type, fields in (("q", [(11, "M"), (530, "7")]), ("AF", [(584, "S"), (585, "7")]), ("x", [(320, "L")])):
            old.send(msg_type, fields)
            refused = await old.expect("j", {372: msg_type})
            assert (refused[380], refused[58].endswith("allowed: D F G H Q")) == ("3", True)


async def test_the_venues_instruments(gateway: Gateway) -> None:
    async with on(gateway, "DESK") as (desk,):
        desk.send("x", [(320, "L1"), (559, "0"), (55, "BTCUSDT")])
        one = await desk.expect("y", {320: "L1"})
        assert (one[560], one[393], one[893], one[146], one[55], one[15]) == ("0", "1", "Y", "1", "BTCUSDT", "USDT")
        assert "tick=" in one[58]
        desk.send("x", [(320, "L2"), (559, "4")])
        several = await desk.expect("y", {320: "L2"})
        assert int(several[393]) == int(several[146]) > 1
        desk.send("x", [(320, "L3"), (559, "0"), (55, "NIXUSDT")])
        assert (await desk.expect("y", {320: "L3"}))[560] == "2"


async def test_it_passes_a_halt_and_is_not_done_again_after_a_crash(gateway: Gateway, tmp_path: Path) -> None:
    async with on(gateway, "DESK") as (desk,):
        order = await rest(desk)
        desk.send("q", [(11, "ONCE"), (530, "7")])
        await canceled(desk, order, mass="ONCE")
    gateway.kill_engine()
    async with on(gateway, "DESK") as (desk,):
        await gateway_ready(desk)
        order = await rest(desk)
        desk.send("q", [(11, "ONCE"), (530, "7"), (97, "Y")])
        again = await desk.expect("r", {11: "ONCE"})
        assert (again[531], again[533]) == ("7", "0")
        code, _, err = await gateway.fixgw("kill", "--account", "OTHER", "--reason", "test")
        assert code == 0, err
        halted = desk.new_order("LTCUSDT", "buy", account="OTHER", **TERMS)
        assert "TRADING_HALTED" in (await desk.expect("8", {11: halted}))[58]
        desk.send("q", [(11, "TWICE"), (530, "7")])
        assert (await desk.expect("r", {11: "TWICE"}))[533] == "1"
        await canceled(desk, order, mass="TWICE")


async def gateway_ready(desk: FixClient) -> None:
    """The new engine has compared its books with the venue."""
    while True:
        order = desk.new_order("LTCUSDT", "buy", **TERMS)
        report = await desk.expect("8", {11: order}, timeout=20)
        if report[150] == "0":
            desk.cancel(order)
            await desk.expect("8", {41: order, 150: "4"})
            return
        assert "VENUE_UNAVAILABLE" in report[58], report[58]
