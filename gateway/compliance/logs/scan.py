"""FIX messages found in the logs of any engine, whatever stands between them.

A message begins with BeginString(8), whose delimiter (SOH, `|` or `^A`) is that of all its fields, and ends with
CheckSum(10). BodyLength(9) says where that is, so that a data field may hold anything. Where it does not lead there,
the first CheckSum on the same line ends the message, and the fault is noted. In which pieces a log comes makes no
difference.
"""

import re
from typing import NamedTuple

from gateway.wire.framing import checksum

MAX_MESSAGE = 1 << 20
"""Bytes; what has no end within them is no message."""

_BEFORE = 200  # bytes of a line's start that are kept: the time, the direction
_HEAD = re.compile(rb"(?<![0-9])8=(FIXT?\.\d\.\d)(\x01|\||\^A)(?:9=(\d{1,9})(?:\2))?")
_HEAD_BYTES = 32  # no head is longer
_TRAILER = re.compile(rb"10=(\d{3})(?![0-9])")
_CHECK_SUM_BYTES = 6  # without its delimiter, which a line's end may lack
_TRAILER_BYTES = _CHECK_SUM_BYTES + 3  # with the longest delimiter and a byte more
_STOP = re.compile(rb"[\r\n]")
_ENDS = {d: re.compile(re.escape(d) + rb"(?=10=\d{3}(?![0-9]))") for d in (b"\x01", b"|", b"^A")}

CHECKSUM, BODY_LENGTH, INCOMPLETE = "checksum", "body_length", "incomplete"


class Fault(NamedTuple):
    """What is wrong with a message. kind: CHECKSUM, BODY_LENGTH or INCOMPLETE (it has no end)."""

    kind: str
    text: str


class Found(NamedTuple):
    """One message. offset: of its first byte in the log. before: what its line has in front of it.

    raw: with SOH as its delimiter; of one without an end, what there is.
    """

    offset: int
    before: bytes
    raw: bytes
    faults: tuple[Fault, ...] = ()

    @property
    def is_complete(self) -> bool:
        """It has a CheckSum(10)."""
        return not any(fault.kind == INCOMPLETE for fault in self.faults)


class Scanner:
    """Takes a log in pieces of any size and never raises. Keeps a message's length at most."""

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self._max_message = max_message
        self._buffer = b""
        self._start = 0  # of the buffer, in the log
        self._used = 0  # bytes of the buffer that belong to the last message
        self._needed = 0  # bytes in the buffer before looking again can find more

    def feed(self, data: bytes) -> list[Found]:
        """The messages that are settled by now."""
        self._buffer += data
        return self._cut(is_all=False) if len(self._buffer) >= self._needed else []

    def finish(self) -> list[Found]:
        """What is left, at the log's end."""
        return self._cut(is_all=True)

    def _cut(self, *, is_all: bool) -> list[Found]:
        buffer, found = self._buffer, list[Found]()
        position = free = self._used  # where to look next; where the last message ended
        self._needed = 0
        while (head := _HEAD.search(buffer, position)) and (is_all or len(buffer) - head.start() >= _HEAD_BYTES):
            taken = self._take(head, is_all=is_all)
            if taken is None:
                self._keep(head.start(), free)
                return found
            raw, faults, position = taken
            begin = head.start()
            line = max(free, begin - _BEFORE, *(buffer.rfind(end, free, begin) + 1 for end in (b"\n", b"\r")))
            found.append(Found(self._start + begin, buffer[line:begin], raw, faults))
            free = position
        self._keep(max(position, len(buffer) - _HEAD_BYTES) if head is None else head.start(), free)
        return found

    def _keep(self, position: int, free: int) -> None:
        """Forget all but what may still begin a message, and what its line has in front of it."""
        first = max(free - 1, position - _BEFORE, 0)  # one byte more: _HEAD looks back
        self._used = max(free - first, 0)
        self._buffer = self._buffer[first:]
        self._start += first
        self._needed -= first

    def _take(self, head: re.Match[bytes], *, is_all: bool) -> tuple[bytes, tuple[Fault, ...], int] | None:
        """The message with this head, its faults, and where it ends; None while that is not settled."""
        buffer, delimiter = self._buffer, head[2]
        limit = head.start() + self._max_message
        if head[3] is not None and len(delimiter) == 1 and (end := head.end() + int(head[3])) <= limit:
            if len(buffer) < end + _TRAILER_BYTES and not is_all:
                self._needed = end + _TRAILER_BYTES
                return None
            if buffer[end - 1 : end] == delimiter and _TRAILER.match(buffer, end):
                raw, faults = _whole(head, end, buffer)
                # A wrong length could lead to the end of another message.
                if not faults or not _HEAD.search(buffer, head.end(), end):
                    return raw, faults, _after(buffer, end, delimiter)
        return self._take_line(head, limit, is_all=is_all)

    def _take_line(
        self, head: re.Match[bytes], limit: int, *, is_all: bool
    ) -> tuple[bytes, tuple[Fault, ...], int] | None:
        """As _take, where BodyLength(9) does not lead to the end: it is on the line, before another message begins."""
        buffer, delimiter = self._buffer, head[2]
        settled = is_all or len(buffer) >= limit + _HEAD_BYTES
        stop = min(limit, len(buffer))
        for border in (_HEAD, _STOP):
            if match := border.search(buffer, head.end(), stop):
                stop = match.start()
        if stop == len(buffer) and not settled:
            self._needed = min(max(2 * len(buffer), head.start() + 256), limit + _HEAD_BYTES)
            return None
        first = None
        for match in _ENDS[delimiter].finditer(buffer, head.end() - len(delimiter), stop + 1):
            end = match.end()
            if end + _CHECK_SUM_BYTES > stop:
                break
            raw, faults = _whole(head, end, buffer)
            if not any(fault.kind == BODY_LENGTH for fault in faults):
                return raw, faults, _after(buffer, end, delimiter)
            first = first or (raw, faults, _after(buffer, end, delimiter))
        if first:
            return first
        text = buffer[head.start() : stop].replace(delimiter, b"\x01")
        return text, (Fault(INCOMPLETE, "no CheckSum(10) before the line ends or another message begins"),), stop


def _whole(head: re.Match[bytes], end: int, buffer: bytes) -> tuple[bytes, tuple[Fault, ...]]:
    """The message whose body ends there, and what is wrong with its figures."""
    text = buffer[head.start() : end].replace(head[2], b"\x01")
    stated = buffer[end + 3 : end + 6]
    faults = []
    start = len(head[1]) + 3
    if head[3] is None:
        faults.append(Fault(BODY_LENGTH, "BodyLength(9) is not the second field"))
    else:
        start += len(head[3]) + 3
        if int(head[3]) != len(text) - start:
            faults.append(Fault(BODY_LENGTH, f"BodyLength(9) is {int(head[3])}, counted {len(text) - start}"))
    if (computed := checksum(text)) != stated.decode():
        faults.append(Fault(CHECKSUM, f"CheckSum(10) is {stated.decode()}, computed {computed}"))
    return b"%b10=%b\x01" % (text, stated), tuple(faults)


def _after(buffer: bytes, end: int, delimiter: bytes) -> int:
    end += _CHECK_SUM_BYTES
    return end + len(delimiter) if buffer.startswith(delimiter, end) else end
