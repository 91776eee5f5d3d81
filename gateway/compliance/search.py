"""Messages found in a gateway's database, or an imported one: newest or oldest first, page by page.

ClOrdID(11), OrderID(37), and a session's MsgSeqNum(34) have indexes. Everything else is read through, by ascending or
descending id, in windows that are short transactions: a long one would keep SQLite's write-ahead log from being reused.
Ids grow with time, nearly: so a time range is found by halving, without an index that every commit would have to write.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, not_, select

from gateway.compliance.derive.window import SLACK, Window, rows_of
from gateway.engine.message_ids import NO_ORDER
from gateway.store.dialects import contains
from gateway.store.rows import storable
from gateway.store.tables import messages, meta, sessions
from gateway.wire.raw import split_leniently, to_bytes, to_text
from gateway.wire.tags import BEGIN_STRING, CL_ORD_ID, MSG_SEQ_NUM, ORDER_ID

TIME_DISORDER = "time_disorder"
"""Key in `meta`: how much earlier than a message with a lower id a message can be, nanoseconds. An import knows it."""

_WINDOW = 20_000  # ids
_ROWS_AT_ONCE = 500
_IDS_AT_ONCE = 5000
_MOST_EPOCHS = 30_000  # as many values as SQLite takes in a statement
_MOST_DIGITS = 18
_MOST_OF_A_STORY = 10_000  # messages: an id that means nothing could be on very many


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages; what is None or empty does not narrow.

    session: a SessionID. tags: values that the message must all have, exactly. text: bytes somewhere in it.
    """

    session: str | None = None
    direction: str | None = None
    msg_types: Sequence[str] = ()
    window: Window = Window()  # noqa: RUF009 -- immutable
    tags: Sequence[tuple[int, str]] = ()
    text: str = ""


def search(
    connection: Connection,
    wanted: MessageFilter,
    *,
    after: int = 0,
    before: int | None = None,
    newest_first: bool = False,
) -> Iterator[Row[Any]]:
    """The messages between these ids, both exclusive, by id. Take as many as are needed."""
    first, last = rows_of(connection, messages.c.id, messages.c.at, wanted.window, _disorder(connection))
    low, high = max(first, after + 1), (last + 1 if before is None else min(before, last + 1))
    found = _by_index(connection, wanted, low, high, newest_first=newest_first)
    if found is None:
        found = _read_through(connection, wanted, low, high, newest_first=newest_first)
    yield from (row for row in found if _has_all(row, wanted))


def _disorder(connection: Connection) -> int:
    known = connection.execute(select(meta.c.value).where(meta.c.key == TIME_DISORDER)).scalar()
    return SLACK if known is None else int(known)


# --- by an index


def _by_index(
    connection: Connection, wanted: MessageFilter, low: int, high: int, *, newest_first: bool
) -> Iterator[Row[Any]] | None:
    """None where no index helps."""
    tags = dict(wanted.tags)
    if CL_ORD_ID in tags:
        conditions = [messages.c.cl_ord_id == storable(tags[CL_ORD_ID])]
    elif tags.get(ORDER_ID, NO_ORDER) != NO_ORDER:
        conditions = [messages.c.order_id == storable(tags[ORDER_ID])]
    elif wanted.session is not None and MSG_SEQ_NUM in tags:
        conditions = _of_number(connection, wanted.session, tags[MSG_SEQ_NUM])
    else:
        return None
    return _rows_of_ids(connection, conditions, wanted, low, high, newest_first=newest_first)


def _of_number(connection: Connection, session: str, text: str) -> list[ColumnElement[bool]]:
    """A number's first uses and its others, in every epoch of the session: one condition for each index."""
    if len(text) > _MOST_DIGITS or not (text.isascii() and text.isdigit()):
        return []
    last = connection.execute(select(sessions.c.epoch).where(sessions.c.session == session)).scalar() or 1
    place = (
        (messages.c.session == session)
        & messages.c.epoch.in_(range(max(1, last - _MOST_EPOCHS + 1), last + 1))
        & messages.c.direction.in_(["in", "out"])
        & (messages.c.msg_seq_num == int(text))
    )
    return [place & messages.c.first_use, place & not_(messages.c.first_use)]


