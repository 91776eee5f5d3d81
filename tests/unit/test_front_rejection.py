"""What QuickFIX's own initiator makes of a Logon that the front refuses: its numbers stay as they are."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.front.refused import rejection
from gateway.wire.framing import framed

INITIATOR = """
import json, sys
import quickfix

class Application(quickfix.Application):
    def onCreate(self, session): self.session = session
    def onLogon(self, session): pass
    def onLogout(self, session): pass
    def toAdmin(self, message, session): pass
    def fromAdmin(self, message, session): pass
    def toApp(self, message, session): pass
    def fromApp(self, message, session): pass

settings = quickfix.SessionSettings(sys.argv[1])
application, store = Application(), quickfix.FileStoreFactory(settings)
initiator = quickfix.SocketInitiator(application, store, settings)
session = quickfix.Session.lookupSession(application.session)
session.setNextTargetMsgSeqNum(int(sys.argv[2]))
initiator.start()
sys.stdin.readline()
print(json.dumps(session.getExpectedTargetNum()), flush=True)
initiator.stop(True)
"""
CONFIG = """[DEFAULT]
ConnectionType=initiator
HeartBtInt=30
ReconnectInterval=30
NonStopSession=Y
UseDataDictionary=N
SocketConnectHost=127.0.0.1
SocketConnectPort={port}
FileStorePath={directory}
[SESSION]
BeginString=FIX.4.4
SenderCompID=DESK
TargetCompID=FIXGW
"""


def expected_after(directory: Path, expected: int, answer: bytes) -> int:
    """The number that the initiator expects after it got this answer to its Logon."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = directory / "initiator.cfg"
        config.write_text(CONFIG.format(port=listener.getsockname()[1], directory=directory / "store"))
        with subprocess.Popen(
            [sys.executable, "-c", INITIATOR, str(config), str(expected)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            listener.settimeout(20)
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(20)
                assert b"35=A" in connection.recv(4096)
                connection.sendall(answer)
                while connection.recv(4096):  # until it hangs up
                    pass
            output, _ = process.communicate("\n", timeout=20)
    return int(json.loads(output))


@pytest.mark.parametrize("expected", [1, 7])
def test_a_refusal_counts_for_nothing(tmp_path: Path, expected: int) -> None:
    now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime()).encode()
    answer = rejection(b"FIX.4.4", b"FIXGW", b"DESK", b"1", "the session is in use by another connection", now)
    assert expected_after(tmp_path, expected, answer) == expected


def test_a_logout_would_have_it_skip_a_message(tmp_path: Path) -> None:
    """Why the front answers with a Reject: if this changes, a Logout can be sent instead."""
    now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime()).encode()
    logout = b"35=5\x0149=FIXGW\x0156=DESK\x0134=1\x0152=%b\x0158=in use\x01" % now
    assert expected_after(tmp_path, 7, framed(b"FIX.4.4", logout)) == 8
