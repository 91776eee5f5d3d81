"""Sessions whose clients owe messages: QuickFIX has asked for them, and keeps what comes meanwhile in memory.

How much that is the front knows. It is told the numbers that QuickFIX waits for, until there is no gap any more.
"""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gateway.engine.inbox import OperationEnded
from gateway.engine.operations import Outcome


class Gaps:
    """Any thread may use it. Nothing in it waits for anything."""

    def __init__(
        self, expected: Callable[[str], int], put: Callable[[Any], None], throw_out: Callable[[str, str], None]
    ) -> None:
        """expected: the next MsgSeqNum(34) of a session. put: into the engine's inbox. throw_out: logs a session out,
        with a text; on the engine's thread.
        """
        self._expected = expected
        self._put = put
        self._throw_out = throw_out
        self._lock = threading.Lock()
        self._count = 0
        self._open: dict[str, int] = {}  # which one it is, so that an answer about an older one does not close it
        self.on_change: Callable[[], None] = lambda: None
        """Called when there is one more. Must return at once."""

    def opened(self, session: str) -> None:
        """QuickFIX asks the client for messages."""
        with self._lock:
            self._count += 1
            self._open[session] = self._count
        self.on_change()

    @property
    def open(self) -> dict[str, int]:
        """The sessions, each with which gap it is."""
        with self._lock:
            return dict(self._open)

    def expected(self, gaps: Mapping[str, int]) -> dict[str, int]:
        """What QuickFIX waits for in these."""
        return {session: self._expected(session) for session in gaps}

    def answered(self, gaps: Mapping[str, int], found: Mapping[str, int]) -> None:
        """What the front says to these: the sessions that have a gap still, and too many bytes beyond it, or 0."""
        with self._lock:
            for session, which in gaps.items():
                if session not in found and self._open.get(session) == which:
                    del self._open[session]
        for session, size in found.items():
            if size:
                expected = self._expected(session)
                text = f"BEYOND_GAP: {expected} is missing, {size} bytes wait; answer a ResendRequest before you go on"
                self._put(OperationEnded(partial(self._end, session, text), Outcome(done=True, text="")))

    def _end(self, session: str, text: str, _: Outcome) -> None:
        self._throw_out(session, text)
