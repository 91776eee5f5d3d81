"""What a report looks like to a client, sent by a real QuickFIX acceptor over a real socket."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.domain.values import ExecType
from gateway.fix.encode import encode
from gateway.wire.framing import checksum, parse_stream
from gateway.wire.raw import Fields, split_fields, to_text
from tests.fixtures.fix_reports import FILL, ORDER, PARTIES, PARTLY, SPECS, cancel_reject, report
from tests.fixtures.fix_text import body_length

SOH = "\x01"
DEADLINE = 30  # seconds

# Prints its port, then sends each report it reads from stdin, a JSON line each. In a process of its own that is killed:
# QuickFIX's stop() crashes when it meets a connection that is just being closed.
ACCEPTOR = """
import json, sys, threading
import quickfix
from gateway.fix.listener import free_loopback_port
from gateway.fix.outgoing import to_quickfix

logged_on = threading.Event()

class Application(quickfix.Application):
    def onCreate(self, session): pass
    def onLogon(self, session): logged_on.set()
    def onLogout(self, session): pass
    def toAdmin(self, message, session): pass
    def fromAdmin(self, message, session): pass
    def toApp(self, message, session): pass
    def fromApp(self, message, session): pass

directory, dictionary = sys.argv[1], quickfix.DataDictionary(sys.argv[2])
port = free_loopback_port()
with open(directory + "/acceptor.cfg", "w") as file:
    file.write(f'''[DEFAULT]
ConnectionType=acceptor
SocketAcceptPort={port}
NonStopSession=Y
UseDataDictionary=N
[SESSION]
BeginString=FIX.4.4
SenderCompID=GW
TargetCompID=DESK
''')
settings = quickfix.SessionSettings(directory + "/acceptor.cfg")
application, store = Application(), quickfix.MemoryStoreFactory()
acceptor = quickfix.SocketAcceptor(application, store, settings)
acceptor.start()
print(port, flush=True)
for line in sys.stdin:
    logged_on.wait()  # the Logon's answer is on the wire before QuickFIX counts the session as logged on
    body, poss_resend = json.loads(line)
    message = to_quickfix(body, dictionary, poss_resend=poss_resend)
    quickfix.Session.sendToTarget(message, quickfix.SessionID("FIX.4.4", "GW", "DESK"))
"""


class _Desk:
    """A client that has logged on, and the acceptor it is logged on to."""

    def __init__(self, acceptor: "subprocess.Popen[str]") -> None:
        assert acceptor.stdin is not None
        assert acceptor.stdout is not None
        self._reports = acceptor.stdin
        self._socket = socket.create_connection(("127.0.0.1", int(acceptor.stdout.readline())), timeout=DEADLINE)
        self._rest = b""
        now = datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S")
        body = f"35=A{SOH}34=1{SOH}49=DESK{SOH}52={now}{SOH}56=GW{SOH}98=0{SOH}108=30{SOH}"
        logon = f"8=FIX.4.4{SOH}9={len(body)}{SOH}{body}".encode()
        self._socket.sendall(logon + f"10={checksum(logon)}{SOH}".encode())
        assert dict(self.read())[35] == "A"

    def send(self, body: str, *, poss_resend: bool = False) -> None:
        """Have the acceptor send this report."""
        self._reports.write(json.dumps([body, poss_resend]) + "\n")
        self._reports.flush()

    def read(self) -> Fields:
        """The next message's fields; its length and checksum must be right."""
        while True:
            messages, self._rest = parse_stream(self._rest)
            if messages:
                first, *others = messages
                self._rest = b"".join(others) + self._rest
                fields = split_fields(to_text(first))
                assert fields[1] == (9, str(body_length(first)))
                assert fields[-1] == (10, checksum(first[: -len(b"10=000\x01")]))
                return fields
            received = self._socket.recv(65536)
            assert received, "the acceptor closed the connection"
            self._rest += received

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[_Desk]:
    """A client logged on to an acceptor of its own."""
    acceptor = subprocess.Popen(
        [sys.executable, "-c", ACCEPTOR, str(tmp_path), str(SPECS / "FIX44.xml")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with closing(_Desk(acceptor)) as desk:
            yield desk
    finally:
        acceptor.kill()
        acceptor.communicate()


def test_reports_arrive_whole(desk: _Desk) -> None:
    desk.send(encode(report(ExecType.TRADE, PARTLY._replace(echo=PARTIES), fill=FILL), "FIX.4.4"))
    fill = desk.read()
    assert fill[0] == (8, "FIX.4.4")
    assert fill[2] == (35, "8")
    start = fill.index((453, "2"))
    assert tuple(fill[start : start + len(PARTIES)]) == PARTIES
    assert {(34, "2"), (49, "GW"), (56, "DESK"), (150, "F"), (527, "555"), (32, "0.2")} <= set(fill)
    assert 97 not in dict(fill)

    desk.send(encode(cancel_reject(), "FIX.4.4"), poss_resend=True)
    reject = desk.read()
    assert {(34, "3"), (35, "9"), (102, "0"), (97, "Y")} <= set(reject)
    tags = [tag for tag, _ in reject]
    assert tags.index(97) < tags.index(37)


def test_a_report_keeps_every_field_it_was_given(desk: _Desk) -> None:
    body = encode(report(ExecType.NEW, ORDER._replace(echo=((15, "USDT"), (18, "6"), *PARTIES))), "FIX.4.4")
    desk.send(body)
    assert sorted(split_fields(body)) == sorted(
        field for field in desk.read() if field[0] not in {8, 9, 10, 34, 49, 52, 56}
    )
