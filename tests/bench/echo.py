"""The baseline: QuickFIX's SocketAcceptor with a file store and nothing else. Every order is answered by one report.

Run as a process: `python -m tests.bench.echo DIRECTORY [SOCKET]`; prints its port and serves until it is terminated.
With SOCKET it listens on that Unix socket instead, as the engine does.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import quickfix

from gateway.fix.acceptor import dictionary_path
from gateway.fix.listener import free_loopback_port, replace_listener


class Echo(quickfix.Application):  # type: ignore[misc]  # quickfix has no type information
    """Answers in the callback."""

    def __init__(self) -> None:
        super().__init__()
        self._exec_id = 0

    def onCreate(self, session_id: Any) -> None: ...
    def onLogon(self, session_id: Any) -> None: ...
    def onLogout(self, session_id: Any) -> None: ...
    def toAdmin(self, message: Any, session_id: Any) -> None: ...
    def toApp(self, message: Any, session_id: Any) -> None: ...
    def fromAdmin(self, message: Any, session_id: Any) -> None: ...

    def fromApp(self, message: Any, session_id: Any) -> None:
        self._exec_id += 1
        number = str(self._exec_id)
        get = message.getField
        qty = get(38)
        body = (
            f"35=8\x016={get(44)}\x0111={get(11)}\x0114={qty}\x0117={number}\x0131={get(44)}\x0132={qty}\x0137={number}"
            f"\x0138={qty}\x0139=2\x0154={get(54)}\x0155={get(55)}\x01150=F\x01151=0\x01"
        )
        quickfix.Session.sendToTarget(quickfix.Message(body, False), session_id)


def main(directory: Path, socket_path: Path | None = None) -> None:
    """Serve until SIGTERM."""
    port = free_loopback_port()
    settings_file = directory / "echo.cfg"
    settings_file.write_text(
        "[DEFAULT]\nConnectionType=acceptor\nNonStopSession=Y\nSocketNodelay=Y\n"
        f"SocketAcceptPort={port}\nFileStorePath={directory}\n"
        "[SESSION]\nBeginString=FIX.4.4\nSenderCompID=FIXGW\nTargetCompID=BENCH\n"
        f"DataDictionary={dictionary_path('FIX.4.4')}\n"
    )
    settings = quickfix.SessionSettings(str(settings_file))
    application, factory = Echo(), quickfix.FileStoreFactory(settings)
    acceptor = quickfix.SocketAcceptor(application, factory, settings)
    acceptor.start()
    if socket_path is not None:
        replace_listener(port, socket_path)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print(port, flush=True)
    stop.wait()
    os._exit(0)  # stop() may crash, see gateway/fix/acceptor.py; nothing here is worth an orderly end


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
