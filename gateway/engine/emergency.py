"""Emergency cancels: what a dying engine hands to the watchdog, and the file that the next engine reads.

An engine that cannot write SQL ends, and nobody looks after its open orders. So it hands them to the watchdog, another
process, out of its memory: SQL may be unreadable, too. The watchdog writes them to a file and syncs it, sees that the
engine is dead, cancels them at their venues, and adds what was said. The next engine that can read SQL imports it.

An engine that hangs, or dies and does not come back, hands nothing over: the watchdog finds its orders by itself, once
the engine is dead, and trading is halted.

A file is lines of JSON, the first an Emergency. It is made ahead, at its full size, so that a full disk cannot keep the
cancels from being written down: what it has not used is zeros.
"""

import fcntl
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from loguru import logger

from gateway.domain.book import Book
from gateway.domain.intents import Intent, PlaceIntent
from gateway.domain.order import LegState

_RESERVE = "emergency.reserve"
_RESERVE_BYTES = 4 << 20  # some ten thousand orders and what is said about them
_IMPORTED = ".imported"


class OpenOrder(msgspec.Struct, frozen=True):
    """An order as it may work at its venue. venue_order_id: None while the venue has not told it."""

    order_id: str
    leg: int
    venue_account: str
    symbol: str
    client_id: str
    venue_order_id: str | None


class Emergency(msgspec.Struct, frozen=True, tag="emergency"):
    """SQL is lost, for this reason, at this time, and these orders may be open.

    halt: it is the engine that was lost instead. Its orders were found later, and two people have to arm the firm.
    owners: the exchange's own id of each venue account, as recorded.
    """

    cause: str
    at: int
    orders: tuple[OpenOrder, ...]
    halt: bool = False
    owners: dict[str, str] = {}


class Found(msgspec.Struct, frozen=True, tag="found"):
    """What may be open of an engine that handed nothing over."""

    orders: tuple[OpenOrder, ...]


class Said(msgspec.Struct, frozen=True, tag="said"):
    """Something said to a venue (direction 'out') or by it ('in')."""

    at: int
    venue_account: str
    direction: str
    operation: str
    order_id: str
    text: str


class Over(msgspec.Struct, frozen=True, tag="over"):
    """The venue has nothing of this order any more; outcome: its words for it."""

    at: int
    order_id: str
    client_id: str
    outcome: str


class Aftermath(NamedTuple):
    """A file, read."""

    path: Path
    emergency: Emergency
    said: list[Said]
    over: list[Over]
    found: tuple[OpenOrder, ...] = ()


Line = Emergency | Found | Said | Over

_LINE = msgspec.json.Decoder(Line)


def open_orders(book: Book, unreleased: Collection[Intent]) -> tuple[OpenOrder, ...]:
    """All that may work at a venue.

    What was to be placed by intents that are not released never left, and its ids will be given again: it is left out.
    """
    never_sent = {(intent.order_id, intent.leg) for intent in unreleased if isinstance(intent, PlaceIntent)}
    found = []
    for order_id in sorted(book.working):
        order = book.orders[order_id]
        leg = order.leg
        if leg is None or leg.state is LegState.CLOSED or (order_id, leg.number) in never_sent:
            continue
        found.append(
            OpenOrder(order_id, leg.number, order.venue_account, order.symbol, leg.client_id, leg.venue_order_id)
        )
    return tuple(found)


def encode(line: Line) -> bytes:
    """One line, its end included."""
    return msgspec.json.encode(line) + b"\n"


def decode_emergency(line: bytes) -> Emergency:
    """Raises ValueError."""
    found = _LINE.decode(line)
    if not isinstance(found, Emergency):
        raise ValueError("not an emergency")  # noqa: TRY004 - as msgspec's own errors
    return found


class EmergencyFile:
    """The file of one emergency, while the watchdog is at work. Locked, so that no engine reads half of it."""

    def __init__(self, directory: Path, emergency: Emergency) -> None:
        """Begin it, and return once that is on the disk. Raises OSError."""
        self.path = directory / f"emergency-{emergency.at}.jsonl"
        reserve = directory / _RESERVE
        self._file = os.open(reserve, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._write(encode(emergency))
            os.fsync(self._file)
            reserve.rename(self.path)
            _sync_directory(directory)
        except BaseException:
            os.close(self._file)
            raise

    def add(self, line: Found | Said | Over) -> None:
        """Write one more line. Raises OSError."""
        self._write(encode(line))

    def close(self) -> None:
        """Give back what was reserved and not used, and let the next engine read it. Raises OSError."""
        try:
            os.ftruncate(self._file, os.lseek(self._file, 0, os.SEEK_CUR))
            os.fsync(self._file)
        finally:
            os.close(self._file)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._file, data) :]


def reserve_file(directory: Path) -> None:
    """Make the next emergency's file, at its full size. Raises OSError."""
    file = os.open(directory / _RESERVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(file, 0, _RESERVE_BYTES)
        os.fsync(file)
        _sync_directory(directory)
    finally:
        os.close(file)


def _sync_directory(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def read_aftermaths(directory: Path, patience_s: float) -> list[Aftermath]:
    """The emergencies since the last start, oldest first. One that the watchdog is still at is waited for so long."""
    deadline = time.monotonic() + patience_s
    found = []
    for path in sorted(directory.glob("emergency-*.jsonl")):
        lines = list(_lines(_locked_content(path, deadline)))
        if lines and isinstance(lines[0], Emergency):
            said = [line for line in lines if isinstance(line, Said)]
            over = [line for line in lines if isinstance(line, Over)]
            later = tuple(order for line in lines if isinstance(line, Found) for order in line.orders)
            found.append(Aftermath(path, lines[0], said, over, later))
        else:
            logger.critical("ALERT EMERGENCY_UNREADABLE {} says nothing of what was canceled, and is left alone", path)
    return found


def left_to_import(found: Collection[Aftermath], in_sql: Collection[str]) -> list[Aftermath]:
    """Those that SQL does not have. in_sql: the names of the files of those that it has, which are put aside."""
    for aftermath in found:
        if aftermath.path.name in in_sql:  # the start that took it ended, or gave up waiting, before it could do this
            imported(aftermath.path)
    return [aftermath for aftermath in found if aftermath.path.name not in in_sql]


def imported(path: Path) -> None:
    """It is in SQL: keep the file, and never read it again."""
    path.rename(path.with_name(path.name + _IMPORTED))


def _locked_content(path: Path, deadline: float) -> bytes:
    with path.open("rb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    logger.error("the watchdog is still at {}: read as it is now", path)
                    break
                time.sleep(0.05)
        return file.read().rstrip(b"\0")


def _lines(content: bytes) -> Iterator[Line]:
    for line in content.splitlines():
        try:
            yield _LINE.decode(line)
        except ValueError:
            logger.error("a line of emergency cancels cannot be read: {!r}", line[:200])
