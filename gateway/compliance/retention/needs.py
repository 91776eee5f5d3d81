"""What SQL says that the engine may need again, and what of each record decides whether it may go."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, literal, or_, select

from gateway.compliance.retention.classes import TABLES
from gateway.compliance.retention.select import Facts, Needs
from gateway.engine.clock import DAY
from gateway.store.codec import decode_event
from gateway.store.readers import RECONCILE
from gateway.store.tables import journal, messages, metadata, orders, sessions, venue_calls

SLACK = 600 * 10**9
"""Records are numbered in the order of commits, not of their times: they are this far apart at most (ns)."""

_ROWS_AT_ONCE = 5000
_KINDS = {"journal": "event_type", "venue_calls": "operation", "messages": "msg_type"}
_PLAIN = ("order_id", "session", "cl_ord_id", "direction", "epoch")


class _Span(NamedTuple):
    """An order's. goes_on: it is open or unknown."""

    order_id: str
    received_at: int
    updated_at: int
    goes_on: bool


class NeedsOfDays:
    """What must stay of each day, as of one moment. Orders stay in their table for good: they are looked through once
    for all days.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._spans = [_Span(*row) for row in connection.execute(_spans())]
        newest = select(journal.c.order_id).where(journal.c.event_type == "OrderReceived")
        newest = newest.order_by(journal.c.position.desc()).limit(1)
        self._newest_order = frozenset(connection.execute(newest).scalars())
        numbers = select(sessions.c.session, sessions.c.epoch, sessions.c.proven_report_id)
        known = connection.execute(numbers).all()
        self._always = Needs(
            sealed={},
            newest={name: _newest(connection, name) for name in TABLES},
            epochs={row.session: row.epoch for row in known},
            proven={row.session: row.proven_report_id for row in known},
            compared=frozenset(connection.execute(_compared()).scalars()),
        )

    def before(self, until: int, sealed: Mapping[str, int]) -> Needs:
        """What must stay of the days before the midnight `until`, nanoseconds UTC."""
        in_use = self.orders_in_use(until)
        names = frozenset(_names(self._connection, in_use))
        return replace(self._always, sealed=sealed, orders=in_use, names=names)

    def orders_in_use(self, until: int) -> frozenset[str]:
        """Open or unknown, or with events after the day; and the newest, above whose number new ones are given."""
        first, last = until - SLACK, until + SLACK
        spans = (s.order_id for s in self._spans if s.received_at < last and (s.goes_on or s.updated_at >= first))
        return self._newest_order.union(spans)


def _spans() -> Select[Any]:
    """Those that are in use at some midnight, as orders_in_use has it."""
    goes_on = or_(orders.c.is_open, orders.c.is_unknown)
    is_over_one = (orders.c.updated_at + SLACK) // DAY > (orders.c.received_at - SLACK) // DAY
    return select(orders.c.order_id, orders.c.received_at, orders.c.updated_at, goes_on).where(
        or_(goes_on, is_over_one)
    )


def _compared() -> Select[Any]:
    return (
        select(func.max(venue_calls.c.id))
        .where(venue_calls.c.operation == RECONCILE)
        .group_by(venue_calls.c.venue_account)
    )


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
