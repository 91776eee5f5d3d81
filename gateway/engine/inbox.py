"""What reaches the engine's loop, and the queue it waits in. Any thread may put; one thread drains.

The items are msgspec's structs, which are made in a tenth of the time of a frozen dataclass: an order brings about ten.
"""

from collections import Counter, deque
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from gateway.domain.reconcile import VenueSnapshot
from gateway.engine.backlog import Backlog
from gateway.engine.emergency import Aftermath
from gateway.engine.operations import Caller, Finish, Operation, Outcome


class AppReceived(Struct, frozen=True):
    """An application message, copied out of its callback.

    text: as QuickFIX gives it (UTF-8 with surrogateescape). progress: what next_in becomes once this is committed,
    never above what QuickFIX itself will expect. in_turn: its number was the expected one. waiting: how many more the
    session has sent, while the engine does not keep up.
    """

    session: str
    text: str
    msg_type: str
    msg_seq_num: int
    progress: int
    in_turn: bool
    at: int
    waiting: int = 0


class CallbackFailed(Struct, frozen=True):
    """An application message whose callback failed: to be quarantined. QuickFIX has consumed its number."""

    session: str
    text: str
    msg_type: str
    msg_seq_num: int
    at: int


class AdminReceived(Struct, frozen=True):
    """A session-level message; secrets are masked already."""

    session: str
    text: str
    msg_type: str
    msg_seq_num: int
    progress: int
    in_turn: bool
    at: int


class MessageSent(Struct, frozen=True):
    """A message as it went to the wire. report_id: the report it carried, if it was one."""

    session: str
    text: str
    msg_type: str
    msg_seq_num: int
    first_use: bool
    report_id: int | None
    at: int


class LogonsAccepted(Struct, frozen=True):
    """The engine listens: clients can log on from now on."""

    at: int


class LoggedOn(Struct, frozen=True):
    """The session is up: waiting reports may go."""

    session: str
    at: int


class LoggedOut(Struct, frozen=True):
    """The session is down."""

    session: str
    at: int


class EpochReset(Struct, frozen=True):
    """The client reset the numbers (141=Y). `done` is set once that is committed, before the Logon is answered."""

    session: str
    at: int
    done: Event = field(default_factory=Event)


class ReserveNumbers(Struct, frozen=True):
    """Outbound numbers run out; `done` is set once more are reserved in SQL."""

    session: str
    needed: int
    done: Event = field(default_factory=Event)


class VenueCalled(Struct, frozen=True):
    """A venue request or answer, for the record. order_id: of an "event", the venue's client order id."""

    direction: str
    operation: str
    order_id: str
    intent_id: int
    text: str
    at: int
    venue_account: str = ""


class ClockRead(Struct, frozen=True):
    """How far a clock is ahead of the host's: a venue's, or UTC as the host's time service knows it.

    source: "venue" or "utc". name: the venue account. error_ns: the offset is known to plus or minus this. problem: why
    the reading cannot be relied on; empty: it can.
    """

    source: str
    name: str
    offset_ns: int
    error_ns: int
    problem: str
    at: int


class AvailabilityChanged(Struct, frozen=True):
    """A venue account can, or can no longer, take orders."""

    venue_account: str
    available: bool
    reason: str
    at: int


class SnapshotTaken(Struct, frozen=True):
    """A venue account as the venue shows it."""

    snapshot: VenueSnapshot


class AlertRaised(Struct, frozen=True):
    """Something a person should look at."""

    code: str
    text: str
    at: int
    session: str | None = None


class OperatorRequest(Struct, frozen=True):
    """An operator asks for something. name: of the operation. `reply` is set once the outcome is in SQL."""

    name: str
    operation: Operation
    caller: Caller
    reason: str
    at: int
    reply: "Future[Outcome]" = field(default_factory=Future)


class OwnerLearned(Struct, frozen=True):
    """Whose a venue account is: the exchange's own id of it."""

    venue_account: str
    owner: str


class KeysReloaded(Struct, frozen=True):
    """A venue account has read its key again. problem: why it keeps the old one; empty when it does not.

    unchanged: what it has read is the key that it was using already.
    """

    request: int
    venue_account: str
    problem: str
    unchanged: bool = False


