"""The wire log against SQL, message by message: two records of the same words, kept by different processes.

Messages are compared as multisets of fields, since QuickFIX may put a message's fields in another order. BodyLength(9),
CheckSum(10) and the values of secrets, which both records have masked, do not count.
"""

import hashlib
import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, select

from gateway.compliance.audit.comparison import Finding, Found
from gateway.store.tables import journal, messages, state_changes
from gateway.wire.raw import SECRET_TAGS
from gateway.wire.records import Kind, Record
from gateway.wire.segments import Found as Placed
from gateway.wire.segments import LogReader, Problem

_SOH = b"\x01"
_IGNORED = (b"9=", b"10=")
_SECRETS = tuple(b"%d=" % tag for tag in SECRET_TAGS)
_NEAR = 60 * 10**9
"""How near to a gap of the wire log a message must be to have fallen into it, and how far apart the two records' times
of one message are at most (ns).
"""

_REQUESTS_AND_ANSWERS = ("D", "F", "G", "8", "9")
_NEVER = 1 << 62
_MOST_DIGITS = 20

_Connection = tuple[int, int]


class _Message(NamedTuple):
    """One message of either record. connection: of the wire's; rank: of SQL's id or the wire's record."""

    at: int
    in_sql: bool
    rank: int
    direction: str
    key: bytes
    sender: str
    msg_type: str
    number: str
    poss_dup: bool
    connection: _Connection
    cl_ord_id: str = ""  # of a request for an order, and of its answers
    exec_id: str = ""


class _Fill(NamedTuple):
    """A SequenceReset(4) with GapFillFlag(123)=Y: these numbers are not sent again."""

    at: int
    numbers: range


@dataclass(slots=True)
class CrossChecked:
    """How many messages both have, and why one of them alone has others."""

    matched: int = 0
    masked: int = 0  # of these
    wire_alone: Counter[str] = field(default_factory=Counter)
    sql_alone: Counter[str] = field(default_factory=Counter)


def cross_check(
    connection: Connection,
    directory: Path,
    since: int,
    until: int,
    found: Found,
    *,
    archived_until: int = 0,
    states_archived_until: int = 0,
) -> CrossChecked:
    """Match the two, and name what only one of them has and no reason explains. Times are nanoseconds UTC.

    until: not after what the connection sees of SQL. archived_until: before this one of the two lacks what was
    archived. states_archived_until: before this SQL does not say any more which engines died. Raises OSError. Memory
    holds what is not matched, not what is.
    """
    check = _Check(connection, directory, since, until, found, archived_until)
    check.deaths = _deaths(connection, states_archived_until)
    return check.run()


