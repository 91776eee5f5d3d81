"""How much of each session's messages is in memory, waiting to be decided and committed.

QuickFIX reads all sessions on one thread, which must not be held up for one of them. So what a client sends beyond the
bound is not refused here: the front is told to read that client no more until half of it is done.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Waiting(NamedTuple):
    """Of one session. held_back: the front is to read nothing more of it for now."""

    size: int
    held_back: bool


class Backlog:
    """Any thread may use it. Nothing in it waits for anything."""

    def __init__(self, most_bytes: int) -> None:
        """most_bytes: of one session; what is on its way when the bound is reached comes on top."""
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._bytes: Counter[str] = Counter()
        self._crowded: set[str] = set()
        self.on_change: Callable[[], None] = lambda: None
        """Called when a session comes to the bound, and when half of that is done. Must return at once."""

    @property
    def crowded(self) -> frozenset[str]:
        """The sessions that are to be held back."""
        with self._lock:
            return frozenset(self._crowded)

    def of(self, session: str) -> Waiting:
        """What the session has waiting."""
        with self._lock:
            return Waiting(self._bytes[session], session in self._crowded)

    def came(self, session: str, size: int) -> None:
        """So many bytes of the session's wait from now on."""
        with self._lock:
            self._bytes[session] += size
            changed = self._bytes[session] > self._most_bytes and session not in self._crowded
            if changed:
                self._crowded.add(session)
        if changed:
            self.on_change()

    def done(self, sizes: Mapping[str, int]) -> None:
        """So many bytes of these sessions' no longer wait."""
        changed = False
        with self._lock:
            self._bytes.subtract(sizes)
            for session in sizes:
                if session in self._crowded and self._bytes[session] <= self._most_bytes // 2:
                    self._crowded.discard(session)
                    changed = True
        if changed:
            self.on_change()
