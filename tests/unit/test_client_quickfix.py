"""The initiator against QuickFIX's own acceptor, through the front, as in production."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.client import FixClient, LogonRefused
from gateway.front import BackendSettings, Front, FrontSettings, SessionPolicy
from tests.fixtures.patient import PatientClient

# Echoes each NewOrderSingle as a report with its ClOrdID; stops when stdin closes.
ACCEPTOR = """
import os
import sys
from pathlib import Path
import quickfix as fix
from gateway.fix.listener import free_loopback_port, replace_listener

class Application(fix.Application):
    def onCreate(self, session): pass
    def onLogon(self, session): pass
    def onLogout(self, session): pass
    def toAdmin(self, message, session): pass
    def fromAdmin(self, message, session): pass
    def toApp(self, message, session): pass
    def fromApp(self, message, session):
        cl_ord_id = fix.ClOrdID()
        message.getField(cl_ord_id)
        report = fix.Message()
        report.getHeader().setField(fix.MsgType("8"))
        report.setField(cl_ord_id)
        fix.Session.sendToTarget(report, session)

directory, path = Path(sys.argv[1]), Path(sys.argv[2])
port = free_loopback_port()
(directory / "acceptor.cfg").write_text(f'''[DEFAULT]
ConnectionType=acceptor
NonStopSession=Y
UseDataDictionary=N
SocketAcceptPort={port}
FileStorePath={directory}/store
SenderCompID=FIXGW
TargetCompID=DESK
[SESSION]
BeginString=FIX.4.4
[SESSION]
BeginString=FIX.4.2
''')
settings = fix.SessionSettings(str(directory / "acceptor.cfg"))
application, store = Application(), fix.FileStoreFactory(settings)
acceptor = fix.SocketAcceptor(application, store, settings)
acceptor.start()
replace_listener(port, path)
print("ready", flush=True)
sys.stdin.read()
os._exit(0)  # stop() may crash, see gateway/fix/acceptor.py
"""


@pytest.fixture
def engine_socket(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "engine.sock"
    with subprocess.Popen(
        [sys.executable, "-c", ACCEPTOR, str(tmp_path), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        yield path
        process.stdin.close()
        assert process.wait(timeout=20) == 0


@pytest.fixture
async def front(engine_socket: Path) -> AsyncIterator[Front]:
    sessions = tuple(SessionPolicy(version, "DESK", "FIXGW") for version in ("FIX.4.2", "FIX.4.4"))
    listening = Front(FrontSettings("127.0.0.1", 0, (BackendSettings(engine_socket, sessions),)))
    await listening.start()
    yield listening
    await listening.stop()


def new_client(front: Front, begin_string: str = "FIX.4.4", store: Path | None = None) -> FixClient:
    return PatientClient(
        "127.0.0.1",
        front.port,
        begin_string=begin_string,
        sender_comp_id="DESK",
        target_comp_id="FIXGW",
        store=store,
    )


@pytest.mark.parametrize("begin_string", ["FIX.4.2", "FIX.4.4"])
async def test_orders_are_answered_and_numbers_go_on(front: Front, begin_string: str, tmp_path: Path) -> None:
    store = tmp_path / "desk.json"
    for _ in range(2):  # the second time from the file
        async with new_client(front, begin_string, store) as client:
            orders = [client.new_order("BTCUSDT", "buy", "1", price="2") for _ in range(50)]
            assert [(await client.expect("8"))[11] for _ in orders] == orders
            await client.ping()
    assert json.loads(store.read_text())["next_out"] == 2 * (1 + 50 + 1 + 1) + 1


async def test_a_lost_report_is_resent(front: Front) -> None:
    client = await new_client(front).connect()
    order = client.new_order("BTCUSDT", "buy", "1")
    await client.expect("8", {11: order})
    client.abort()
    client.next_in -= 1  # as if the report had not arrived
    await client.connect()
    assert (await client.expect("8", {11: order}))[43] == "Y"
    await client.logout()


async def test_orders_lost_on_the_way_are_resent_on_request(front: Front) -> None:
    client = await new_client(front).connect()
    await client.ping()
    client.next_out += 2  # two numbers the acceptor never saw
    order = client.new_order("BTCUSDT", "buy", "1")
    await client.expect("8", {11: order})
    assert any(message.type == "2" for message in client.inbox)
    await client.logout()


async def test_a_number_too_low_is_refused_with_the_reason(front: Front) -> None:
    client = await new_client(front).connect()
    await client.logout()
    client.next_out = 1
    with pytest.raises(LogonRefused, match="MsgSeqNum too low"):
        await client.connect()


async def test_reset_starts_over(front: Front) -> None:
    client = await new_client(front).connect()
    await client.logout()
    client.next_out = client.next_in = 1
    client.reset_seq_num = True
    async with client:
        await client.ping()
        assert client.next_in == 3
