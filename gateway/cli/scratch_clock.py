"""The time that a scratch gateway lives in: the record's. It goes on by itself, and is set by whoever goes through it.

A file of two words says how far it is from the host's monotonic clock, which all processes share, so that an engine
reads it without asking anybody, or at which time it stands.
"""

import mmap
import struct
import time
from pathlib import Path

_FILE = struct.Struct("=qq")


class ScratchClock:
    """One end of it; the other is in another process."""

    def __init__(self, file: Path, *, begin: int | None = None) -> None:
        """begin: make the file, with this time (nanoseconds UTC). Without it the file is there."""
        if begin is not None:
            file.write_bytes(_FILE.pack(begin - time.monotonic_ns(), 0))
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), _FILE.size)
        self._words = memoryview(self._map).cast("q")  # whole words, so that nobody reads half of another's

    def now(self) -> int:
        """Nanoseconds UTC."""
        return self._words[1] or time.monotonic_ns() + self._words[0]

    def set(self, now: int, *, stands: bool = False) -> None:
        """It is this time now. It may have been later. stands: until it is set again."""
        self._words[1] = now if stands else 0
        self._words[0] = now - time.monotonic_ns()
