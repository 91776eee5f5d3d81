"""What the wire log says, as lines for people and objects for programs."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from gateway.cli.fields import message_style, short
from gateway.cli.times import local_date_time_exact, utc_text
from gateway.domain.session_names import session_key, session_name
from gateway.wire.raw import RawFormatError, first_values, to_text
from gateway.wire.readable import describe, message_name, printable, readable
from gateway.wire.records import Kind, Record
from gateway.wire.segments import Found
from gateway.wire.tags import (
    BEGIN_STRING,
    BODY_LENGTH,
    CHECK_SUM,
    MSG_SEQ_NUM,
    MSG_TYPE,
    ORD_STATUS,
    SENDER_COMP_ID,
    TARGET_COMP_ID,
)

_BYTES = (Kind.IN, Kind.OUT)
_NOT_SHOWN = frozenset({BEGIN_STRING, BODY_LENGTH, MSG_TYPE, SENDER_COMP_ID, TARGET_COMP_ID, MSG_SEQ_NUM, CHECK_SUM})
_STYLES = {Kind.REFUSED: "red", Kind.LOST: "bold red", Kind.OPENED: "dim", Kind.CLOSED: "dim"}


class Entry(NamedTuple):
    """A record, or one of the messages in it.

    session: the record's, or the one that the connection's messages claim. text: of a message or a fragment.
    is_whole: it is a FIX message.
    """

    started_at: int
    record: Record
    session: str
    text: str
    is_whole: bool


class Entries:
    """Takes records apart, and knows which session a connection is about from its first message on."""

    def __init__(self, session: str | None) -> None:
        """session: a SessionID or a client's CompID; then other connections are left out, None: all are told."""
        self._wanted = session
        self._sessions: dict[tuple[int, int], str] = {}
        self._waiting: dict[tuple[int, int], Entry] = {}  # opened, and nothing known yet
        self.seen: set[str] = set()
        """Sessions that somebody was logged on to."""

    def of(self, found: Found) -> Iterator[Entry]:
        """In the order of the wire."""
        record = found.record
        connection = found.started_at, record.connection
        for entry in self._split(found, connection):
            if self._wanted is None or record.kind == Kind.LOST:
                yield entry
            elif record.kind == Kind.OPENED and not entry.session:
                self._waiting[connection] = entry
            elif self._wanted in (entry.session, session_name(entry.session)):
                if opened := self._waiting.pop(connection, None):
                    yield opened._replace(session=entry.session)
                yield entry
        if record.kind in (Kind.CLOSED, Kind.REFUSED):
            self._sessions.pop(connection, None)
            self._waiting.pop(connection, None)

    def _split(self, found: Found, connection: tuple[int, int]) -> Iterator[Entry]:
        record = found.record
        if record.session:
            self._sessions[connection] = record.session
            self.seen.add(record.session)
        if record.kind not in _BYTES:
            yield Entry(found.started_at, record, self._sessions.get(connection, ""), "", is_whole=False)
            return
        for data, is_whole in record.messages():
            text = to_text(data)
            if is_whole and connection not in self._sessions:
                self._sessions[connection] = _claimed(text, record.kind)
            yield Entry(found.started_at, record, self._sessions.get(connection, ""), text, is_whole)


def _claimed(text: str, kind: Kind) -> str:
    """Whose message it says it is, whether that is so or not."""
    try:
        values = first_values(text)
    except RawFormatError:
        return ""
    sender, target = values.get(SENDER_COMP_ID, ""), values.get(TARGET_COMP_ID, "")
    client, ours = (sender, target) if kind == Kind.IN else (target, sender)
    return session_key(values.get(BEGIN_STRING, ""), ours, client) if client else ""


def line(entry: Entry) -> tuple[str, str]:
    """Text and style: local time, connection, address, session, what."""
    record = entry.record
    session = printable(session_name(entry.session)) or "-"
    where = f"#{record.connection} {record.peer:<21} {session:<10} " if record.connection else ""
    head = f"{local_date_time_exact(record.at)} {where}{record.kind.name.lower():<7} "
    if record.kind not in _BYTES:
        return head + printable(record.text), _STYLES.get(record.kind, "bold")
    if not entry.is_whole:
        return f"{head}{len(record.data)} bytes that are no message: {printable(entry.text)}", "red"
    fields = {field.tag: field.value for field in describe(entry.text)}
    words = [short(field) for field in describe(entry.text) if field.tag not in _NOT_SHOWN]
    msg_type = fields.get(MSG_TYPE, "")
    what = f"{fields.get(MSG_SEQ_NUM, '-'):>5} {message_name(msg_type)} {' '.join(words)}"
    return head + what, message_style(msg_type, fields.get(ORD_STATUS))


def as_object(entry: Entry) -> dict[str, Any]:
    """Connection counts from 1 in each front, so front_started_at belongs to it."""
    record = entry.record
    told: dict[str, Any] = {
        "record": record.number,
        "at": utc_text(record.at),
        "kind": record.kind.name.lower(),
        "front_started_at": utc_text(entry.started_at),
        "connection": record.connection,
        "peer": record.peer,
        "session": entry.session,
    }
    if record.kind not in _BYTES:
        return told | {"text": record.text}
    told |= {"is_message": entry.is_whole, "is_masked": record.is_masked, "text": readable(entry.text)}
    if entry.is_whole:
        told["fields"] = [field._asdict() for field in describe(entry.text)]
    return told
