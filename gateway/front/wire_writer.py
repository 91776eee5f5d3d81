"""The thread that writes the wire log: masks, numbers, chains, and puts what waits into segments.

It writes what has gathered in a hundredth of a second with one call. What was written survives the end of the process,
by SIGKILL too; a segment is synced to the disk when it is complete, so that the end of the machine can take the last
one's end. While the disk takes nothing it tries again and again, and new Logons meet the policy.
"""

import errno
import fcntl
import json
import os
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from loguru import logger

from gateway.front.wire_log import LAST, Item, Tap, WireLog
from gateway.wire.masked_stream import Piece
from gateway.wire.records import FRAGMENT, FRAME_BYTES, MASKED, NO_HASH, Encoder, Kind, SegmentHeader, labels
from gateway.wire.segments import LogReader, segment_files, segment_name, segment_number

_GATHER_S = 0.01
_LINGER_S = 0.05  # without anything new, until it waits to be woken
_AT_ONCE_BYTES = 1 << 20
_ROOM_S, _ROOM_BYTES = 0.1, 8 << 20
_LOOK_S, _RETRY_S, _GIVE_UP_S = 1.0, 0.5, 1.0
# By default a thread keeps another waiting for 5 ms, which orders would feel.
_SWITCH_S = 0.0005
_MODE, _DIRECTORY_MODE = 0o600, 0o700
_DAY_NS = 86_400 * 10**9
_NO_LABELS = labels("", "")


class WireLogError(RuntimeError):
    """The log cannot be begun; the text says why."""


class _GivenUp(Exception):  # noqa: N818  # reads as what is the case
    """The process ends, and the disk still takes nothing."""


