"""The Unix socket in the place of QuickFIX's TCP port, tried on a real SocketAcceptor in its own process."""

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
import simplefix

from gateway.engine.private_socket import ListenerError
from gateway.fix.listener import free_loopback_port, replace_listener

# The acceptor speaks over stdin/stdout: it prints one JSON line when ready and stops when stdin closes.
ACCEPTOR = """
import os
import json, sys
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
    def fromApp(self, message, session): pass

directory, path = Path(sys.argv[1]), Path(sys.argv[2])
port = free_loopback_port()
(directory / "acceptor.cfg").write_text(f'''[DEFAULT]
ConnectionType=acceptor
NonStopSession=Y
UseDataDictionary=N
SocketAcceptPort={port}
FileStorePath={directory}/store
[SESSION]
BeginString=FIX.4.4
SenderCompID=FIXGW
TargetCompID=DESK
''')
settings = fix.SessionSettings(str(directory / "acceptor.cfg"))
application, store = Application(), fix.FileStoreFactory(settings)
acceptor = fix.SocketAcceptor(application, store, settings)
acceptor.start()
replace_listener(port, path)
print(json.dumps({"port": port}), flush=True)
sys.stdin.read()
os._exit(0)  # stop() may crash, see gateway/fix/acceptor.py
"""


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "engine.sock"


@pytest.fixture
def tcp_port(tmp_path: Path, socket_path: Path) -> Iterator[int]:
    """The port a running acceptor was started with, after its listener was replaced."""
    process = subprocess.Popen(
        [sys.executable, "-c", ACCEPTOR, str(tmp_path), str(socket_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    stdin, stdout = _pipes(process)
    try:
        yield json.loads(stdout.readline())["port"]
        stdin.close()
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
        stdout.close()


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def _logon() -> bytes:
    message = simplefix.FixMessage()
    for tag, value in [(8, "FIX.4.4"), (35, "A"), (49, "DESK"), (56, "FIXGW"), (34, 1)]:
        message.append_pair(tag, value)
    message.append_utc_timestamp(52)
    for tag, value in [(98, 0), (108, 30)]:
        message.append_pair(tag, value)
    return bytes(message.encode())


def test_quickfix_answers_on_the_unix_socket_and_no_longer_on_tcp(socket_path: Path, tcp_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", tcp_port), timeout=5)

    assert stat.S_IMODE(socket_path.stat().st_mode) == 0o600
    for _ in range(3):  # QuickFIX goes on accepting after the first connection
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(socket_path))
            client.sendall(_logon())
            assert b"\x0135=" in client.recv(4096)


def _tcp_listener() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def test_a_stale_socket_is_replaced(socket_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path))
    umask = os.umask(0o022)
    os.umask(umask)
    with _tcp_listener() as listener:
        replace_listener(listener.getsockname()[1], socket_path)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(socket_path))
    assert os.umask(umask) == umask  # given back as it was


def test_a_live_listener_is_left_alone(socket_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other, _tcp_listener() as listener:
        other.bind(str(socket_path))
        other.listen()
        with pytest.raises(ListenerError, match="already running"):
            replace_listener(listener.getsockname()[1], socket_path)
        assert socket_path.is_socket()


def test_a_file_that_is_no_socket_is_left_alone(socket_path: Path) -> None:
    socket_path.write_text("precious")
    with _tcp_listener() as listener, pytest.raises(ListenerError, match="not a socket"):
        replace_listener(listener.getsockname()[1], socket_path)
    assert socket_path.read_text() == "precious"


def test_no_listener_on_the_port(socket_path: Path) -> None:
    with pytest.raises(ListenerError, match="did the acceptor start"):
        replace_listener(free_loopback_port(), socket_path)
    assert not socket_path.exists()


def test_a_path_too_long_is_named_with_its_limit(tmp_path: Path) -> None:
    with _tcp_listener() as listener, pytest.raises(ListenerError, match="at most 107"):
        replace_listener(listener.getsockname()[1], tmp_path / ("x" * 120))
