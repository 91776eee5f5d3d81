"""Reading the wire log: its segments in order, every record in them, and whatever is wrong with them.

A segment is named wire-<number>-<UTC day>.log. Copies read the same as the directory that a front writes to.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.wire.records import (
    HEADER_BYTES,
    MARKER,
    NO_HASH,
    SMALLEST_RECORD,
    FormatError,
    Record,
    TornError,
    decode_header,
    decode_record,
    hashes,
)

_NAME = re.compile(r"wire-(\d{8,})-(\d{8})\.log")


def segment_name(number: int, day: str) -> str:
    """day: YYYYMMDD."""
    return f"wire-{number:08d}-{day}.log"


def segment_number(path: Path) -> int:
    """0 for what is no segment by its name."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else 0


def segment_files(directory: Path) -> list[Path]:
    """Those in the directory, in the order of their numbers. Raises OSError."""
    return sorted(filter(segment_number, directory.iterdir()), key=segment_number)


class Problem(NamedTuple):
    """What is wrong at one place. is_end: a last record that is incomplete, as after a kill; nothing else is."""

    segment: str
    offset: int
    text: str
    is_end: bool = False

    def __str__(self) -> str:
        return f"{self.segment} at byte {self.offset}: {self.text}"


class Found(NamedTuple):
    """A record in its place. started_at: of the front that wrote it, by which connections of equal number differ."""

    segment: str
    offset: int
    started_at: int
    record: Record


class LogReader:
    """Reads on from where it stopped, so that a log that is being written can be followed.

    Never raises for what is in the files: each problem is told once, and reading goes on after it.
    """

    def __init__(self, directory: Path, first: Path | None = None) -> None:
        """first: the segment to begin with; what was before it is not missed."""
        self._directory, self._first = directory, first
        self._path: Path | None = None
        self._offset, self._started_at = 0, 0
        self._knows_number = False
        self.last_number = 0
        """Of the last record read, or of the one before the segment; 0 for none."""
        self.last_hash: bytes | None = None
        """Likewise; None where it is not known, so that the next record's cannot be checked."""
        self.last_segment = 0
        """The number of the segment read last, 0 for none."""
        self.unfinished: Problem | None = None
        """At the end of what there is: an incomplete record, torn or being written."""

    def read(self) -> Iterator[Found | Problem]:
        """What is there now and was not read before. Raises OSError."""
        begin = self._path or self._first
        for path in segment_files(self._directory):
            if begin is not None and segment_number(path) < segment_number(begin):
                continue
            if path != self._path and self.unfinished is not None:
                yield self.unfinished  # nothing will complete it
                if self.last_segment and not self._offset:
                    self.last_segment += 1  # it was there, without a header
            if path != self._path:
                self._path, self._offset, self._started_at, self.unfinished = path, 0, 0, None
            with path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
            if data:
                yield from self._read(path.name, data)

    def _read(self, name: str, data: bytes) -> Iterator[Found | Problem]:
        self.unfinished = None
        start, base = 0, self._offset
        if base == 0:
            if len(data) < HEADER_BYTES:
                self.unfinished = Problem(name, 0, "its header is incomplete", is_end=True)
                return
            start = HEADER_BYTES
            yield from self._begin(name, data)
        while start < len(data):
            try:
                record, length = decode_record(data, start)
                self._check_length(data, start, length)
            except FormatError as error:
                after = _next_record(data, start + 1, self.last_number)
                if after is None and isinstance(error, TornError):
                    text = f"{error} after record {self.last_number}"
                    self.unfinished = Problem(name, base + start, text, is_end=True)
                    break
                after = len(data) if after is None else after
                skipped = f"{error}: {after - start} bytes after record {self.last_number} cannot be read"
                yield Problem(name, base + start, skipped)
                self.last_hash = None
                start = after
                continue
            if problem := self._check(record, data, start, length):
                yield Problem(name, base + start, problem)
            yield Found(name, base + start, self._started_at, record)
            start += length
        self._offset = base + start

    def _check_length(self, data: bytes, start: int, length: int) -> None:
        """Raises FormatError if what follows is no record, and the record is not right either."""
        if not _can_end(data, start + length):
            stands, expected = hashes(data, start, length, self.last_hash or NO_HASH)
            if stands != expected:
                raise FormatError("a damaged record")

    def _begin(self, name: str, data: bytes) -> Iterator[Problem]:
        try:
            header = decode_header(data)
        except FormatError as error:
            yield Problem(name, 0, str(error))
            self.last_hash = None
            return
        self._started_at = header.started_at
        if self.last_segment and header.number != self.last_segment + 1:
            yield Problem(name, 0, f"segment{_range(self.last_segment + 1, header.number - 1)} missing")
        elif self.last_segment and header.first_record != self.last_number + 1:
            yield Problem(name, 0, _misplaced(self.last_number, header.first_record))
        elif self.last_hash is not None and header.previous != self.last_hash:
            yield Problem(name, 0, f"it does not follow from record {self.last_number}: one of the two was changed")
        self.last_segment, self.last_number, self.last_hash = header.number, header.first_record - 1, header.hash
        self._knows_number = True

    def _check(self, record: Record, data: bytes, start: int, length: int) -> str:
        """What is wrong with the record, if anything; goes on from it in any case."""
        known, before, knows_number = self.last_hash, self.last_number, self._knows_number
        stands, expected = hashes(data, start, length, known or NO_HASH)
        self.last_number, self.last_hash, self._knows_number = record.number, stands, True
        if knows_number and record.number != before + 1:
            return _misplaced(before, record.number)
        if known is not None and stands != expected:
            return f"record {record.number} was changed, or what was before it"
        return ""


def _misplaced(before: int, number: int) -> str:
    if number > before:
        return f"record{_range(before + 1, number - 1)} missing"
    return f"record {number} comes after record {before}"


def _range(first: int, last: int) -> str:
    return f" {first} is" if first == last else f"s {first} to {last} are"


def _can_end(data: bytes, end: int) -> bool:
    return MARKER.startswith(data[end : end + len(MARKER)])


def _next_record(data: bytes, start: int, last_number: int) -> int | None:
    """Where reading can go on after damage: at a record that can be one of the next. A client can send what looks like
    a record, but it would have to guess the number.
    """
    position = start
    while (position := data.find(MARKER, position)) >= 0:
        try:
            record, length = decode_record(data, position)
        except FormatError:
            position += 1
            continue
        most = last_number + 2 + (position - start) // SMALLEST_RECORD
        if last_number < record.number <= most and _can_end(data, position + length):
            return position
        position += 1
    return None
