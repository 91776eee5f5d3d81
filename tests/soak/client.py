"""The order management system of the soak: QuickFIX's own initiator with its own FileStore, in a process of its own.

It shares no code with the gateway, so that a misunderstanding of FIX cannot cancel itself out. Every message that it
sends or gets goes to a journal, one JSON array a line: [kind, text] with kind in, out, on, off or numbers. One that is
started after another was killed goes on with the store and the journal, and leaves the orders of before alone.

Commands on standard input: "quiet" ends the flow of orders, "quit" logs out and ends; closing it does as well.
"""

import argparse
import contextlib
import json
import os
import select
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import quickfix as fix

from tests.soak.flow import Flow

SETTINGS = """[DEFAULT]
ConnectionType=initiator
NonStopSession=Y
UseDataDictionary=N
HeartBtInt=5
ReconnectInterval=1
LogonTimeout=5
FileStorePath={directory}/client-store
SocketConnectHost=127.0.0.1
SocketConnectPort={port}
TimestampPrecision=3
[SESSION]
BeginString=FIX.4.4
SenderCompID={comp_id}
TargetCompID=FIXGW
"""
LOGOUT_TIMEOUT_S = 10.0
STUCK, STUCK_S = 3, 20.0
"""Off line for so long, it ends with this code, and another goes on: after a Logout that it did not ask for, QuickFIX
at times makes a Logon with no connection under it, takes that for sent, and never connects again (*measured*: no socket
is opened; a stop and a start of the initiator connect, and send no Logon).
"""


class Client(fix.Application):  # type: ignore[misc]  # quickfix has no type information
    """Writes down what passes, and tells the flow what it has to know."""

    def __init__(self, journal: Path, flow: Flow) -> None:
        super().__init__()
        self._journal = journal.open("a", encoding="utf-8", errors="surrogateescape", buffering=1)
        self._flow = flow
        self.session_id: Any = None
        self.logged_on = False

    def note(self, kind: str, text: str) -> None:
        self._journal.write(json.dumps([kind, text]) + "\n")

    def onCreate(self, session_id: Any) -> None:
        self.session_id = session_id

    def onLogon(self, session_id: Any) -> None:
        self.logged_on = True
        self.note("on", "")

    def onLogout(self, session_id: Any) -> None:
        self.logged_on = False
        self.note("off", "")

    def toAdmin(self, message: Any, session_id: Any) -> None:
        self.note("out", message.toString())

    def fromAdmin(self, message: Any, session_id: Any) -> None:
        self.note("in", message.toString())

    def toApp(self, message: Any, session_id: Any) -> None:
        self.note("out", message.toString())

    def fromApp(self, message: Any, session_id: Any) -> None:
        text = message.toString()
        self.note("in", text)
        self._flow.heard(text)

    def send(self, fields: list[tuple[int, str]]) -> None:
        """QuickFIX keeps it for a resend when the session is down."""
        message = fix.Message()
        (_, msg_type), *body = fields
        message.getHeader().setField(fix.StringField(35, msg_type))
        for tag, value in body:
            message.setField(fix.StringField(tag, value))
        fix.Session.sendToTarget(message, self.session_id)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--comp-id", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--run", type=int, required=True, help="how many of these have died before it")
    arguments = parser.parse_args()
    random = Random(f"{arguments.seed}/client/{arguments.run}")
    flow = Flow(random, f"C{arguments.run}-")
    settings_file = arguments.directory / "client.cfg"
    settings_file.write_text(
        SETTINGS.format(directory=arguments.directory, port=arguments.port, comp_id=arguments.comp_id)
    )
    settings = fix.SessionSettings(str(settings_file))
    client = Client(arguments.directory / "client.jsonl", flow)
    store = fix.FileStoreFactory(settings)
    initiator = fix.SocketInitiator(client, store, settings)
    initiator.start()
    _run(client, flow, random, arguments.rate)
    session = fix.Session.lookupSession(client.session_id)
    session.logout()
    deadline = time.monotonic() + LOGOUT_TIMEOUT_S
    while client.logged_on and time.monotonic() < deadline:
        time.sleep(0.05)
    client.note("numbers", f"{session.getExpectedSenderNum()} {session.getExpectedTargetNum()}")
    initiator.stop(True)


def _run(client: Client, flow: Flow, random: Random, rate: float) -> None:
    quiet, last_on = False, time.monotonic()
    while True:
        if client.logged_on:
            last_on = time.monotonic()
        elif time.monotonic() - last_on > STUCK_S:
            os._exit(STUCK)
        # Commands arrive rarely, so waiting for one paces the flow.
        ready, _, _ = select.select([sys.stdin], [], [], random.expovariate(rate))
        if ready:
            command = sys.stdin.readline().strip()
            if command in ("", "quit"):
                return
            quiet = command == "quiet"
        # Off line an order system sends little, and what it sends waits in its store.
        elif not quiet and (client.logged_on or random.random() < 0.05):
            with contextlib.suppress(StopIteration):
                client.send(flow.next())


if __name__ == "__main__":
    main()
