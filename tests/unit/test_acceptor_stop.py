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
    acceptor.start(store / "socket", {state.key: (1, 1)})
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


# QuickFIX begins at 1 again where its files are of another day, whatever NonStopSession says.
ANOTHER_DAY = """
import sys
from pathlib import Path
from gateway.engine.numbers import SessionState
from gateway.errors import GatewayError
from gateway.fix.acceptor import Acceptor, SessionSettings
from gateway.fix.application import GatewayApplication
from gateway.fix.hydrate import hydrate

store, session = Path(sys.argv[1]), SessionSettings("FIX.4.4", "FIXGW", "DESK")
state = SessionState(session.session_id.toString(), "FIX.4.4", 0, reserved=1000)
ignore = lambda item: None
application = GatewayApplication(
    put=ignore, sent=ignore, sessions={state.key: state}, heart_bt_int=(5, 60), halt=ignore
)
hydrate(store, session.session_id, now=0, next_out=9, next_in=5, sent=[])
try:
    Acceptor(application, [session], store).start(store / "socket", {state.key: (5, 9)})
except GatewayError as error:
    print(error)
"""


def test_numbers_that_quickfix_did_not_take_are_never_used(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", ANOTHER_DAY, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "QuickFIX did not take the sessions' numbers" in result.stdout, result.stderr
    assert "it has {'FIX.4.4:FIXGW->DESK': (1, 1)}" in result.stdout
    assert not (tmp_path / "socket").exists()


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
