"""A recorded flow of mixed orders, gone through once more by a scratch gateway: the same reports, and only the same."""

import asyncio
import json
import os
import re
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.client import FixClient
from gateway.domain.wording import counted
from tests.acceptance.inject_causes import CAUSES, record_causes
from tests.acceptance.inject_limits import LIMITS, PRICED, VENUE, record_limits
from tests.acceptance.scenario import SYMBOL, Scenario
from tests.fixtures.processes import ROOT, Exchange, Gateway

_SECRET = "never-to-be-passed-on"
_SESSIONS = {
    "DESK": ("FIX.4.4", "report_pending_new = true\n[sessions.limits]\nmax_order_qty = 500\nmax_position = 2000"),
    "OMS42": ("FIX.4.2", ""),
    "OMS50": ("FIX.5.0SP2", ""),
}
_COPY = '[[sessions]]\nbegin_string = "FIX.4.4"\ntarget_comp_id = "COPY"\ndrop_copy_accounts = ["TRADING"]\n'


async def _record(exchange: Exchange, gateway: Gateway) -> None:
    await exchange.control("mode", symbol=SYMBOL, mode="manual")
    for comp_id in _SESSIONS:
        async with gateway.client(comp_id) as client:
            await _stories(client, exchange, gateway)
            await _at_once(client, exchange, gateway)


async def _stories(client: FixClient, exchange: Exchange, gateway: Gateway) -> None:
    """One after the other: fills, cancels, replaces, ends by the exchange, and refusals of each kind."""
    pending = client.sender_comp_id == "DESK"
    first = (
        2 if pending else 1
    )  # answers to an order: that it is looked at, where the session wants that, and the verdict

    def story() -> Scenario:
        return Scenario(client, exchange, gateway)

    async def accepted(s: Scenario, **terms: str) -> None:
        s.order("X", 10, **terms)
        for _ in range(first):
            s.order_id = (await s.next())[37]

    async def answers(s: Scenario, count: int) -> None:
        for _ in range(count):
            await s.next()

    s = story()
    s.order("X", 10, symbol="DOGEUSDT")  # the exchange does not have it
    await answers(s, first)
    s = story()
    await accepted(s)
    await s.fills(4)
    await answers(s, 1)
    await s.fills(6, "49.9")
    await answers(s, 1)
    s.cancel("Y,X", extra=[(37, s.order_id)])  # too late; it names the order by an id that is another one next time
    await answers(s, 1)
    s = story()
    await accepted(s)
    s.replace("Y,X", 8)  # in place
    await answers(s, 2)
    s.replace("Z,Y", 8, price="51")  # a second order at the exchange
    await answers(s, 2)
    s.asks_status("Z")
    await answers(s, 1)
    await s.fills(3)
    await answers(s, 1)
    await s.does("cancel")  # unasked
    await answers(s, 1)
    s = story()
    await accepted(s, tif="IOC")
    await s.fills(2)
    await answers(s, 1)
    await s.does("expire")
    await answers(s, 1)
    s = story()
    await exchange.control("reject", op="order.place", code=-2010, msg="Account has insufficient balance")
    await accepted(s)
    s.order("X", 7)  # the id is taken
    await answers(s, 1)
    for order_qty in ("10.0000001", "600"):  # not by its step; beyond a limit, on one session
        s = story()
        s.order("X", order_qty)
        await answers(s, first)
        if order_qty == "600" and not pending:
            await s.does("cancel")
            await answers(s, 1)


async def _at_once(client: FixClient, exchange: Exchange, gateway: Gateway) -> None:
    """Orders and cancels behind each other, before anything was answered."""
    orders = [Scenario(client, exchange, gateway) for _ in range(6)]
    for number, s in enumerate(orders):
        s.order("X", 10 + number, side="sell" if number % 2 else "buy", price=str(50 + number))
        if number % 3 == 0:
            s.cancel("Y,X", side="sell" if number % 2 else "buy")
    for number, s in enumerate(orders):
        if number % 3:
            await s.until_row(ord_status="0")
            await s.fills(5)
    await client.ping()


async def _inject(config: Path, watch: Path, *more: str) -> tuple[int, str]:
    """Exit code and output. watch: temporary directory, in whose processes' environments to look for _SECRET."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "FIXGW_LIVE_MAIN_API_KEY": _SECRET, "FIXGW_CONFIG": _SECRET}
    environ["TMPDIR"] = str(watch)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "replay", "inject", "--as-fast-as-possible", "--config", str(config)),
        *more,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environ,
    )
    telling = asyncio.create_task(process.communicate())
    seen: dict[str, str] = {}
    while not telling.done():
        seen |= _environments(watch)
        await asyncio.wait([telling], timeout=0.5)
    assert len(seen) >= 3, f"exchange, engine and front were to be seen: {seen.keys()}"
    assert not any(_SECRET in environment for environment in seen.values())
    assert not any("FIXGW_LIVE" in environment or "FIXGW_CONFIG" in environment for environment in seen.values())
    out, _ = await telling
    return process.returncode or 0, out.decode()


def _environments(below: Path) -> dict[str, str]:
    """Of the processes that work in the directory, by their ids."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(below):
                found[process.name] = (process / "environ").read_text(errors="replace")
        except OSError:  # ended meanwhile, or somebody else's
            continue
    return {pid: environment for pid, environment in found.items() if environment}