class WireWriter:
    """Owns the directory of segments while it lives."""

    def __init__(self, log: WireLog) -> None:
        """Raises WireLogError if the directory cannot be used, or another front uses it."""
        self._log, self._settings = log, log.settings
        self._directory = log.settings.directory
        self._file, self._size, self._day_end = -1, 0, 0
        self._started_at = time.time_ns()
        self._ends_at = 0.0  # 0: not yet
        self._unchecked, self._checked_at = 0, 0.0  # bytes since there was a look at the room, and when
        self._buffer = bytearray()
        try:
            self._directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            self._lock = _locked(self._directory)
            self._segment, last_number, last_hash = _last_of(self._directory)
        except OSError as error:
            raise WireLogError(f"{error.filename or self._directory}: {error.strerror}") from error
        self._encoder = Encoder(last_number, last_hash)
        self._thread = threading.Thread(target=self._run, name="wire log", daemon=True)

    def start(self) -> None:
        """Begin, with a record that says so."""
        sys.setswitchinterval(_SWITCH_S)
        self._note(Kind.STARTED, f"front started pid={os.getpid()}")
        self._thread.start()

    def close(self) -> None:
        """Write what waits and end. Takes a second or two at most if the disk takes nothing."""
        self._note(Kind.STOPPED, "front stopped")
        self._ends_at = time.monotonic() + _GIVE_UP_S
        self._log.wake.set()
        self._thread.join(3 * _GIVE_UP_S)
        os.close(self._lock)

    def _note(self, kind: Kind, text: str) -> None:
        self._log.put(None, kind, text.encode(), time.time_ns())

    # On the thread

    def _run(self) -> None:
        looked = wrote = time.monotonic()
        try:
            while True:
                is_last = bool(self._ends_at)  # nothing comes after that is set
                while items := self._log.take(_AT_ONCE_BYTES):
                    self._write(items)
                    self._log.written(items)
                    wrote = time.monotonic()
                if is_last:
                    break
                if time.monotonic() - looked > _LOOK_S:
                    self._look_around()
                    looked = time.monotonic()
                self._wait(time.monotonic() - wrote > _LINGER_S)
            self._end_segment()
        except _GivenUp:
            waiting = len(self._buffer) + sum(len(data) for _, _, _, data in self._log.take(sys.maxsize))
            logger.error("wire log: {} bytes could not be written: {}", waiting, self._log.failing)
        except Exception:  # a fault of ours must be seen, and met by the policy
            logger.exception("wire log: the writer has failed, nothing is recorded any more")
            self._log.failing = "the writer has failed"

    def _wait(self, is_quiet: bool) -> None:
        """For more to come: until it does where it is quiet, else for as long as is gathered."""
        if is_quiet:
            self._log.writer_waits = True
            if self._log.is_empty:  # what came just before would wake nobody
                self._log.wake.wait(_LOOK_S)
            self._log.wake.clear()
            self._log.writer_waits = False
        if not self._ends_at:
            time.sleep(_GATHER_S)

    def _write(self, items: Iterable[Item]) -> None:
        for tap, kind, at, data in items:
            if tap is None:
                self._add(at, kind, 0, 0, _NO_LABELS, self._end_of_loss() if kind == Kind.LOST else data)
            elif (stream := tap.streams.get(kind)) is not None:
                self._add_pieces(tap, kind, at, stream.feed(data))
            else:
                if kind in LAST:
                    for direction, stream in tap.streams.items():
                        self._add_pieces(tap, direction, at, stream.end())
                self._add(at, kind, 0, tap.number, tap.labels, data)
        self._flush()

    def _add_pieces(self, tap: Tap, kind: Kind, at: int, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            flags = (FRAGMENT if piece.is_fragment else 0) | (MASKED if piece.is_masked else 0)
            self._add(at, kind, flags, tap.number, tap.labels, piece.data)

    def _add(self, at: int, kind: Kind, flags: int, number: int, label: bytes, data: bytes) -> None:
        size = FRAME_BYTES + len(label) + len(data)
        if self._file < 0 or at >= self._day_end or self._size + size > self._settings.segment_bytes:
            self._begin_segment(at)
        self._size += size
        self._buffer += self._encoder.encode(at, kind, flags, number, label, data)

    def _end_of_loss(self) -> bytes:
        loss = self._log.end_of_loss()
        for tap in loss.taps:
            for stream in tap.streams.values():
                stream.skip()
        told = {"records": loss.records, "bytes": loss.data_bytes, "from": loss.since, "to": loss.until}
        logger.error("wire log: {records} records of {bytes} bytes were lost, new ones are written again", **told)
        return json.dumps(told).encode()

    # Segments

    def _begin_segment(self, at: int) -> None:
        self._end_segment()
        self._segment += 1
        day = time.strftime("%Y%m%d", time.gmtime(at // 10**9))
        path = self._directory / segment_name(self._segment, day)
        while self._file < 0:
            try:
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, _MODE)
            except OSError as error:
                self._wait_for_room(error)
        header = SegmentHeader(self._segment, at, self._started_at, self._encoder.number + 1, self._encoder.hash)
        self._buffer += self._encoder.begin_segment(header)
        self._size, self._day_end = len(self._buffer), (at // _DAY_NS + 1) * _DAY_NS
        logger.debug("wire log: segment {} begun", path.name)

    def _end_segment(self) -> None:
        if self._file < 0:
            return
        self._flush()
        try:
            os.fdatasync(self._file)
        except OSError as error:
            logger.error("wire log: segment {} could not be synced: {}", self._segment, error.strerror)
        os.close(self._file)
        self._file = -1

    def _flush(self) -> None:
        """Written is written: after an error the rest follows where it stopped."""
        while self._buffer:
            try:
                self._check_room_at_times(len(self._buffer))
                count = os.write(self._file, self._buffer)
            except OSError as error:
                self._wait_for_room(error)
                continue
            del self._buffer[:count]
            if not self._buffer:
                self._works()

    def _check_room_at_times(self, size: int) -> None:
        """As _check_room: it takes as long as to write what comes in a moment, so not for each write."""
        now = time.monotonic()
        self._unchecked += size
        if self._log.failing or self._unchecked >= _ROOM_BYTES or now - self._checked_at >= _ROOM_S:
            self._check_room(size)
            self._unchecked, self._checked_at = 0, now

    def _check_room(self, size: int) -> None:
        """Raises OSError when others need what is left. There must be some more before it goes on."""
        keep = self._settings.keep_free_bytes
        if keep:
            found = os.statvfs(self._directory)
            if found.f_bavail * found.f_frsize < size + keep + (keep // 10 if self._log.failing else 0):
                raise OSError(errno.ENOSPC, f"fewer than {keep >> 20} MB are free")

    def _wait_for_room(self, error: OSError) -> None:
        self._fails(error)
        if self._ends_at and time.monotonic() > self._ends_at:
            raise _GivenUp
        time.sleep(_RETRY_S)

    def _look_around(self) -> None:
        """What nobody would notice while nothing is written."""
        try:
            self._check_room(0)
        except OSError as error:
            self._fails(error)
        else:
            self._works()
        if self._file >= 0 and not os.fstat(self._file).st_nlink:
            logger.error("wire log: somebody has deleted segment {}, which was being written", self._segment)
            os.close(self._file)
            self._file = -1

    def _fails(self, error: OSError) -> None:
        is_news, self._log.failing = not self._log.failing, error.strerror or "it cannot be written"
        if is_news:  # said when it is so
            then = "new Logons are refused" if self._settings.on_full == "refuse_logons" else "clients go on unrecorded"
            logger.error("wire log cannot be written, {}: {}: {}", then, self._directory, error.strerror)

    def _works(self) -> None:
        was_failing, self._log.failing = self._log.failing, ""
        if was_failing:
            logger.warning("wire log is written again: {}", self._directory)


def _locked(directory: Path) -> int:
    """Raises OSError, WireLogError if it is another's."""
    lock = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise WireLogError(f"{directory}: another front writes its wire log there") from None
    return lock


def _last_of(directory: Path) -> tuple[int, int, bytes]:
    """The last segment's number, and the last record's with its hash. Raises OSError."""
    files = segment_files(directory)
    last_segment = segment_number(files[-1]) if files else 0
    for path in reversed(files):
        reader = LogReader(directory, path)
        for _ in reader.read():
            pass
        if reader.last_hash is not None:
            if reader.unfinished:
                logger.warning("wire log: {}; a new segment goes on from there", reader.unfinished)
            return last_segment, reader.last_number, reader.last_hash
        if not reader.unfinished:
            logger.error("wire log: segment {} is damaged; fixgw wire says where", path.name)
    return last_segment, 0, NO_HASH