def _rows_of_ids(
    connection: Connection,
    conditions: Sequence[ColumnElement[bool]],
    wanted: MessageFilter,
    low: int,
    high: int,
    *,
    newest_first: bool,
) -> Iterator[Row[Any]]:
    # Ids first: sorting by a sum keeps both databases from reading the whole table in order of its key instead.
    order = messages.c.id + 0
    while low < high:
        ids: list[int] = []
        for condition in conditions:
            query = select(messages.c.id).where(condition, messages.c.id >= low, messages.c.id < high)
            query = query.order_by(order.desc() if newest_first else order).limit(_IDS_AT_ONCE)
            ids += connection.execute(query).scalars()
        ids = sorted(ids, reverse=newest_first)[:_IDS_AT_ONCE]
        for start in range(0, len(ids), _ROWS_AT_ONCE):
            part = ids[start : start + _ROWS_AT_ONCE]
            rows = connection.execute(select(messages).where(messages.c.id.in_(part), *_coarse(wanted, connection)))
            yield from sorted(rows, key=lambda row: row.id, reverse=newest_first)
        if len(ids) < _IDS_AT_ONCE:
            return
        low, high = (low, ids[-1]) if newest_first else (ids[-1] + 1, high)


# --- reading through


def _read_through(
    connection: Connection, wanted: MessageFilter, low: int, high: int, *, newest_first: bool
) -> Iterator[Row[Any]]:
    conditions = _coarse(wanted, connection)
    while low < high:
        start, end = (max(low, high - _WINDOW), high) if newest_first else (low, min(high, low + _WINDOW))
        query = select(messages).where(messages.c.id >= start, messages.c.id < end, *conditions)
        query = query.order_by(messages.c.id.desc() if newest_first else messages.c.id).limit(_ROWS_AT_ONCE)
        rows = connection.execute(query).all()
        connection.rollback()
        yield from rows
        if len(rows) == _ROWS_AT_ONCE:  # there may be more in this window
            start = end = rows[-1].id + (0 if newest_first else 1)
        low, high = (low, start) if newest_first else (end, high)


def _coarse(wanted: MessageFilter, connection: Connection) -> list[ColumnElement[bool]]:
    """What SQL can tell. What it lets through is looked at exactly."""
    dialect = connection.dialect.name
    conditions: list[ColumnElement[bool]] = []
    if wanted.session is not None:
        conditions.append(messages.c.session == wanted.session)
    if wanted.direction is not None:
        conditions.append(messages.c.direction == wanted.direction)
    if wanted.msg_types:
        conditions.append(messages.c.msg_type.in_(wanted.msg_types))
    if wanted.window != Window():
        conditions += [messages.c.at >= wanted.window.since, messages.c.at < wanted.window.until]
    for tag, value in wanted.tags:
        start = b"" if tag == BEGIN_STRING else b"\x01"
        conditions.append(contains(messages.c.raw, b"%b%d=%b\x01" % (start, tag, to_bytes(value)), dialect))
    if wanted.text:
        conditions.append(contains(messages.c.raw, to_bytes(wanted.text), dialect))
    return conditions


def _has_all(row: Row[Any], wanted: MessageFilter) -> bool:
    """Whether the fields are fields, and not a part of another's data."""
    if not wanted.tags:
        return True
    fields = set(split_leniently(to_text(row.raw)))
    return all(field in fields for field in wanted.tags)


def messages_about(connection: Connection, name: str) -> list[Row[Any]]:
    """Messages that go by this ClOrdID(11) or OrderID(37), or by an id that those share a message with, by id.

    For databases that have messages alone. Of several sessions that use the name, the last is meant.
    """
    named = (messages.c.cl_ord_id == storable(name)) | (messages.c.order_id == storable(name))
    last = select(messages.c.session).where(named).order_by((messages.c.id + 0).desc()).limit(1)
    session = connection.execute(last).scalar()
    if session is None:
        return []
    cl_ord_ids, order_ids = {storable(name)}, {storable(name)}
    found: dict[int, Row[Any]] = {}
    while True:
        named = messages.c.cl_ord_id.in_(cl_ord_ids) | messages.c.order_id.in_(order_ids)
        query = select(messages).where(named, messages.c.session == session).limit(_MOST_OF_A_STORY)
        found = {row.id: row for row in connection.execute(query)}
        before = len(cl_ord_ids) + len(order_ids)
        cl_ord_ids |= {row.cl_ord_id for row in found.values() if row.cl_ord_id}
        order_ids |= {row.order_id for row in found.values() if row.order_id and row.order_id != NO_ORDER}
        if len(cl_ord_ids) + len(order_ids) == before or len(found) == _MOST_OF_A_STORY:
            return [found[id_] for id_ in sorted(found)]
