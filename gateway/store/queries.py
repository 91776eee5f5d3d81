"""What people ask of the database: orders, one order's story, sessions. Rows have the columns of tables.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, and_, or_, select

from gateway.domain.events import Event
from gateway.domain.session_names import OWN_PREFIX, OWN_SESSION
from gateway.store.codec import decode_event
from gateway.store.tables import (
    alerts,
    breaks,
    decisions,
    executions,
    intents,
    journal,
    messages,
    orders,
    venue_calls,
)

Rows = Sequence[Row[Any]]

# A request's message is stored just before its order is, and its answers just after; ids come back on other days.
_NEARBY_NS = 60_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders to list, newest first; None does not narrow."""

    session: str | None = None
    account: str | None = None
    symbol: str | None = None
    is_open: bool | None = None
    is_unknown: bool | None = None
    received_since: int | None = None
    limit: int | None = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """Which alerts; what is None or empty does not narrow. since <= at < until, nanoseconds UTC."""

    codes: Sequence[str] = ()
    severity: str | None = None
    session: str | None = None
    since: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStory:
    """All that is stored of one order, each part in the order it happened."""

    order: Row[Any]
    events: Sequence[tuple[int, Event]]  # with their journal positions
    messages: Rows
    decisions: Rows
    intents: Rows
    venue_calls: Rows
    executions: Rows
    alerts: Rows


def find_orders(connection: Connection, wanted: OrderFilter) -> Rows:
    """The orders that pass the filter. Quantities and prices are Decimals."""
    query = select(orders).order_by(orders.c.received_at.desc(), orders.c.order_id.desc()).limit(wanted.limit)
    for name in ("session", "account", "symbol", "is_open", "is_unknown"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(orders.c[name] == value)
    if wanted.received_since is not None:
        query = query.where(orders.c.received_at >= wanted.received_since)
    return connection.execute(query).all()


def find_order_ids(connection: Connection, text: str) -> list[str]:
    """The orders that go by this OrderID(37) or by this ClOrdID(11), their requests' ids included; newest first."""
    if connection.execute(select(orders.c.order_id).where(orders.c.order_id == text)).first():
        return [text]
    by_message = select(messages.c.order_id).where(messages.c.cl_ord_id == text, messages.c.order_id.is_not(None))
    named: list[ColumnElement[bool]] = [orders.c.order_id.in_(by_message)]
    if text.startswith(OWN_PREFIX):  # no message brought it, and every order has to be looked at
        named.append((orders.c.session == OWN_SESSION) & (orders.c.cl_ord_id == text))
    query = select(orders.c.order_id).where(or_(*named)).order_by(orders.c.received_at.desc())
    return list(connection.execute(query).scalars())


def find_order_ids_by_row(connection: Connection, text: str) -> list[str]:
    """The orders whose first or last ClOrdID(11) is this, newest first. Looks at every order: for where the messages
    that find_order_ids looks in are archived.
    """
    query = select(orders.c.order_id).where(or_(orders.c.cl_ord_id == text, orders.c.first_cl_ord_id == text))
    return list(connection.execute(query.order_by(orders.c.received_at.desc())).scalars())


def order_story(connection: Connection, order_id: str) -> OrderStory | None:
    """One order's story; None when there is no such order."""
    order = connection.execute(select(orders).where(orders.c.order_id == order_id)).first()
    if order is None:
        return None
    of_order = select(journal).where(journal.c.order_id == order_id).order_by(journal.c.position)
    events = [(row.position, decode_event(row.event_type, row.payload)) for row in connection.execute(of_order)]
    return OrderStory(
        order=order,
        events=events,
        messages=_messages(connection, order, events),
        decisions=connection.execute(_at_positions(decisions, "position", order_id)).all(),
        intents=connection.execute(_at_positions(intents, "intent_id", order_id)).all(),
        venue_calls=_of_order(connection, venue_calls, order_id),
        executions=connection.execute(_at_positions(executions, "position", order_id)).all(),
        alerts=_of_order(connection, alerts, order_id),
    )


def _at_positions(table: Table, key: str, order_id: str) -> Select[Any]:
    """The table's rows of the order, found through the journal, which alone has an index on order_id."""
    positions = select(journal.c.position).where(journal.c.order_id == order_id)
    return select(table).where(table.c[key].in_(positions)).order_by(table.c[key])


def _of_order(connection: Connection, table: Table, order_id: str) -> Rows:
    return connection.execute(select(table).where(table.c.order_id == order_id).order_by(table.c.id)).all()


def _messages(connection: Connection, order: Row[Any], events: Sequence[tuple[int, Event]]) -> Rows:
    """Messages that name the order, those of its requests that were stored before it had an id, and its reports."""
    cl_ord_ids = {event.cl_ord_id for _, event in events if hasattr(event, "cl_ord_id")}
    of_a_request = and_(
        messages.c.cl_ord_id.in_(cl_ord_ids),
        messages.c.session == order.session,
        messages.c.order_id.is_(None),
        messages.c.at.between(order.received_at - _NEARBY_NS, order.updated_at + _NEARBY_NS),
    )
    # Others may name the order too, rightly (copies of its reports) or not: their messages are no part of its story.
    of_the_order = and_(messages.c.order_id == order.order_id, messages.c.session == order.session)
    query = select(messages).where(or_(of_the_order, of_a_request)).order_by(messages.c.id)
    return connection.execute(query).all()


def find_breaks(connection: Connection, break_ids: Sequence[int]) -> Rows:
    """These breaks, oldest first."""
    return connection.execute(select(breaks).where(breaks.c.break_id.in_(break_ids)).order_by(breaks.c.break_id)).all()


def find_alerts(connection: Connection, wanted: AlertFilter, *, after: int = 0) -> Rows:
    """The alerts after the one with this id, oldest first."""
    return connection.execute(_alerts(wanted).where(alerts.c.id > after).order_by(alerts.c.id)).all()


def newest_alerts(connection: Connection, wanted: AlertFilter, limit: int) -> Rows:
    """So many at most, the newest last."""
    return connection.execute(_alerts(wanted).order_by(alerts.c.id.desc()).limit(limit)).all()[::-1]


def _alerts(wanted: AlertFilter) -> Select[Any]:
    query = select(alerts).where(alerts.c.at >= wanted.since, alerts.c.at < wanted.until)
    if wanted.codes:
        query = query.where(alerts.c.code.in_(wanted.codes))
    if wanted.severity is not None:
        query = query.where(alerts.c.severity == wanted.severity)
    if wanted.session is not None:
        query = query.where(alerts.c.session == wanted.session)
    return query