@pytest.mark.slow
@pytest.mark.timeout(300)  # about 20 s on two free cores
async def test_a_recorded_flow_gives_the_same_reports_but_for_what_was_altered(tmp_path: Path) -> None:
    """Nothing of the caller's environment reaches the processes that do it."""
    for name in ("exchange", "gateway", "scratch"):
        (tmp_path / name).mkdir()
    exchange = Exchange(tmp_path / "exchange", maker=True).start()
    sessions = {**_SESSIONS, **CAUSES, **PRICED}
    gateway = Gateway(tmp_path / "gateway", exchange.url, sessions=sessions, more=_COPY + LIMITS, venue=VENUE)
    try:
        gateway.start()
        await _record(exchange, gateway)
        await record_causes(exchange, gateway)
        await record_limits(exchange, gateway)
    finally:
        gateway.stop()
        exchange.stop()
    orders, altered, since = _altered(gateway.directory / "gateway.db")
    code, out = await _inject(gateway.directory / "gateway.toml", tmp_path / "scratch")
    told = out.splitlines()
    assert f"went through {orders} orders, " in out
    assert "not replayable" not in out
    assert code == 1
    assert "LastPx(31): recorded 50, now 51" in out
    assert "balances, of BUYING_POWER" in out
    assert "what came before" not in out
    assert re.search(r"^DESK decision on .*: MAX_POSITION: open recorded 7, now 0$", out, re.MULTILINE)
    assert told[-1] == counted(_differences(told, altered) + 1, "difference")
    code, out = await _inject(gateway.directory / "gateway.toml", tmp_path / "scratch", "--from", since)
    told = out.splitlines()
    assert "what came before, of BUYING_POWER, " in out
    assert (code, told[-1]) == (1, "1 difference"), out
    assert _differences(told, altered) == 1
    accesses = (gateway.directory / "run" / "access.jsonl").read_text().splitlines()
    assert [json.loads(line)["command"] for line in accesses] == ["replay inject"] * 2


def _differences(told: list[str], altered: tuple[str, str]) -> int:
    """How many there are, all of what was altered: the price of an execution, and one that an order was refused by."""
    traded, refused = altered
    found = [line for line in told if ": recorded " in line]
    for line in found:
        where, _, tags = line.partition(": ")
        if where == f"PRICED order {refused} report 1":
            assert re.fullmatch(r"Text\(58\): recorded .* reference=[56].*, now .* reference=80000 .*", tags)
        else:
            assert where.startswith((f"DESK order {traded} report", f"COPY order {traded} report")), told
            assert set(re.findall(r"(\w+)\(\d+\): recorded", tags)) <= {"LastPx", "AvgPx"}, told
    return len(found)


def _altered(database: Path) -> tuple[int, tuple[str, str], str]:
    """How many orders there are; one of which an execution has another price from now on, and one that was refused by
    another price; and a time before the latter, by which others have gone before. The first decision has another
    figure too, and the database another name.
    """
    with sqlite3.connect(database) as sql:
        found = sql.execute('SELECT min(id), order_id FROM venue_calls WHERE text LIKE \'%"x":"TRADE"%\'').fetchone()
        sql.execute('UPDATE venue_calls SET text = replace(text, \'"L":"50.\', \'"L":"51.\') WHERE id = ?', found[:1])
        refused, inputs = sql.execute(
            "SELECT order_id, inputs FROM decisions WHERE code = 'PRICE_COLLAR' ORDER BY position DESC"
        ).fetchone()
        changed = re.sub(r'\["[56]\d{4}[.\d]*",', '["80000",', inputs)
        assert changed != inputs
        sql.execute("UPDATE decisions SET inputs = ? WHERE order_id = ?", (changed, refused))
        (limit_id,) = sql.execute("SELECT limit_id FROM limits WHERE code = 'MAX_POSITION'").fetchone()
        query = f'SELECT position, inputs FROM decisions WHERE inputs LIKE \'%"{limit_id}":["0","0"]%\''
        position, inputs = sql.execute(f"{query} ORDER BY position").fetchone()
        changed = inputs.replace(f'"{limit_id}":["0","0"]', f'"{limit_id}":["0","7"]')
        assert changed != inputs
        sql.execute("UPDATE decisions SET inputs = ? WHERE position = ?", (changed, position))
        sql.execute("UPDATE meta SET value = 'else' WHERE key = 'instance'")  # as a restored backup has another one
        orders = sql.execute("SELECT count(*) FROM orders").fetchone()[0]
        since = sql.execute("SELECT min(at) FROM decisions WHERE code = 'SYMBOL_NOT_TRADING'").fetchone()[0]
    return (
        orders,
        (found[1], refused),
        (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=since // 1000)).isoformat(),
    )