class _Check:
    def __init__(
        self, connection: Connection, directory: Path, since: int, until: int, found: Found, archived_until: int
    ) -> None:
        self._connection = connection
        self._archived_until = archived_until
        self._directory = directory
        self._since, self._until = max(since, archived_until), until
        # The two note a message at times of their own: one may be in the window, and its other half beside it.
        self._first, self._end = max(since - _NEAR, archived_until), until + _NEAR
        self.deaths: list[tuple[int, int]] = []
        self._found = found
        self._result = CrossChecked()
        self._waiting: dict[tuple[str, bytes], deque[_Message]] = defaultdict(deque)
        self._begins: int | None = None  # the wire log
        self._gaps: list[int] = []  # when it may lack something
        self._opened: set[_Connection] = set()
        self._let_in: set[_Connection] = set()
        self._closed: dict[_Connection, int] = {}  # when
        self._last_matched: dict[tuple[_Connection, str], int] = {}  # the wire's record, by direction
        self._rejected: set[tuple[_Connection, str]] = set()  # by RefSeqNum(45)
        self._first_answers: dict[_Connection, str] = {}  # MsgType(35) of what went out first
        # Of requests for orders that the wire log has and SQL not yet: connection and ClOrdID(11).
        self._requests: set[tuple[_Connection, str]] = set()
        self._answered: set[tuple[_Connection, str]] = set()  # of these
        # By SenderCompID(49): type and number of what came with PossDupFlag(43)=Y, and what gap fills passed over.
        self._sent_again: set[tuple[str, str, str]] = set()
        self._filled: dict[str, list[_Fill]] = defaultdict(list)

    def run(self) -> CrossChecked:
        for message in heapq.merge(self._of_wire(), self._of_sql(), key=lambda message: message.at):
            waiting = self._waiting[message.direction, message.key]
            is_in_both = bool(waiting) and waiting[0].in_sql is not message.in_sql
            self._note_request(message, is_in_both=is_in_both)
            if is_in_both:
                self._match(waiting.popleft(), message)
            else:
                waiting.append(message)
            if not waiting:
                del self._waiting[message.direction, message.key]
        left = sorted(message for waiting in self._waiting.values() for message in waiting)
        for message in left:
            if self._is_asked_for(message):
                self._explain(message)
        return self._result

    def _is_asked_for(self, item: _Message | Record) -> bool:
        return self._since <= item.at < self._until

    def _match(self, one: _Message, other: _Message) -> None:
        if self._is_asked_for(one) or self._is_asked_for(other):
            self._result.matched += 1
        wire = other if one.in_sql else one
        of = wire.connection, wire.direction
        self._last_matched[of] = max(wire.rank, self._last_matched.get(of, 0))

        if wire.direction == "in":
            self._requests.discard((wire.connection, wire.cl_ord_id))

    def _note_request(self, message: _Message, *, is_in_both: bool) -> None:
        about = message.connection, message.cl_ord_id
        if message.in_sql or not message.cl_ord_id or message.poss_dup:
            return
        if message.direction == "in" and not is_in_both:
            self._requests.add(about)
        elif about in self._requests:
            self._answered.add(about)

    def _was_committed(self, message: _Message) -> bool:
        """Whether a message that SQL lacks must have been in it: a request is committed before it is answered, and what
        an ExecutionReport tells before it is sent. An id that came twice tells nothing.
        """
        if message.direction == "in":
            if (message.connection, message.cl_ord_id) not in self._answered:
                return False
            query = select(messages.c.id).where(messages.c.cl_ord_id == message.cl_ord_id, messages.c.direction == "in")
            return self._connection.execute(query.limit(1)).scalar() is None
        position = _number(message.exec_id)
        if not position or self._archived_until:
            return False
        return self._connection.execute(select(journal.c.at).where(journal.c.position == position)).first() is None

    def _explain(self, message: _Message) -> None:
        counts = self._result.sql_alone if message.in_sql else self._result.wire_alone
        reason = self._of_sql_alone(message) if message.in_sql else self._of_wire_alone(message)
        if self._archived_until and message.at < self._archived_until + _NEAR:
            reason = reason or "at the end of what was archived"
        counts[reason or "unexplained"] += 1
        if not reason:
            has, lacks = ("SQL", "the wire log") if message.in_sql else ("the wire log", "SQL")
            where = f"message {message.rank}" if message.in_sql else f"record {message.rank}"
            text = f"35={message.msg_type} 34={message.number} {message.direction} is in {has} and not in {lacks}"
            self._found(Finding("messages" if message.in_sql else "wire log", where, text))

    def _of_wire_alone(self, message: _Message) -> str:
        if message.connection not in self._let_in:
            return "never logged on"
        if self._died_with(message):
            return "" if self._was_committed(message) else "not committed when the engine died"
        if message.direction == "out":
            return ""
        refused_logon = message.msg_type == "A" and self._first_answers.get(message.connection) == "5"
        if refused_logon or (message.connection, message.number) in self._rejected:
            return "refused by the session layer"
        if message.poss_dup:
            return "seen before"
        if (message.sender, message.msg_type, message.number) in self._sent_again:
            return "not consumed, and sent again"
        number = _number(message.number)
        if any(fill.at >= message.at and number in fill.numbers for fill in self._filled[message.sender]):
            return "not consumed, and filled over"  # it came above a gap, and waited in the session layer
        return ""

    def _of_sql_alone(self, message: _Message) -> str:
        if self._begins is None or message.at < self._begins:
            return "before the wire log begins"
        if any(abs(message.at - gap) < _NEAR for gap in self._gaps):
            return "at a gap of the wire log"
        return "never left: the client was gone" if message.direction == "out" else ""

    def _died_with(self, message: _Message) -> bool:
        """Whether it was among the last of a connection that ended with an engine, as SQL and the wire log say."""
        is_last = message.rank > self._last_matched.get((message.connection, message.direction), 0)
        has_died = any(began <= message.at < ended for began, ended in self.deaths)
        return is_last and has_died and self._closed.get(message.connection, _NEVER) - message.at < _NEAR

    # --- both records

    def _of_sql(self) -> Iterator[_Message]:
        m = messages.c
        query = select(m.at, m.id, m.direction, m.raw).where(m.at >= self._first, m.at < self._end).order_by(m.id)
        for at, number, direction, raw in self._connection.execute(query.execution_options(yield_per=2000)):
            # SQLite takes text in a column of bytes, from whoever tampers with it.
            yield self._message(at, number, direction, raw.encode() if isinstance(raw, str) else bytes(raw), None)

    def _of_wire(self) -> Iterator[_Message]:
        was_stopped = True
        for item in LogReader(self._directory).read():
            if isinstance(item, Problem):
                continue  # named where the chain is verified
            record = item.record
            if self._begins is None:
                self._begins = record.at
            if record.kind is Kind.STARTED and not was_stopped:
                self._gaps.append(record.at)
            was_stopped = record.kind is Kind.STOPPED
            if record.kind is Kind.LOST:
                self._gaps.append(record.at)
            self._note_client((item.started_at, record.connection), record)
            if record.kind in (Kind.IN, Kind.OUT) and self._first <= record.at < self._end:
                yield from self._of_record(item, record)

    def _note_client(self, client: _Connection, record: Record) -> None:
        if record.kind is Kind.CLOSED:
            self._closed[client] = record.at
        if record.kind is Kind.OPENED:
            self._opened.add(client)
        elif record.kind is Kind.LOGON or (self._archived_until and client not in self._opened):
            self._let_in.add(client)  # perhaps in what was archived

    def _of_record(self, item: Placed, record: Record) -> Iterator[_Message]:
        direction = "in" if record.kind is Kind.IN else "out"
        for data, is_whole in record.messages():
            if not is_whole:
                if self._is_asked_for(record):
                    self._result.wire_alone["no whole message"] += 1
                continue
            yield self._message(record.at, record.number, direction, data, (item.started_at, record.connection))

    def _message(self, at: int, rank: int, direction: str, raw: bytes, connection: _Connection | None) -> _Message:
        fields = [part for part in raw.split(_SOH) if part and not part.startswith(_IGNORED)]
        if any(part.startswith(_SECRETS) for part in fields):
            fields = [part.partition(b"=")[0] if part.startswith(_SECRETS) else part for part in fields]
            self._result.masked += connection is not None and self._since <= at < self._until
        msg_type, number, sender = _value(fields, b"35="), _value(fields, b"34="), _value(fields, b"49=")
        poss_dup = b"43=Y" in fields
        if poss_dup and direction == "in":
            self._sent_again.add((sender, msg_type, number))
        if msg_type == "4" and b"123=Y" in fields and direction == "in":
            passed_over = range(_number(number), _number(_value(fields, b"36=")))
            self._filled[sender].append(_Fill(at, passed_over))
        if connection is not None and direction == "out":
            self._first_answers.setdefault(connection, msg_type)
            if msg_type == "3":
                self._rejected.add((connection, _value(fields, b"45=")))
        key = hashlib.sha256(_SOH.join(sorted(fields))).digest()[:16]
        where = connection or (0, 0)
        about = _value(fields, b"11=") if msg_type in _REQUESTS_AND_ANSWERS else ""
        exec_id = _value(fields, b"17=") if msg_type == "8" else ""
        what = (direction, key, sender, msg_type, number, poss_dup)
        return _Message(at, connection is None, rank, *what, where, about, exec_id)


def _deaths(connection: Connection, archived_until: int) -> list[tuple[int, int]]:
    """The lives of engines that did not end by a stop: from when to when another began, ns UTC.

    What is archived may tell of more: until then, and until the first start that is still told of, any could have died.
    """
    changes = state_changes.c
    query = select(changes.at, changes.state).where(changes.what == "engine").order_by(changes.id)
    told = connection.execute(query).all()
    found = [(a.at, b.at) for a, b in pairwise(told) if a.state == b.state == "started"]
    if archived_until:
        first = told[0].at if told and told[0].state == "started" else 0
        found.append((0, max(archived_until, first)))
    return found


def _number(text: str) -> int:
    """0 for what is none."""
    return int(text) if text.isdecimal() and len(text) < _MOST_DIGITS else 0


def _value(fields: list[bytes], tag: bytes) -> str:
    return next((part[len(tag) :].decode("ascii", "replace") for part in fields if part.startswith(tag)), "")
