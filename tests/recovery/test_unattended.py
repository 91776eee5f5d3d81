"""An engine that hangs, or does not come back: it is killed, its orders are canceled, and two people arm it again."""

import asyncio
import contextlib
import grp
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.client.client import FixClient
from gateway.store.tables import alerts, venue_calls
from tests.fixtures.other_user import NOBODY, needs_root
from tests.fixtures.processes import Exchange, Gateway, wait_until
from tests.fixtures.strangers import place_past_the_gateway
from tests.recovery.test_kill import ask_as, open_at

GONE = "EMERGENCY_CANCEL reason=engine_lost the gateway stood still; trading is halted"


@pytest.fixture
def watched(tmp_path: Path, exchange: Exchange) -> Iterator[Gateway]:
    group = grp.getgrgid(NOBODY).gr_name
    engine = f'hang_seconds = 4\nabsent_seconds = 3\ncontrol_group = "{group}"'
    process = Gateway(tmp_path, exchange.url, emergency_cancel=True, engine=engine).start()
    yield process
    process.stop()


async def resting(client: FixClient) -> str:
    cl_ord_id = client.new_order("BTCUSDT", "buy", "2", price="30000", time_in_force="gtc")
    await client.expect("8", {11: cl_ord_id, 150: "0"})
    return cl_ord_id


async def until(gateway: Gateway, text: str, seen: int = 0) -> None:
    """seen: the length of the log before which it does not count."""
    try:
        await asyncio.to_thread(wait_until, lambda: text in gateway.log()[seen:], text)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{gateway.log()[-6000:]}") from None


async def until_ready(gateway: Gateway, seen: int) -> None:
    """Another engine was started since, and has compared its books with the venue."""
    await until(gateway, "engine started", seen)
    await until(gateway, "reconciled account=", gateway.log().rindex("started process=engine"))


@needs_root
async def test_an_engine_that_hangs(exchange: Exchange, watched: Gateway) -> None:
    gateway = watched
    await exchange.control("mode", symbol="*", mode="manual")
    desk, oms = await gateway.client("DESK").connect(), await gateway.client("OMS42").connect()
    plain, traded, theirs = await resting(desk), await resting(desk), await resting(oms)
    engine, watchdog = gateway.engine_pid(), gateway.child_pid("watchdog")

    # Stopped together for longer than that: neither was late, once they go on.
    for process in (engine, watchdog):
        os.kill(process, signal.SIGSTOP)
    await asyncio.sleep(5)  # the passing of time is what this is about
    for process in (watchdog, engine):
        os.kill(process, signal.SIGCONT)
    await resting(desk)
    assert "ENGINE_HUNG" not in gateway.log()

    os.kill(engine, signal.SIGSTOP)
    await exchange.control("fill", clientOrderId="test-O2-1", qty="0.5")  # the engine never hears of it
    seen = len(gateway.log())
    await until(gateway, f"killing the engine pid={engine}")
    await until(gateway, "emergency cancels done orders=4")
    assert await open_at(exchange) == set()
    for client in (desk, oms):
        await client.wait_closed()
    await until_ready(gateway, seen)
    assert gateway.engine_pid() != engine

    desk, oms = gateway.client("DESK"), gateway.client("OMS42")
    await desk.connect()
    await oms.connect()
    assert (await desk.expect("8", {11: traded, 150: "F"}, timeout=30))[32] == "0.5"
    for client, cl_ord_id in ((desk, plain), (desk, traded), (oms, theirs)):
        assert (await client.expect("8", {11: cl_ord_id, 150: "4", 39: "4"}, timeout=30))[58] == GONE
    refused = desk.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    assert "TRADING_HALTED scope=firm" in (await desk.expect("8", {11: refused, 39: "8"}))[58]
    code, out, _ = await gateway.fixgw("halts")
    assert (code, "ENGINE_HUNG" in out, "watchdog" in out) == (0, True, True)

    socket = gateway.directory / "run" / "control.sock"
    code, out, err = await gateway.fixgw("arm", "--reason", "it was the debugger")
    assert "stays HALTED: another user than root" in out, f"{code} {err}\n{gateway.log()[-4000:]}"
    assert ask_as(NOBODY, socket, "arm", reason="I agree")["text"] == "firm is ACTIVE"
    await resting(desk)
    with gateway.sql() as sql:
        told = sql.execute(select(alerts.c.text).where(alerts.c.code == "EMERGENCY_CANCEL")).scalar_one()
        assert told.startswith("4 open orders, 4 of them over before this start")
        assert "ENGINE_HUNG its process lives and gives no sign of progress" in told
        said = select(venue_calls.c.order_id).where(
            venue_calls.c.text.startswith("watchdog: 200"), venue_calls.c.operation == "cancel"
        )
        assert set(sql.execute(said).scalars()) == {"O1", "O2", "O3", "O4"}

    # A commit that never returns is as good as that. Nothing stays to be imported twice.
    await killed_in_a_commit(gateway, desk)
    assert await open_at(exchange) == set()
    code, out, _ = await gateway.fixgw("halts")
    assert "HALTED" in out
    assert not list((gateway.directory / "run").glob("emergency-*.jsonl"))
    await oms.logout()


