"""An engine that ends while the front goes on; sessions that are disabled; and the gateway emptied for a deployment."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.client import FixClient
from gateway.client.errors import ClientError, LogonRefused
from tests.fixtures.processes import Exchange, Gateway, wait_until

TERMS: dict[str, Any] = {"order_qty": "2", "price": "50", "time_in_force": "GTC"}
WHY = ("--reason", "release")


async def gone(client: FixClient) -> str:
    """Why the connection ended."""
    deadline = time.monotonic() + 60
    while client.connected:
        assert time.monotonic() < deadline, "still connected"
        await asyncio.sleep(0.02)
    return client.closed_reason


async def rest(client: FixClient) -> str:
    order = client.new_order("LTCUSDT", "buy", **TERMS)
    await client.expect("8", {11: order, 150: "0"})
    return order


async def test_an_engine_that_ends_takes_its_sessions_along_and_the_front_stays(tmp_path: Path) -> None:
    with_exchange = Exchange(tmp_path).start()
    # An order is held at the exchange for a while, and must not be too old then.
    gateway = Gateway(tmp_path, with_exchange.url, engine="recv_window_ms = 60000")
    try:
        gateway.start()
        front = gateway.child_pid("front")
        for number, expected in ((signal.SIGTERM, "logged out by FIXGW"), (signal.SIGKILL, "")):
            client = await gateway.client().connect()
            seen = len(gateway.log())
            os.kill(gateway.engine_pid(), number)
            assert expected in await gone(client)
            wait_until(lambda seen=seen: "reconciled account=" in gateway.log()[seen:], "another engine")  # type: ignore[misc]  # mypy infers no lambda with a default
            client = await gateway.client().connect()
            await rest(client)
            await client.logout()
        assert gateway.child_pid("front") == front
        assert "died, restarts" in gateway.log()
        assert "process=front exit_code" not in gateway.log()
        await _disabled(gateway)
        await _drained(gateway, with_exchange)
    finally:
        gateway.stop()
        with_exchange.stop()


async def _disabled(gateway: Gateway) -> None:
    client = await gateway.client().connect()
    code, out, err = await gateway.fixgw("session", "disable", "DESK", *WHY)
    assert (code, out.strip()) == (0, "session FIX.4.4:FIXGW->DESK is disabled, and logged out"), err
    assert "disabled by the operator" in await gone(client)
    with pytest.raises(LogonRefused, match="disabled by an operator"):
        await gateway.client().connect()
    seen = len(gateway.log())
    gateway.kill_engine()
    with pytest.raises(LogonRefused, match="disabled by an operator"):
        await gateway.client().connect()
    wait_until(lambda: "reconciled account=" in gateway.log()[seen:], "the engine is ready")
    assert "disabled" in (await gateway.fixgw("sessions"))[1]
    await (other := await gateway.client("OMS42").connect()).logout()
    assert other.closed_reason
    assert (await gateway.fixgw("session", "enable", "DESK", *WHY))[0] == 0
    assert (await gateway.fixgw("session", "enable", "DESK", *WHY))[0] == 1
    await (await gateway.client().connect()).logout()


async def _drained(gateway: Gateway, exchange: Exchange) -> None:
    await exchange.control("mode", symbol="LTCUSDT", mode="manual")
    client = await gateway.client().connect()
    resting = await rest(client)
    await exchange.control("hold", op="order.place", when="before")
    held = client.new_order("LTCUSDT", "buy", **TERMS)
    await exchange.until_held("order.place")
    code, _, err = await gateway.fixgw("drain", "--within", "1", *WHY)
    assert code == 1
    assert "still under way: order O" in err
    refused = client.new_order("LTCUSDT", "buy", **TERMS)
    report = await client.expect("8", {11: refused})
    assert (report[150], report[103], report[58].split()[0]) == ("8", "99", "DRAINING")
    replace = client.replace(resting, order_qty="3")
    assert (await client.expect("9", {11: replace}))[58].startswith("DRAINING")
    client.cancel(resting)
    await client.expect("8", {41: resting, 150: "4"})
    with pytest.raises(LogonRefused, match="about to restart"):
        await gateway.client("OMS42").connect()
    assert (await gateway.fixgw("drain", "--resume", *WHY))[0] == 0
    stays = client.new_order("LTCUSDT", "buy", **TERMS)  # passes the engine, and waits at the exchange
    await exchange.control("release")
    for order in (held, stays):
        await client.expect("8", {11: order, 150: "0"})
    code, out, err = await gateway.fixgw("drain", *WHY)
    assert code == 0, err
    assert "the engine stops" in out
    assert "logged out by FIXGW" in await gone(client)
    process = gateway._process
    assert process is not None
    assert process.wait(60) == 0
    assert "drained, stopping process=engine" in gateway.log()
    with pytest.raises(ClientError):
        await gateway.client().connect()
    gateway.start()
    client = await gateway.client().connect()
    client.cancel(stays)
    await client.expect("8", {41: stays, 150: "4"})
    await client.logout()
