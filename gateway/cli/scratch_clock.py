"""The time that a scratch gateway lives in: the record's. It goes on by itself, and is set by whoever goes through it.

A file of eight bytes says how far it is from the host's monotonic clock, which all processes share, so that an engine
reads it without asking anybody.
"""

import mmap
import struct
import time
from pathlib import Path

_OFFSET = struct.Struct("<q")


class ScratchClock:
    """One end of it; the other is in another process."""

    def __init__(self, file: Path, *, begin: int | None = None) -> None:
        """begin: make the file, with this time (nanoseconds UTC). Without it the file is there."""
        if begin is not None:
            file.write_bytes(_OFFSET.pack(begin - time.monotonic_ns()))
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), _OFFSET.size)
        self._words = memoryview(self._map).cast("q")  # one word, so that nobody reads half of another's

    def now(self) -> int:
        """Nanoseconds UTC."""
        return time.monotonic_ns() + self._words[0]

    def set(self, now: int) -> None:
        """It is this time now. It may have been later."""
        self._words[0] = now - time.monotonic_ns()
