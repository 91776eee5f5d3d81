"""What is done to QuickFIX's sessions from outside: closed, given other numbers, opened again.

QuickFIX's own reset() is not used: it sends a Logout and hangs up on the calling thread, which races with QuickFIX's
own. Instead the session is disabled until it is logged out; then its files are made anew, as at a start, and QuickFIX
is told to read them again, which takes no more than the lock around its numbers.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import quickfix

from gateway.engine.inbox import SessionClosed
from gateway.fix.acceptor import LOGOUT_S
from gateway.fix.hydrate import quickfix_time

_POLL_S = 0.01
_BARRIER_S = 10.0
# A Heartbeat of a session that cannot be configured: QuickFIX reads it, knows no such session, and hangs up.
_NOBODY = b"8=FIX.4.4\x019=41\x0135=0\x0149=?\x0156=?\x0134=1\x0152=20000101-00:00:00\x01"


class SessionControl:
    """The engine's FixSessions. Has a thread of its own, which waits for sessions to go."""

    def __init__(
        self, session_ids: Mapping[str, Any], store: Path, engine_socket: Path, put: Callable[[Any], None]
    ) -> None:
        """session_ids: quickfix.SessionID by key. store: QuickFIX's files. put: into the engine's inbox."""
        self._session_ids = session_ids
        self._store = store
        self._socket = engine_socket
        self._put = put
        self._wanted: SimpleQueue[tuple[str, str] | None] = SimpleQueue()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="session-control", daemon=True)

    def start(self) -> None:
        """Begin to work; to be called when the acceptor listens."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, before the acceptor is stopped. Sessions that are being closed are not answered for."""
        self._stopping = True
        self._wanted.put(None)
        if self._thread.is_alive():
            self._thread.join()

    # --- the engine's FixSessions

    def close(self, session: str, text: str) -> None:
        """Log the session out, with this text, and keep it closed. SessionClosed comes to the inbox."""
        self._wanted.put((session, text))

    def begin_epoch(self, session: str, *, created_at: int, next_in: int, next_out: int) -> None:
        """Forget all that the session has sent, and go on from these numbers. Raises quickfix.IOException."""
        created = quickfix_time(created_at)
        store = quickfix.FileStore(created, str(self._store), self._session_ids[session])
        store.reset(created)
        store.setNextSenderMsgSeqNum(next_out)
        store.setNextTargetMsgSeqNum(next_in)
        del store  # closes its files
        self._session(session).refresh()

    def set_numbers(self, session: str, *, next_in: int, next_out: int) -> None:
        """Go on from these numbers. What was skipped is gap-filled when the client asks for it."""
        found = self._session(session)
        found.setNextSenderMsgSeqNum(next_out)
        found.setNextTargetMsgSeqNum(next_in)

    def expected(self, session: str) -> int:
        """The next MsgSeqNum(34) that QuickFIX waits for. Any thread may ask."""
        return int(self._session(session).getExpectedTargetNum())

    def open(self, session: str) -> None:
        """Let the client log on again."""
        self._session(session).logon()

    # --- on the thread

    def _run(self) -> None:
        while not self._stopping:
            wanted = [self._wanted.get()]
            while not self._wanted.empty():
                wanted.append(self._wanted.get())
            self._close([item for item in wanted if item is not None])

    def _close(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Log them out together, and say so when QuickFIX has nothing more to say of them."""
        keys = [key for key, _ in wanted]
        for key, text in wanted:
            self._session(key).logout(text)
        problem = self._pass_through()  # a Logon that had got past the gate is answered by now
        deadline = time.monotonic() + LOGOUT_S
        while any(self._session(key).isLoggedOn() for key in keys) and time.monotonic() < deadline:
            if self._stopping:
                return
            time.sleep(_POLL_S)
        problem = problem or self._pass_through()  # onLogout has been called
        for key in keys:
            session = self._session(key)
            on = f"QuickFIX did not log {key} out within {LOGOUT_S:g} s" if session.isLoggedOn() else problem
            self._put(SessionClosed(key, session.getExpectedTargetNum(), session.getExpectedSenderNum(), on))

    def _pass_through(self) -> str:
        """Wait for QuickFIX's thread to have done all that it had begun, such as answering a Logon. Returns a problem.

        It does one thing after the other. So when it has hung up on a visitor of ours, all that it did before is
        over, and what it had to tell of it is in the inbox.
        """
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
                visitor.settimeout(_BARRIER_S)
                visitor.connect(str(self._socket))
                visitor.sendall(_NOBODY + b"10=%03d\x01" % (sum(_NOBODY) % 256))
                with contextlib.suppress(ConnectionResetError):
                    visitor.recv(1)
        except OSError as error:
            return f"QuickFIX does not answer: {error}"
        return ""

    def _session(self, key: str) -> Any:
        return quickfix.Session.lookupSession(self._session_ids[key])
