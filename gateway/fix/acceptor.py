"""QuickFIX's acceptor on a Unix socket: settings, start, stop."""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import quickfix

from gateway.errors import ConfigError, GatewayError
from gateway.fix.application import GatewayApplication
from gateway.fix.listener import free_loopback_port, replace_listener, silence_listener
from gateway.wire.versions import transport

_PORT_ATTEMPTS = 5
LOGOUT_S = 10.0
"""How long clients may take to answer the Logout. QuickFIX itself hangs up after two seconds and its next tick."""
GOODBYE_S = 3.0
"""QuickFIX looks once a second for what it has to say, and the client has to answer."""
_SETTLE_S = 0.05


class SessionSettings(NamedTuple):
    """What QuickFIX needs to know of a session."""

    version: str
    sender_comp_id: str
    target_comp_id: str
    timestamp_precision: int = 3

    @property
    def session_id(self) -> Any:
        """As quickfix.SessionID."""
        return quickfix.SessionID(transport(self.version), self.sender_comp_id, self.target_comp_id)


def dictionary_path(version: str) -> Path:
    """The data dictionary of a FIX version, or of FIXT.1.1."""
    name = version.replace(".", "") + ".xml"
    packaged = Path(str(files("gateway"))).parent / "fix_specs" / name
    if not packaged.is_file():
        raise GatewayError(f"the data dictionary {packaged} is missing; scripts/generate_fix_specs.py makes it")
    return packaged


class Acceptor:
    """Runs QuickFIX's SocketAcceptor, reachable on a Unix socket alone."""

    def __init__(self, application: GatewayApplication, sessions: Sequence[SessionSettings], store: Path) -> None:
        self._application = application
        self._sessions = sessions
        self._store = store
        self._acceptor: Any = None
        self._stopped = False
        self._listener: int | None = None
        self._socket_path: Path | None = None
        self._keep: tuple[Any, ...] = ()  # the acceptor uses these without owning them
        self.last_numbers: dict[str, tuple[int, int]] = {}

    def start(self, socket_path: Path, numbers: Mapping[str, tuple[int, int]]) -> None:
        """Listen. numbers: (next_in, next_out) by session, as its files have them.

        Raises GatewayError; nothing is left listening then.
        """
        handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
        for attempt in range(_PORT_ATTEMPTS):
            port = free_loopback_port()
            try:
                settings = quickfix.SessionSettings(self._settings_file(port))
                factory = quickfix.FileStoreFactory(settings)
                acceptor = quickfix.SocketAcceptor(self._application, factory, settings)
                self._check(numbers)
                acceptor.start()
            except quickfix.ConfigError as error:
                raise ConfigError(f"QuickFIX cannot use the sessions: {error}") from error
            except quickfix.RuntimeError as error:  # another process took the port meanwhile
                if attempt + 1 == _PORT_ATTEMPTS:
                    raise GatewayError(f"QuickFIX does not start: {error}") from error
                continue
            self._acceptor, self._keep = acceptor, (settings, factory)
            break
        try:
            self._listener = replace_listener(port, socket_path)
            self._socket_path = socket_path
        except Exception:  # whatever it was: a TCP port that is open to everybody must not stay behind
            self.stop()
            self.close()
            raise
        for number, handler in handlers.items():  # QuickFIX resets them
            signal.signal(number, handler)

    def stop(self) -> None:
        """Log every session out and end QuickFIX's thread. `last_numbers` then has what it ended with.

        QuickFIX's stop() closes and walks its listening sockets while its own thread, if that wakes, deletes them
        (seen as a segmentation fault in two stops of five). So that thread must have nothing to wake for: first the
        sessions are logged out, then the listener is silenced, and only then it is stopped.

        The sessions stay until close(): the engine may be sending reports to one, and finds no connection.
        """
        if self._acceptor is None or self._stopped:
            return
        self._stopped = True
        self._unlist()
        self._log_out()
        other_end = None
        if self._listener is not None:
            other_end = silence_listener(self._listener)
            time.sleep(_SETTLE_S)
        self._acceptor.stop(True)  # force: it need not wait for the clients once more
        if other_end is not None:
            os.close(other_end)
        self.last_numbers = self._numbers()

    def close(self) -> None:
        """Let QuickFIX's sessions go, when nothing sends to them any more."""
        self._acceptor = None

    def say_goodbye(self, text: str) -> None:
        """Before the process ends at once: log every session out, with a Text(58), and wait a little for that."""
        if self._listener is not None:
            self._unlist()
            self._log_out(text, GOODBYE_S)

    def _check(self, numbers: Mapping[str, tuple[int, int]]) -> None:
        """Raises GatewayError when QuickFIX has begun a session at 1 again, whose numbers were all used before."""
        found = self._numbers()
        if any(found[key] != wanted for key, wanted in numbers.items()):
            raise GatewayError(f"QuickFIX did not take the sessions' numbers {dict(numbers)}, it has {found}")

    def _unlist(self) -> None:
        """Let nobody find us any more: QuickFIX hangs up on who logs on to a session that it is logging out, without a
        word, while the front lets a Logon wait for the next engine.
        """
        if self._socket_path is not None:
            self._socket_path.unlink(missing_ok=True)

    def _log_out(self, text: str = "", seconds: float = LOGOUT_S) -> None:
        sessions = [quickfix.Session.lookupSession(settings.session_id) for settings in self._sessions]
        for session in sessions:
            session.logout(text)
        deadline = time.monotonic() + seconds
        while any(session.isLoggedOn() for session in sessions) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _numbers(self) -> dict[str, tuple[int, int]]:
        """(next_in, next_out) by session."""
        found = {}
        for settings in self._sessions:
            session = quickfix.Session.lookupSession(settings.session_id)
            if session is not None:
                key = settings.session_id.toString()
                found[key] = (session.getExpectedTargetNum(), session.getExpectedSenderNum())
        return found

    def _settings_file(self, port: int) -> str:
        lines = [
            "[DEFAULT]",
            "ConnectionType=acceptor",
            f"SocketAcceptPort={port}",
            "NonStopSession=Y",  # schedules are the gateway's own
            f"FileStorePath={self._store}",
            "ValidateUserDefinedFields=N",
            "AllowUnknownMsgFields=Y",
            "ValidateFieldsHaveValues=N",
            "ValidateFieldsOutOfOrder=N",
            "PersistMessages=Y",
        ]
        for session in self._sessions:
            lines += [
                "[SESSION]",
                f"BeginString={transport(session.version)}",
                f"SenderCompID={session.sender_comp_id}",
                f"TargetCompID={session.target_comp_id}",
                f"TimestampPrecision={session.timestamp_precision}",
                *_dictionaries(session.version),
            ]
        path = self._store / "acceptor.cfg"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)


def _dictionaries(version: str) -> list[str]:
    """From 5.0 on the session layer and the messages it carries have dictionaries of their own."""
    path = dictionary_path(version)
    if transport(version) == version:
        return [f"DataDictionary={path}"]
    return [
        f"DefaultApplVerID={version}",
        f"TransportDataDictionary={dictionary_path(transport(version))}",
        f"AppDataDictionary={path}",
    ]
