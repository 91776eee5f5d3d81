"""MsgSeqNum(34) of one session followed through a log: what is missing, what came twice, where numbers began again.

FIX numbers each direction on its own from 1; both begin again at 1 with a Logon that resets them. A number above the
expected one opens a gap, which a resend (PossDupFlag(43)=Y) or a gap fill (SequenceReset) closes later.
Source: FIX Session Layer, "message recovery".
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gateway.compliance.logs.log_line import Direction
from gateway.wire.tags import (
    GAP_FILL_FLAG,
    MSG_SEQ_NUM,
    MSG_TYPE,
    NEW_SEQ_NO,
    POSS_DUP_FLAG,
    RESET_SEQ_NUM_FLAG,
    SENDING_TIME,
)

Place = Literal["new", "late", "resent", "duplicate", "reset", "unnumbered"]
_SEQUENCE_RESET = "4"
_MOST_DIGITS = 18  # fits 64 bits
_MOST_RANGES = 10_000  # of missing numbers that are kept


class Gap(NamedTuple):
    """Numbers that never came, both ends included."""

    epoch: int
    direction: Direction
    first: int
    last: int


class Placed(NamedTuple):
    """Where a message stands. first_use: nothing had its number in this epoch before."""

    epoch: int
    number: int
    place: Place
    first_use: bool


@dataclass(slots=True)
class _Stream:
    """One direction within an epoch. expected: None before its first message."""

    expected: int | None = None
    missing: list[tuple[int, int]] = field(default_factory=list)
    sent_at: str = ""  # SendingTime(52) of the last new message: it sorts as text


class Sequence:
    """Both directions of one session."""

    def __init__(self) -> None:
        self.epoch = 1
        self.gaps: list[Gap] = []
        """What stayed missing in epochs that are over; the first of them, if there are very many."""

        self.missing = 0
        """How many numbers that is."""

        self.opened: Counter[Direction] = Counter()
        self.places: Counter[Place] = Counter()
        self._streams: dict[Direction, _Stream] = {"in": _Stream(), "out": _Stream()}

    def place(self, direction: Direction, values: dict[int, str]) -> Placed:
        """Take the next message, as tag -> value."""
        number = whole_number(values.get(MSG_SEQ_NUM, ""))
        if not number:
            self.places["unnumbered"] += 1
            return Placed(self.epoch, 0, "unnumbered", first_use=False)
        stream = self._streams[direction]
        poss_dup = values.get(POSS_DUP_FLAG) == "Y"
        if number == 1 and not poss_dup and self._begins_again(stream, values):
            self._close_epoch()
            self.epoch += 1
            self._streams = {"in": _Stream(), "out": _Stream()}
            stream = self._streams[direction]
        is_reset = values.get(MSG_TYPE) == _SEQUENCE_RESET
        placed = self._take(stream, direction, number, poss_dup=poss_dup, in_order=not is_reset or _fills(values))
        if is_reset:
            _cover(stream, number, whole_number(values.get(NEW_SEQ_NO, "")))
        if placed == "new":
            stream.sent_at = values.get(SENDING_TIME, "")
        self.places[placed] += 1
        return Placed(self.epoch, number, placed, first_use=placed in ("new", "late"))

    def finish(self) -> list[Gap]:
        """All that stayed missing, once the log has ended."""
        self._close_epoch()
        self._streams = {"in": _Stream(), "out": _Stream()}
        return self.gaps

    @staticmethod
    def _begins_again(stream: _Stream, values: dict[int, str]) -> bool:
        """Whether a number 1 starts a new epoch, rather than being a copy of the last one's first message."""
        if stream.expected is None:
            return False
        is_asked = values.get(RESET_SEQ_NUM_FLAG) == "Y" and stream.expected > 2
        return is_asked or values.get(SENDING_TIME, "") > stream.sent_at

    def _take(self, stream: _Stream, direction: Direction, number: int, *, poss_dup: bool, in_order: bool) -> Place:
        expected = stream.expected
        if expected is None or number == expected:
            stream.expected = number + 1
            return "new"
        if not in_order:
            return "reset"  # SequenceReset-Reset: its own number says nothing
        if number > expected:
            stream.missing.append((expected, number - 1))
            del stream.missing[:-_MOST_RANGES]
            self.opened[direction] += 1
            stream.expected = number + 1
            return "new"
        if _remove(stream.missing, number, number):
            return "late"
        return "resent" if poss_dup else "duplicate"

    def _close_epoch(self) -> None:
        for direction, stream in self._streams.items():
            self.gaps += [Gap(self.epoch, direction, first, last) for first, last in stream.missing]
            self.missing += sum(last - first + 1 for first, last in stream.missing)
        del self.gaps[_MOST_RANGES:]


def whole_number(text: str) -> int:
    """A positive number that fits SQL; 0 for what is none."""
    return int(text) if len(text) <= _MOST_DIGITS and text.isascii() and text.isdigit() else 0


def _fills(values: dict[int, str]) -> bool:
    return values.get(GAP_FILL_FLAG) == "Y"


def _cover(stream: _Stream, number: int, new_number: int) -> None:
    """A SequenceReset stands for all numbers from its own to the one before NewSeqNo(36)."""
    if new_number > number:
        _remove(stream.missing, number, new_number - 1)
    if stream.expected is not None and new_number > stream.expected:
        stream.expected = new_number


def _remove(ranges: list[tuple[int, int]], first: int, last: int) -> bool:
    """Take these numbers out of sorted ranges. Returns whether any was in them."""
    left: list[tuple[int, int]] = []
    touched = False
    for low, high in ranges:
        if high < first or low > last:
            left.append((low, high))
            continue
        touched = True
        if low < first:
            left.append((low, first - 1))
        if high > last:
            left.append((last + 1, high))
    if touched:
        ranges[:] = left
    return touched
