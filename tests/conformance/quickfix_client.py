"""A client made with QuickFIX's own initiator, in a process of its own that a test steers by lines of JSON.

In: ["send", [[tag, value], ...]], ["skip", numbers], ["numbers"], ["stop"]. Out: ["logon"], ["logout"], ["in", text],
["out", text], ["numbers", next_in, next_out].
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import quickfix

from gateway.fix.acceptor import dictionary_path
from gateway.wire.raw import split_leniently
from gateway.wire.versions import FIX_50_SP2, transport
from tests.fixtures.processes import ROOT

WAIT_S = 60.0
Message = dict[int, str]


class QuickFixClient:
    """The test's side."""

    def __init__(
        self,
        directory: Path,
        port: int,
        comp_id: str,
        version: str,
        *,
        kind: str = "SocketInitiator",
        settings: str = "",
        missed: int = 0,
    ) -> None:
        """kind: which of QuickFIX's initiators. settings: more lines of the session's.

        missed: how many of the last messages it shall think that it has not received.
        """
        self._directory, self._port, self._session = directory, port, (version, comp_id)
        self._kind, self._settings, self._missed = kind, settings, missed
        self._process: asyncio.subprocess.Process
        self.seen: list[list[Any]] = []
        """Every event, in order."""

    async def start(self) -> "QuickFixClient":
        """Log on. The session's files stay in the directory for the next start."""
        version, comp_id = self._session
        dictionaries = f"DataDictionary={dictionary_path(version)}"
        if version == FIX_50_SP2:
            dictionaries = (
                f"DefaultApplVerID={version}\nTransportDataDictionary={dictionary_path(transport(version))}\n"
            )
            dictionaries += f"AppDataDictionary={dictionary_path(version)}"
        config = self._directory / f"{comp_id}.cfg"
        config.write_text(
            f"[DEFAULT]\nConnectionType=initiator\nNonStopSession=Y\nHeartBtInt=30\nReconnectInterval=1\n"
            f"FileStorePath={self._directory}/{comp_id}\nSocketConnectHost=127.0.0.1\nSocketConnectPort={self._port}\n"
            f"[SESSION]\nBeginString={transport(version)}\nSenderCompID={comp_id}\nTargetCompID=FIXGW\n"
            f"{dictionaries}\n{self._settings}\n"
        )
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.conformance.quickfix_client", str(config), self._kind),
            *(transport(version), comp_id, str(self._missed)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            limit=1 << 22,
        )
        return self

    def say(self, *command: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    def send(self, *fields: tuple[int, str]) -> None:
        """An application message, MsgType(35) first."""
        self.say("send", fields)

    async def until(self, event: str, matches: Callable[[Message], bool] = lambda _: True) -> Message:
        """The next event of this kind that matches; others before it are passed over."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(WAIT_S):
                while line := await self._process.stdout.readline():
                    self.seen.append(json.loads(line))
                    kind, *rest = self.seen[-1]
                    fields = _fields(rest[0]) if kind in ("in", "out") else {}
                    if kind == event and matches(fields):
                        return fields
        except TimeoutError:
            pass
        raise AssertionError(f"no {event} came; seen:\n" + "\n".join(str(seen) for seen in self.seen))

    async def report(self, cl_ord_id: str, exec_type: str) -> Message:
        """The next ExecutionReport(8) of an order with this ExecType(150)."""
        return await self.until("in", lambda m: (m[35], m.get(11), m.get(150)) == ("8", cl_ord_id, exec_type))

    def sent(self, msg_type: str) -> list[Message]:
        """What it has sent of a type, as far as was waited for."""
        found = [_fields(rest[0]) for kind, *rest in self.seen if kind == "out"]
        return [message for message in found if message[35] == msg_type]

    def received(self) -> list[Message]:
        """What it has received, as far as was waited for."""
        return [_fields(rest[0]) for kind, *rest in self.seen if kind == "in"]

    async def stop(self) -> None:
        """Log out and end; what came until then is seen, too."""
        self.say("stop")
        out, _ = await asyncio.wait_for(self._process.communicate(), WAIT_S)
        self.seen += [json.loads(line) for line in out.splitlines()]

    def number_of(self, cl_ord_id: str) -> int:
        """MsgSeqNum(34) of the first report of an order."""
        return next(int(m[34]) for m in self.received() if (m[35], m.get(11)) == ("8", cl_ord_id))

    def next_in(self) -> int:
        """The number it expects next, once it has ended."""
        return max(int(message[34]) for message in self.received()) + 1


def _fields(text: str) -> Message:
    return dict(reversed(split_leniently(text)))


# --- in the process of its own


class _Client(quickfix.Application):  # type: ignore[misc]  # quickfix has no type information
    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def tell(self, *event: object) -> None:
        with self._lock:
            sys.stdout.write(json.dumps(event) + "\n")
            sys.stdout.flush()

    def onCreate(self, session: Any) -> None: ...

    def onLogon(self, session: Any) -> None:
        self.tell("logon")

    def onLogout(self, session: Any) -> None:
        self.tell("logout")

    def toAdmin(self, message: Any, session: Any) -> None:
        self.tell("out", message.toString())

    def toApp(self, message: Any, session: Any) -> None:
        self.tell("out", message.toString())

    def fromAdmin(self, message: Any, session: Any) -> None:
        self.tell("in", message.toString())

    def fromApp(self, message: Any, session: Any) -> None:
        self.tell("in", message.toString())


def _main(config: str, kind: str, begin_string: str, comp_id: str, missed: str) -> None:
    settings, application = quickfix.SessionSettings(config), _Client()
    store = quickfix.FileStoreFactory(settings)
    initiator = getattr(quickfix, kind)(application, store, settings)
    session_id = quickfix.SessionID(begin_string, comp_id, "FIXGW")
    session = quickfix.Session.lookupSession(session_id)
    session.setNextTargetMsgSeqNum(session.getExpectedTargetNum() - int(missed))
    initiator.start()
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        if command == "send":
            body = "".join(f"{tag}={value}\x01" for tag, value in arguments[0])
            quickfix.Session.sendToTarget(quickfix.Message(body, False), session_id)
        elif command == "skip":
            session.setNextSenderMsgSeqNum(session.getExpectedSenderNum() + arguments[0])
        elif command == "numbers":
            application.tell("numbers", session.getExpectedTargetNum(), session.getExpectedSenderNum())
        else:
            break
    initiator.stop()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    _main(*sys.argv[1:])
