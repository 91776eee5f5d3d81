"""Log files as one stream of messages in order of time, with the session and the direction of each."""

import hashlib
import heapq
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gateway.compliance.logs.log_line import Direction, fix_time, line_direction, line_time
from gateway.compliance.logs.scan import Fault, Found, Scanner
from gateway.wire.raw import RawFormatError, first_values, split_leniently, to_text
from gateway.wire.tags import BEGIN_STRING, SENDER_COMP_ID, SENDING_TIME, TARGET_COMP_ID

_PIECE = 1 << 18
FORMAT = "format"
_MOST_PARTNERS = 10_000  # garbage could name any number of CompIDs


@dataclass(slots=True)
class LogFile:
    """A log, and what was read of it so far."""

    path: Path
    size: int
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    lines: int = 0
    messages: int = 0


class LogMessage(NamedTuple):
    """One message of a log. at: nanoseconds UTC, of the line, else of SendingTime(52), else of the message before it.

    has_line_time: the log says when it passed. values: tag -> first value.
    """

    at: int
    has_line_time: bool
    file: LogFile
    found: Found
    values: dict[int, str]
    faults: tuple[Fault, ...]


def read_logs(files: Sequence[LogFile], progress: Callable[[int], None]) -> Iterator[LogMessage]:
    """All messages. Each file's stay in its own order; several files are merged by time.

    progress: told the bytes read, as they are. Raises OSError.
    """
    return heapq.merge(*(_read(file, progress) for file in files), key=lambda message: message.at)


def _read(file: LogFile, progress: Callable[[int], None]) -> Iterator[LogMessage]:
    scanner, at, last = Scanner(), 0, b"\n"
    with file.path.open("rb") as log:
        while piece := log.read(_PIECE):
            file.sha256.update(piece)
            file.lines += piece.count(b"\n")
            last = piece[-1:]
            for found in scanner.feed(piece):
                message = _message(file, found, at)
                at = message.at
                yield message
            progress(len(piece))
    file.lines += last != b"\n"
    for found in scanner.finish():
        message = _message(file, found, at)
        at = message.at
        yield message


def _message(file: LogFile, found: Found, before: int) -> LogMessage:
    text, faults = to_text(found.raw), found.faults
    try:
        values = first_values(text)
    except RawFormatError as error:
        values = dict(reversed(split_leniently(text)))
        if found.is_complete:
            faults += (Fault(FORMAT, str(error)),)
    at = line_time(found.before)
    has_line_time = at is not None
    if at is None:
        at = fix_time(values.get(SENDING_TIME, ""))
    file.messages += 1
    return LogMessage(before if at is None else at, has_line_time, file, found, values, faults)


class Partners:
    """Which side of each session kept the log: the one whose `out` is out.

    In this order: a CompID that was named as ours, what the line says, the file's name as QuickFIX makes it
    (FIX.4.4-US-THEM.messages.log), and at last the guess that the side which speaks first, the initiator, is the other.
    """

    def __init__(self, ours: Collection[str] = ()) -> None:
        self._ours = frozenset(ours)
        self._known: dict[tuple[str, str, str, str], Direction] = {}
        self.guessed: set[str] = set()
        """Sessions of which nothing said it."""

    def tell(self, message: LogMessage) -> tuple[str, Direction]:
        """(SessionID as QuickFIX writes it, ours first; direction)."""
        values = message.values
        begin, sender, target = (values.get(tag, "") for tag in (BEGIN_STRING, SENDER_COMP_ID, TARGET_COMP_ID))
        direction = self._named(sender, target) or line_direction(message.found.before)
        if direction is None:
            direction = self._of_file(message.file.path.name, begin, sender, target)
        us, them = (sender, target) if direction == "out" else (target, sender)
        return f"{begin}:{us}->{them}", direction

    def _named(self, sender: str, target: str) -> Direction | None:
        if not self._ours or (sender in self._ours) == (target in self._ours):
            return None
        return "out" if sender in self._ours else "in"

    def _of_file(self, name: str, begin: str, sender: str, target: str) -> Direction:
        key = (name, begin, sender, target)
        if (known := self._known.get(key)) is not None:
            return known
        if f"{begin}-{sender}-{target}" in name and sender:
            direction: Direction = "out"
        elif f"{begin}-{target}-{sender}" in name and sender:
            direction = "in"
        else:
            direction = self._guess(begin, sender, target)
        if len(self._known) < _MOST_PARTNERS:
            self._known[key] = direction
        return direction

    def _guess(self, begin: str, sender: str, target: str) -> Direction:
        if f"{begin}:{sender}->{target}" in self.guessed:
            return "out"
        if len(self.guessed) < _MOST_PARTNERS:
            self.guessed.add(f"{begin}:{target}->{sender}")
        return "in"