class SessionClosed(Struct, frozen=True):
    """A session is off and stays off until it is opened again: whatever QuickFIX had to say of it came before this.

    next_in, next_out: QuickFIX's numbers. problem: why it could not be closed; empty when it is.
    """

    session: str
    next_in: int
    next_out: int
    problem: str = ""


class OperationEnded(Struct, frozen=True):
    """How something ended that was done for an operator outside of the loop."""

    finish: Finish
    outcome: Outcome


class EmergencyOver(Struct, frozen=True):
    """An emergency before this start, as the watchdog left it. `done` is set once SQL has it."""

    aftermath: Aftermath
    done: Event = field(default_factory=Event)


class SignOfLife(Struct, frozen=True):
    """Set `done` when a turn with this was committed and released."""

    done: Event = field(default_factory=Event)


class StopRequested(Struct, frozen=True):
    """End the loop when all that came before is decided. numbers: final (next_in, next_out) by session."""

    numbers: dict[str, tuple[int, int]]


_COUNTED = frozenset({AppReceived, AdminReceived, CallbackFailed, MessageSent})
"""What clients have come in by what they send: their messages, and what QuickFIX answers by itself."""

OVERHEAD_BYTES = 1_000
"""What each takes beside its text, about: the objects around it, and what is made of it."""


class Inbox:
    """First in, first out, while the engine keeps up. When it does not, sessions take turns, so that a client that
    sends faster than the engine decides makes itself wait and nobody else. What is no client's comes before all.

    It refuses nothing, since QuickFIX would have to be held up, and with it every session. But what a session has
    waiting is told with its messages, and beyond a limit new orders are refused rather than decided late. And `backlog`
    counts its bytes, by which the front is told to read it no more for a while.
    """

    def __init__(self, backlog: Backlog) -> None:
        self.backlog = backlog
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._drained: Counter[str] = Counter()  # bytes by session that were given out last, and are being worked on
        self._waiting: dict[str, deque[Any]] = {}  # by session, "" for what is no client's; empty while all keep up

    def put(self, item: Any) -> None:
        """For the loop, in a while."""
        if type(item) in _COUNTED:
            self.backlog.came(item.session, _size(item))
        self._queue.put(item)

    @property
    def is_empty(self) -> bool:
        """Whether everything was given out. For the thread that drains."""
        return not self._waiting and self._queue.empty()

    def drain(self, timeout: float | None, limit: int) -> list[Any]:
        """What is there, at most `limit`; waits up to `timeout` seconds for the first (None: for ever).

        What was given out last counts as done.
        """
        if self._drained:
            self.backlog.done(self._drained)
            self._drained.clear()
        items = self._drain(timeout, limit)
        for item in items:
            if type(item) in _COUNTED:
                self._drained[item.session] += _size(item)
        return items

    def _drain(self, timeout: float | None, limit: int) -> list[Any]:
        if self._waiting or self._queue.qsize() > limit:
            return self._take_turns(limit)
        get = self._queue.get_nowait
        items: list[Any] = []
        try:
            items.append(self._queue.get(timeout=timeout))
            while len(items) < limit:
                items.append(get())
        except Empty:
            pass
        return items

    def _take_turns(self, limit: int) -> list[Any]:
        for _ in range(self._queue.qsize()):
            item = self._queue.get_nowait()
            self._waiting.setdefault(_whose(item), deque()).append(item)
        ours = self._waiting.get("", deque())
        items = [ours.popleft() for _ in range(min(limit, len(ours)))]
        while len(items) < limit and (queues := [queue for queue in self._waiting.values() if queue]):
            share = max(1, (limit - len(items)) // len(queues))
            for queue in queues:
                items += [_told(queue) for _ in range(min(share, len(queue), limit - len(items)))]
        self._waiting = {session: queue for session, queue in self._waiting.items() if queue}
        return items


def _size(item: Any) -> int:
    return len(item.text) + OVERHEAD_BYTES


def _whose(item: Any) -> str:
    # For more numbers QuickFIX's thread waits, whatever else its client has sent.
    return "" if type(item) is ReserveNumbers else getattr(item, "session", None) or ""


def _told(queue: deque[Any]) -> Any:
    """The queue's first, told how many wait behind it."""
    item = queue.popleft()
    return replace(item, waiting=len(queue)) if type(item) is AppReceived else item