async def killed_in_a_commit(gateway: Gateway, desk: FixClient) -> None:
    """Recording an order is made to take for ever. (For a lock of another's SQLite waits for five seconds at most.)"""
    engine, seen = gateway.engine_pid(), len(gateway.log())
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n"
    trigger = f"BEFORE INSERT ON journal WHEN NEW.event_type = 'OrderReceived' BEGIN SELECT ({endless}); END"
    with contextlib.closing(sqlite3.connect(gateway.database_url.removeprefix("sqlite:///"), timeout=60)) as other:
        other.execute(f"CREATE TRIGGER endless {trigger}")
        other.commit()
        desk.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
        await until(gateway, f"killing the engine pid={engine}")
        await until_ready(gateway, seen)
        other.execute("DROP TRIGGER endless")
        other.commit()
    assert "journal halted" not in gateway.log()[seen:]
    await desk.wait_closed()


async def test_an_engine_that_does_not_come_back(exchange: Exchange, watched: Gateway) -> None:
    gateway = watched
    await exchange.control("mode", symbol="*", mode="manual")
    desk = await gateway.client().connect()
    plain = await resting(desk)
    await until(gateway, "the engine is at work")
    killed = 0
    began = time.monotonic()
    while "ALERT ENGINE_ABSENT" not in gateway.log():  # it dies again and again
        engine = gateway.engine_pid()
        if engine != killed:
            with contextlib.suppress(ProcessLookupError):  # the watchdog was faster
                os.kill(engine, signal.SIGKILL)
            killed = engine
        await asyncio.sleep(0.02)
    assert time.monotonic() - began > 1, "not before its time"
    seen = gateway.log().index("ALERT ENGINE_ABSENT")
    await until(gateway, "emergency cancels done orders=1")
    assert await open_at(exchange) == set()
    await until_ready(gateway, seen)
    desk = gateway.client()
    await desk.connect()
    assert (await desk.expect("8", {11: plain, 150: "4"}, timeout=30))[58] == GONE
    await desk.logout()
    code, out, _ = await gateway.fixgw("halts")
    assert (code, "ENGINE_ABSENT" in out) == (0, True)

    # It cannot work any more, and SQL cannot be read: the exchange is asked, and what is not ours is left alone.
    await until(gateway, f"the engine is at work pid={gateway.engine_pid()}")
    await place_past_the_gateway(exchange, "test-O77-1")
    await place_past_the_gateway(exchange, "by-hand-1")
    database = Path(gateway.database_url.removeprefix("sqlite:///"))
    away = database.with_suffix(".away")
    await asyncio.to_thread(database.rename, away)
    await asyncio.to_thread(database.mkdir)
    os.kill(gateway.engine_pid(), signal.SIGKILL)
    await until(gateway, "cannot work, giving up process=engine")
    assert await asyncio.to_thread(gateway.stop) == 2
    assert await open_at(exchange) == {"by-hand-1"}
    assert "1 open orders at the exchange" in gateway.log()
    await asyncio.to_thread(database.rmdir)
    await asyncio.to_thread(away.rename, database)


async def test_an_orderly_end_is_nobodys_loss(tmp_path: Path, exchange: Exchange, watched: Gateway) -> None:
    gateway = watched
    await exchange.control("mode", symbol="*", mode="manual")
    desk = await gateway.client().connect()
    await resting(desk)
    assert await asyncio.to_thread(gateway.stop) == 0
    assert await open_at(exchange) == {"test-O1-1"}
    assert "ALERT ENGINE" not in gateway.log()
    await asyncio.to_thread(gateway.start)
    code, out, _ = await gateway.fixgw("halts")
    assert (code, out) == (0, "all is active\n")
