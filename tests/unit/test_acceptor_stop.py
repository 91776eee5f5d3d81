"""Stopping the acceptor, again and again, whatever its clients did before: QuickFIX's own order of things races."""

import subprocess
import sys
from pathlib import Path

import pytest

STOPS = 4

# Each stop is made on an acceptor of its own; a crash takes the process down.
SCRIPT = """
import socket, sys, time
import quickfix
from pathlib import Path
from gateway.client.message import encode, utc_timestamp
from gateway.engine.numbers import SessionState
from gateway.fix.acceptor import Acceptor, SessionSettings
from gateway.fix.application import GatewayApplication

directory, client, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
logons = {"refused": ("DESK", 9999), "unknown": ("NOBODY", 30), "logged on": ("DESK", 30)}
sender, interval = logons.get(client, ("", 0))
for number in range(count):
    store = directory / str(number)
    store.mkdir()
    session = SessionSettings("FIX.4.4", "FIXGW", "DESK")
    state = SessionState(session.session_id.toString(), "FIX.4.4", 0, reserved=1000)
    ignore = lambda item: None
    application = GatewayApplication(
        put=ignore, sent=ignore, sessions={state.key: state}, heart_bt_int=(5, 60), halt=ignore
    )
    acceptor = Acceptor(application, [session], store)
    acceptor.start(store / "socket")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(store / "socket"))
        if sender:
            header = [(49, sender), (56, "FIXGW"), (34, 1), (52, utc_timestamp(time.time_ns()))]
            connection.sendall(encode("FIX.4.4", "A", header, [(98, 0), (108, interval)]))
            connection.recv(4096)
    acceptor.stop()
    assert acceptor.last_numbers[state.key][0] == (2 if client == "logged on" else 1)
    assert not (store / "socket").exists()
    assert quickfix.Session.lookupSession(session.session_id) is not None, "the engine may be sending to it"
    acceptor.close()
    assert quickfix.Session.lookupSession(session.session_id) is None
print("stopped")
"""


@pytest.mark.parametrize("client", ["silent", "refused", "unknown", "logged on"])
def test_stopping_never_crashes(tmp_path: Path, client: str) -> None:
    result = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", SCRIPT, str(tmp_path), client, str(STOPS)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "stopped\n"), result.stderr
