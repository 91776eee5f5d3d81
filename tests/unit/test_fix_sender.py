"""What the engine sends while a client resets the numbers, by a real QuickFIX acceptor in a process of its own."""

import subprocess
import sys
from pathlib import Path

# The engine has not heard that the client is gone, nor that it is back, and goes on sending when the reset comes.
RESET = """
import socket, sys, threading, time
from pathlib import Path
from gateway.client.message import encode, utc_timestamp
from gateway.engine.inbox import EpochReset, LoggedOn
from gateway.engine.numbers import SessionState
from gateway.fix.acceptor import Acceptor, SessionSettings
from gateway.fix.application import GatewayApplication
from gateway.fix.sender import make_sender

store, session = Path(sys.argv[1]), SessionSettings("FIX.4.4", "FIXGW", "DESK")
state = SessionState(session.session_id.toString(), "FIX.4.4", 0, reserved=1000)
on, numbered = threading.Event(), []

def send():
    numbered.append(sender.send(state.key, 1, "35=8\\x0137=O1\\x0117=1\\x01150=0\\x0139=0\\x01", poss_resend=False))
    sender.ask(state.key, "REPORT-1")

def put(item):
    if isinstance(item, LoggedOn):
        on.set()
    elif isinstance(item, EpochReset):
        engine = threading.Thread(target=send)
        engine.start()
        engine.join()
        item.done.set()

application = GatewayApplication(
    put=put, sent=lambda item: None, sessions={state.key: state}, heart_bt_int=(5, 60), halt=print
)
sender = make_sender(application, [session])
acceptor = Acceptor(application, [session], store)
acceptor.start(store / "socket", {state.key: (1, 1)})
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(str(store / "socket"))
    header = [(49, "DESK"), (56, "FIXGW"), (34, 1), (52, utc_timestamp(time.time_ns()))]
    connection.sendall(encode("FIX.4.4", "A", header, [(98, 0), (108, 30), (141, "Y")]))
    received = connection.makefile("rb")
    def told():
        fields = b""
        while b"\\x0110=" not in fields or not fields.endswith(b"\\x01"):
            fields += received.read(1)
        found = dict(field.split(b"=", 1) for field in fields.split(b"\\x01")[:-1])
        return found[b"35"].decode(), found[b"34"].decode()
    print(told())
    on.wait()
    send()
    print(told(), told(), numbered, flush=True)
acceptor.stop()
"""


def test_the_answer_to_a_reset_has_the_first_number(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", RESET, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    told = "('A', '1')\n('8', '2') ('1', '3') [False, True]\n"
    assert (result.returncode, result.stdout) == (0, told), result.stderr
