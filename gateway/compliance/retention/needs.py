"""What SQL says that the engine may need again, and what of each record decides whether it may go."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Select, func, literal, or_, select

from gateway.compliance.retention.classes import TABLES
from gateway.compliance.retention.select import Facts, Needs
from gateway.store.codec import decode_event
from gateway.store.readers import RECONCILE
from gateway.store.tables import journal, messages, metadata, orders, sessions, venue_calls

SLACK = 600 * 10**9
"""Records are numbered in the order of commits, not of their times: they are this far apart at most (ns)."""

_ROWS_AT_ONCE = 5000
_KINDS = {"journal": "event_type", "venue_calls": "operation", "messages": "msg_type"}
_PLAIN = ("order_id", "session", "cl_ord_id", "direction", "epoch")


def needs_of(connection: Connection, sealed: Mapping[str, int], until: int) -> Needs:
    """What must stay of the days before `until`, nanoseconds UTC."""
    in_use = _orders_in_use(connection, until)
    return Needs(
        sealed=sealed,
        newest={name: _newest(connection, name) for name in TABLES},
        orders=in_use,
        names=frozenset(_names(connection, in_use)),
        epochs={row.session: row.epoch for row in connection.execute(select(sessions.c.session, sessions.c.epoch))},
        proven={
            row.session: row.proven_report_id
            for row in connection.execute(select(sessions.c.session, sessions.c.proven_report_id))
        },
        compared=frozenset(
            connection.execute(
                select(func.max(venue_calls.c.id))
                .where(venue_calls.c.operation == RECONCILE)
                .group_by(venue_calls.c.venue_account)
            ).scalars()
        ),
    )


def _orders_in_use(connection: Connection, until: int) -> frozenset[str]:
    """Open or unknown, or with events after the day; and the newest, above whose number new ones are given."""
    went_on = orders.c.updated_at >= until - SLACK
    query = select(orders.c.order_id).where(
        orders.c.received_at < until + SLACK, or_(orders.c.is_open, orders.c.is_unknown, went_on)
    )
    newest = select(journal.c.order_id).where(journal.c.event_type == "OrderReceived")
    last = connection.execute(newest.order_by(journal.c.position.desc()).limit(1)).scalars()
    return frozenset(connection.execute(query).scalars()) | frozenset(last)


def _names(connection: Connection, order_ids: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Every ClOrdID(11) that these orders and their requests go by: messages that refused ones have no OrderID."""
    listed = sorted(order_ids)
    for first in range(0, len(listed), 500):
        some = listed[first : first + 500]
        query = select(orders.c.session, journal.c.event_type, journal.c.payload)
        query = query.join(orders, orders.c.order_id == journal.c.order_id).where(journal.c.order_id.in_(some))
        for session, event_type, payload in connection.execute(query):
            if name := getattr(decode_event(event_type, payload), "cl_ord_id", None):
                yield session, name
        of_messages = select(messages.c.session, messages.c.cl_ord_id).where(messages.c.order_id.in_(some))
        yield from ((session, name) for session, name in connection.execute(of_messages.distinct()) if name is not None)


def _newest(connection: Connection, name: str) -> int:
    key = key_of(name)
    return int(connection.execute(select(func.coalesce(func.max(key), 0))).scalar_one())


def key_of(name: str) -> Any:
    """The column that orders the table."""
    return next(iter(metadata.tables[name].primary_key))


def facts_of(connection: Connection, name: str, after: int, until: int) -> Iterator[Facts]:
    """The table's records with keys above `after`, up to and including `until`, in their order."""
    key = key_of(name)
    for row in connection.execute(_facts(name).where(key > after, key <= until).order_by(key)):
        number, at, order_id, session, cl_ord_id, direction, epoch, kind = row
        yield Facts(name, number, at, order_id or "", session or "", cl_ord_id or "", kind, direction, epoch)


def _facts(name: str) -> Select[Any]:
    table = metadata.tables[name]
    plain = [table.c[column] if column in table.c else literal(0 if column == "epoch" else "") for column in _PLAIN]
    kind = table.c[_KINDS[name]] if name in _KINDS else literal("")
    return select(key_of(name), table.c.at, *plain, kind).execution_options(yield_per=_ROWS_AT_ONCE)
