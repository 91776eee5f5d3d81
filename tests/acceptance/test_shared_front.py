"""Two gateways behind one front: what happens to one engine, the other's clients do not notice."""

import asyncio
import errno
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.client import FixClient
from gateway.client.errors import ClientError
from gateway.compliance.audit.comparison import Finding
from gateway.compliance.audit.cross_check import cross_check
from gateway.compliance.audit.keys import KEY_VARIABLE, create_key
from gateway.wire.records import Kind
from tests.fixtures.processes import START_TIMEOUT_S, Exchange, Gateway, wait_until
from tests.fixtures.shared_front import Behind, SharedFront
from tests.fixtures.wire_logs import read_log, sound, texts

SESSIONS = "FIX.4.4:FIXGW->DESK", "FIX.4.2:FIXGW->OMS42"


@pytest.fixture
def front(tmp_path: Path, exchange: Exchange) -> Iterator[SharedFront]:
    one = Behind(tmp_path / "one", exchange.url, "one", "main", sessions={"DESK": ("FIX.4.4", "")})
    two = Behind(tmp_path / "two", exchange.url, "two", "second", sessions={"OMS42": ("FIX.4.2", "")})
    shared = SharedFront(tmp_path, (one, two))
    try:
        one.start()
        two.start()
        yield shared.start()
    finally:
        for process in (one, two, shared):
            process.stop()


async def log_on(gateway: Gateway) -> FixClient:
    """The one session of the gateway."""
    (comp_id,) = gateway._versions
    return await gateway.client(comp_id, heart_bt_int=300).connect()


async def trade(client: FixClient) -> None:
    """An order rests, and is canceled."""
    order = client.new_order("LTCUSDT", "buy", order_qty="2", price="50", time_in_force="GTC")
    await client.expect("8", {11: order, 150: "0"})
    client.cancel(order)
    await client.expect("8", {41: order, 150: "4"})


def is_deaf(path: Path) -> bool:
    """Whether nobody listens on a Unix socket that is there."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == errno.ECONNREFUSED


def compared(gateway: Gateway) -> tuple[int, list[Finding]]:
    """How many messages the wire log and SQL both have, and what one alone has that should be in both."""
    findings: list[Finding] = []
    with gateway.sql() as connection:
        both = cross_check(connection, gateway.directory / "run" / "wire", 0, time.time_ns(), findings.append)
    return both.matched, findings


async def quiet(gateway: Gateway) -> None:
    """The client has proven its last report, and all of that is on record: nothing is under way any more."""
    async with asyncio.timeout(START_TIMEOUT_S):
        while not _is_quiet(gateway):  # noqa: ASYNC110  # files have no event
            await asyncio.sleep(0.2)


def _is_quiet(gateway: Gateway) -> bool:
    passed = [r.data for r in read_log(gateway.directory / "run" / "wire")[0] if r.kind in (Kind.IN, Kind.OUT)]
    last = max((n for n, data in enumerate(passed) if b"\x0135=8\x01" in data), default=-1)
    proven = any(b"\x0135=0\x01" in data and b"\x01112=REPORT-" in data for data in passed[last + 1 :])
    return proven and not compared(gateway)[1]


async def test_what_happens_to_one_engine_the_other_s_clients_do_not_notice(
    front: SharedFront, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = front.gateways
    client, other = await log_on(one), await log_on(two)
    await asyncio.gather(trade(client), trade(other))
    with pytest.raises(ClientError):
        await one.client("NOBODY", begin_string="FIX.4.4").connect()

    # An engine is killed, and stays away for as long as its supervisor is stopped.
    await quiet(one)
    seen = len(one.log())
    os.kill(one.pid, signal.SIGSTOP)
    os.kill(one.engine_pid(), signal.SIGKILL)
    await client.wait_closed()
    wait_until(lambda: is_deaf(one.directory / "run" / "engine.sock"), "no Logon is taken any more, and then lost")
    with pytest.raises(ClientError, match="closed the connection"):
        await log_on(one)
    await trade(other)
    os.kill(one.pid, signal.SIGCONT)
    wait_until(lambda: "reconciled account=" in one.log()[seen:], "another engine")
    client = await log_on(one)
    await trade(client)

    # Operators of each see, and cut, their own.
    code, out, err = await one.fixgw("sessions", "--json")
    assert code == 0, err
    (row,) = [json.loads(line) for line in out.splitlines()]
    assert row["session"] == SESSIONS[0]
    assert row["address"].startswith("127.0.0.1:")

    # One gateway is drained: it ends, and the front goes on with the other, which has not been away once.
    await quiet(one)
    code, _, err = await one.fixgw("drain", "--reason", "release")
    assert code == 0, err
    assert "logged out by FIXGW" in await client.wait_closed()
    assert one.exit_code() == 0
    with pytest.raises(ClientError):
        await log_on(one)
    await trade(other)
    assert two.log().count("engine started") == 1

    # SIGUSR1 to the front's run halts the gateways behind it; it goes on asking one that is away.
    os.kill(front.pid, signal.SIGUSR1)
    wait_until(lambda: "not halted yet, trying again" in front.log(), "the drained gateway is asked")
    wait_until(lambda: "HALTED firm" in front.log(), "the other one is halted")
    order = other.new_order("LTCUSDT", "buy", order_qty="2", price="50")
    assert "TRADING_HALTED scope=firm" in (await other.expect("8", {11: order, 39: "8"}))[58]
    assert "died" not in front.log()
    await quiet(two)
    code, _, err = await two.fixgw("session", "disconnect", "OMS42", "--reason", "release")
    assert code == 0, err
    await other.wait_closed()
    for process in (one, two, front):
        assert process.stop() in (0, None)

    # Each has its own sessions on record, and no others; who named none of them is in the front's.
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "audit.key"))
    create_key(tmp_path / "audit.key")
    for gateway, session in zip((one, two), SESSIONS, strict=True):
        matched, findings = compared(gateway)
        assert matched >= 6
        assert findings == []
        assert {record.session for record in sound(gateway.directory / "run" / "wire")} == {"", session}
        for command in ("seal", "verify"):
            told = CliRunner().invoke(app, ["audit", command, "--config", str(gateway.directory / "gateway.toml")])
            assert told.exit_code == 0, told.output
        assert "nothing was altered" in told.output
    nobodys = sound(tmp_path / "front" / "wire")
    assert "SenderCompID(49)=NOBODY" in texts(nobodys, Kind.REFUSED)[0]
    assert {record.session for record in nobodys} == {""}
