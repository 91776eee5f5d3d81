"""The engine's way to the front: its control socket, asked from a thread of its own.

A front that hangs holds up this thread for a few seconds, and nobody else; it passes on no messages either.
"""

import http.client
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from loguru import logger

from gateway.control.client import exchange
from gateway.engine.backlog import Backlog
from gateway.engine.gaps import Gaps
from gateway.engine.inbox import OperationEnded
from gateway.engine.operations import Finish, Outcome

_ANSWER_S = 5.0
_HOLD_ANSWER_S = 1.0
_RENEW_S = 0.5
"""How often the front is told again who is to be held back: another front may have started, or have missed it."""

_QUIET_S = 10.0
"""A client that floods is held back again and again; not each time is worth a line."""


class _Disconnect(NamedTuple):
    session: str
    reason: str
    finish: Finish


class _Crowding:
    """Somebody is to be held back, or no longer, or owes messages."""


class FrontLink:
    """The engine's FrontPort."""

    def __init__(self, path: Path, put: Callable[[Any], None], backlog: Backlog, gaps: Gaps) -> None:
        """path: of the front's control socket. put: into the engine's inbox. backlog: says who is to be held back.
        gaps: says who owes messages, and hears who sends too much instead.
        """
        self._path = path
        self._put = put
        self._backlog, self._gaps = backlog, gaps
        self._told: frozenset[str] = frozenset()  # whom the front holds back, as far as we know
        self._quiet_until = 0.0
        self._wanted: SimpleQueue[_Disconnect | _Crowding | None] = SimpleQueue()
        backlog.on_change = gaps.on_change = lambda: self._wanted.put(_Crowding())
        self._thread = threading.Thread(target=self._run, name="front-link", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread. What is wanted still is not answered."""
        self._wanted.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def disconnect(self, session: str, reason: str, finish: Finish) -> None:
        """Have the session's connection cut. OperationEnded comes to the inbox. Returns at once."""
        self._wanted.put(_Disconnect(session, reason, finish))

    def gap_opened(self, session: str) -> None:
        """QuickFIX asks the session's client for messages. Returns at once."""
        self._gaps.opened(session)

    def _run(self) -> None:
        while True:
            try:
                wanted = self._wanted.get(timeout=_RENEW_S if self._told or self._gaps.open else None)
            except Empty:
                wanted = _Crowding()
            if wanted is None:
                return
            if isinstance(wanted, _Disconnect):
                self._put(OperationEnded(wanted.finish, self._disconnect(wanted)))
            else:
                self._hold_back()

    def _hold_back(self) -> None:
        """Say who is to be held back, and who owes messages. What the front does not hear it is told again, and forgets
        by itself.
        """
        crowded, gaps = self._backlog.crowded, self._gaps.open
        if not crowded and not self._told and not gaps:
            return
        self._log(crowded - self._told)
        self._told |= crowded
        try:
            body = {"sessions": sorted(crowded), "expected": self._gaps.expected(gaps)}
            answer = exchange(self._path, "POST", "/hold", body, _HOLD_ANSWER_S)
            self._gaps.answered(gaps, answer["gaps"])
        except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
            logger.warning("the front was not told whom to hold back: {}: {}", type(error).__name__, error)
        else:
            self._told = crowded

    def _log(self, sessions: frozenset[str]) -> None:
        if sessions and time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_S
            logger.warning("held back, too much of theirs waits for the engine sessions={}", ",".join(sorted(sessions)))

    def _disconnect(self, wanted: _Disconnect) -> Outcome:
        body = {"session": wanted.session, "reason": wanted.reason}
        try:
            answer = exchange(self._path, "POST", "/disconnect", body, _ANSWER_S)
            return Outcome(done=answer["done"] is True, text=str(answer["text"]))
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
            logger.error("the front was not reached: {}: {}", type(error).__name__, error)
            return Outcome(
                done=False,
                text=f"the front did not answer ({type(error).__name__}: {error}); whether it cut the connection of "
                f"{wanted.session}, fixgw sessions tells",
            )
