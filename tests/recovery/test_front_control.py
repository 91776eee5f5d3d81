"""Who is connected, as `fixgw sessions` shows it, and connections cut by an operator."""

import asyncio
import getpass
import json
import os
import signal
from pathlib import Path
from typing import Any

from tests.fixtures.processes import Exchange, Gateway, wait_until
from tests.fixtures.resting import resting_order
from tests.recovery.test_operator_sessions import actions

SESSIONS = {"DESK": ("FIX.4.4", 'throttle = { messages = "100/1h" }'), "OMS42": ("FIX.4.2", "")}
WHY = ("--reason", "certificate revoked")


async def shown(gateway: Gateway) -> tuple[dict[str, dict[str, Any]], str]:
    """By CompID, and what was said beside it."""
    code, out, err = await gateway.fixgw("sessions", "--json")
    assert code == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    return {row["session"].rpartition(">")[2]: row for row in rows}, err


async def test_who_is_connected_is_shown_and_disconnected(exchange: Exchange, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, exchange.url, sessions=SESSIONS).start()
    try:
        client, other = await gateway.client().connect(), await gateway.client("OMS42").connect()
        order = await resting_order(exchange, client)
        rows, err = await shown(gateway)
        assert err == ""
        assert rows["DESK"]["address"].startswith("127.0.0.1:")
        assert rows["DESK"]["address"] != rows["OMS42"]["address"]
        assert (rows["DESK"]["certificate"], rows["DESK"]["unread_bytes"]) == (None, 0)
        assert (rows["DESK"]["throttle_used"] or 0) > 0
        assert (rows["DESK"]["throttle_limit"], rows["OMS42"]["throttle_limit"]) == (100, None)
        _, out, _ = await gateway.fixgw("sessions")
        assert rows["DESK"]["address"] in out

        code, out, err = await gateway.fixgw("session", "disconnect", "DESK", *WHY)
        assert (code, err) == (0, "")
        assert f"it was connection 1 from {rows['DESK']['address']}" in out
        await client.wait_closed()
        assert "5" not in [message.type for message in client.inbox], "no Logout: the connection was cut"
        await other.ping()
        (action,) = actions(gateway)
        assert (action.who, action.action) == (getpass.getuser(), "session.disconnect")
        assert (action.reason, action.outcome) == ("certificate revoked", out.strip())
        code, _, err = await gateway.fixgw("session", "disconnect", "DESK", *WHY)
        assert (code, err.strip()) == (1, "refused: nobody is connected to session FIX.4.4:FIXGW->DESK")
        rows, _ = await shown(gateway)
        assert "address" not in rows["DESK"]
        client = await gateway.client().connect()
        client.cancel(order)
        await client.expect("8", {41: order, 150: "4"})

        await a_front_that_hangs(gateway)
        await client.ping()
        other.abort()  # perhaps the front has cut it, when it went on
        await client.logout()
    finally:
        gateway.stop()
    rows, err = await shown(gateway)
    assert rows["DESK"]["logged_on"] is False
    assert err.splitlines() == [
        "what only the front knows is missing: the front does not run",
        "what only the engine knows is missing: the engine does not run",
    ]


async def a_front_that_hangs(gateway: Gateway) -> None:
    """It stops neither the engine nor those who ask."""
    front = gateway.child_pid("front")
    os.kill(front, signal.SIGSTOP)
    try:
        rows, err = await shown(gateway)
        assert err.strip() == "what only the front knows is missing: the front did not answer within 2 s"
        assert rows["DESK"]["logged_on"]
        assert "address" not in rows["DESK"]
        assert "throttle_used" in rows["DESK"]
        cut = asyncio.create_task(gateway.fixgw("session", "disconnect", "OMS42", *WHY))
        await asyncio.to_thread(wait_until, lambda: "session.disconnect" in actions(gateway)[-1].action, "it is asked")
        code, out, err = await gateway.fixgw("reconcile", "--dry-run")  # meanwhile
        assert (code, err) == (0, ""), out
        code, _, err = await cut
        assert code == 1
        assert "refused: the front did not answer (TimeoutError" in err
    finally:
        os.kill(front, signal.SIGCONT)
