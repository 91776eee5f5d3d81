"""The wire log of a front: every byte of its clients, and what became of each connection.

What is called here is on the way of orders: it notes the time and puts the bytes into a queue. All the rest is done by
the writer's thread. The queue is bounded; what does not fit, since the disk does not keep up, is dropped, counted, and
the loss itself is recorded as soon as there is room.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from loguru import logger

from gateway.wire.masked_stream import MaskedStream
from gateway.wire.records import Kind, labels

LAST = frozenset({Kind.REFUSED, Kind.CLOSED})
"""What a connection ends with."""

OVERHEAD_BYTES = 256
"""What an item takes in the queue beside its data, about."""

_PATIENCE_NS = 5 * 10**9


@dataclass(frozen=True, slots=True)
class WireLogSettings:
    """directory: of the segments, this front's alone. on_full: what new Logons meet while nothing can be written.

    keep_free_bytes: of the file system, that the log leaves to others (the database may be on it). max_queued_bytes:
    what may wait for the disk.
    """

    directory: Path
    on_full: Literal["refuse_logons", "continue"] = "refuse_logons"
    segment_bytes: int = 64 << 20
    keep_free_bytes: int = 256 << 20
    max_queued_bytes: int = 32 << 20


Item = tuple["Tap | None", Kind, int, bytes]
"""The connection, None for what is about none; the kind; when, ns UTC; the data."""


class Tap:
    """One connection's end of the log."""

    def __init__(self, log: "WireLog | Undecided", number: int, peer: str, max_message_bytes: int) -> None:
        """peer: its address. max_message_bytes: of a message that is waited for before it is recorded."""
        self._log, self._peer = log, peer
        self.number = number
        self.labels = labels(peer, "")
        """For the writer, which may find a session's name here for records that are a moment older than it."""
        self.streams = {kind: MaskedStream(max_message_bytes) for kind in (Kind.IN, Kind.OUT)}
        """The writer's alone."""

    def received(self, data: bytes, at: int) -> None:
        """The client's bytes, which came then, ns UTC."""
        self._log.put(self, Kind.IN, data, at)

    def sent(self, data: bytes) -> None:
        """Bytes that the client is given, now."""
        self._log.put(self, Kind.OUT, data, time.time_ns())

    def logged_on(self, session: str) -> None:
        """Its Logon was let in; this is its SessionID."""
        self.labels = labels(self._peer, session)
        self.note(Kind.LOGON, "Logon let in")

    def note(self, kind: Kind, text: str) -> None:
        """Something about the connection. REFUSED and CLOSED are the last."""
        self._log.put(self, kind, text.encode("utf-8", "replace"), time.time_ns())

    def into(self, log: "WireLog | None") -> "Tap | None":
        """Have it all recorded in this log, also what was before, if that was not decided yet. None: in none."""
        undecided, self._log = self._log, log or self._log
        if log is not None and isinstance(undecided, Undecided):
            for item in undecided.items:
                log.put(*item)
        return self if log is not None else None


class Undecided:
    """In place of the log of a connection that has named no session yet, so that its engine is not known.

    It holds no more than a Logon may have. A connection that ends before is put into the log of those that named none.
    """

    def __init__(self, otherwise: "WireLog | None") -> None:
        self._otherwise = otherwise
        self.items: list[tuple[Tap, Kind, bytes, int]] = []

    def put(self, tap: Tap, kind: Kind, data: bytes, at: int) -> None:
        """As WireLog.put."""
        if kind == Kind.IN and self.items and self.items[-1][1] == Kind.IN:
            data = self.items.pop()[2] + data  # else what comes byte by byte would take two hundred times the room
        self.items.append((tap, kind, data, at))
        if kind in LAST:
            tap.into(self._otherwise)


@dataclass(slots=True)
class Loss:
    """What was dropped. since, until: ns UTC."""

    since: int
    until: int
    records: int = 0
    data_bytes: int = 0
    taps: set[Tap] = field(default_factory=set)


class WireLog:
    """The queue between an event loop and the writer."""

    def __init__(self, settings: WireLogSettings) -> None:
        self.settings = settings
        self._most_bytes = settings.max_queued_bytes
        self.wake = threading.Event()
        """Set to have the writer look at once, and where `writer_waits` when something comes."""
        self.writer_waits = True
        """Whether the writer looks only when it is woken. While much comes it looks by itself: to wake a thread takes
        longer than all the rest of put(). Set by the writer.
        """
        self.failing = ""
        """Why nothing can be written at the moment. Set by the writer."""
        self._queue: deque[Item] = deque()
        self._put_bytes, self._written_bytes = 0, 0  # the loop's, the writer's
        self._loss: Loss | None = None
        self._loss_lock = threading.Lock()

    @property
    def refuses_logons(self) -> bool:
        """Whether nobody may begin to trade, since it would go unrecorded.

        Not at once when records are dropped, which a flood of hostile clients can bring about.
        """
        return self.settings.on_full == "refuse_logons" and (bool(self.failing) or self._loses_for(_PATIENCE_NS))

    def _loses_for(self, nanoseconds: int) -> bool:
        loss = self._loss  # the writer may end it at any time
        return loss is not None and time.time_ns() - loss.since > nanoseconds

    def put(self, tap: Tap | None, kind: Kind, data: bytes, at: int) -> None:
        """Have it recorded as of this time. Never waits. tap: None for what is about no connection."""
        size = len(data) + OVERHEAD_BYTES
        is_full = self._put_bytes - self._written_bytes + size > self._most_bytes
        if (is_full or self._loss is not None) and self._lose(tap, at, len(data), is_full=is_full):
            return
        self._put_bytes += size
        self._queue.append((tap, kind, at, data))
        if self.writer_waits:
            self.wake.set()

    def _lose(self, tap: Tap | None, at: int, size: int, *, is_full: bool) -> bool:
        """From the first that is dropped on all are, until the writer has come to that place in the queue. Returns
        whether it is dropped: the writer may have come there just now.
        """
        with self._loss_lock:
            begins = self._loss is None
            if begins:
                if not is_full:
                    return False
                self._loss = Loss(at, at)
                self._queue.append((None, Kind.LOST, at, b""))
                self._put_bytes += OVERHEAD_BYTES
            loss = self._loss
            assert loss is not None
            loss.records, loss.data_bytes, loss.until = loss.records + 1, loss.data_bytes + size, at
            if tap is not None:
                loss.taps.add(tap)
        if begins:
            logger.error("wire log: records are dropped, {} bytes wait for the disk", self.settings.max_queued_bytes)
        return True

    def end_of_loss(self) -> Loss:
        """What was dropped since the LOST item, which the writer has come to. From here on nothing is."""
        with self._loss_lock:
            loss, self._loss = self._loss, None
        assert loss is not None
        return loss

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._queue

    def take(self, most_bytes: int) -> list[Item]:
        """What waits, the first first, about so many bytes of it. For the writer."""
        items: list[Item] = []
        size = 0
        while self._queue and size < most_bytes:
            item = self._queue.popleft()
            size += len(item[3]) + OVERHEAD_BYTES
            items.append(item)
        return items

    def written(self, items: list[Item]) -> None:
        """They take no memory any more. For the writer."""
        self._written_bytes += sum([len(item[3]) for item in items]) + OVERHEAD_BYTES * len(items)
