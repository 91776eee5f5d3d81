"""What the engine reads at its start: everything it must know again, and nothing it need not.

Call them on one connection, before the first commit.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Select, desc, false, func, not_, select

from gateway.domain.events import Event, MassCancelRequested
from gateway.domain.money import ZERO, add, multiply
from gateway.domain.values import Side
from gateway.store.codec import decode_event
from gateway.store.rows import AdminActionRow, BreakRow, HaltRow, MessageRow, ReportRow, SessionRow
from gateway.store.tables import admin_actions, breaks, halts, journal, messages, orders, reports, sessions, venue_calls
from gateway.store.tables_retention import archives

ADMINISTRATIVE = ("0", "1", "2", "3", "4", "5", "A")
"""MsgType(35) of the session level: never resent, a gap fill stands in for them."""

UNDER_WAY = "under way"
"""The outcome of an admin_actions row whose operation has not ended."""

RECONCILE = "reconcile"
"""The operation of the venue_calls row that a finished comparison leaves."""

_SECOND = 1_000_000_000  # ns
_ROWS_AT_ONCE = 5000
_CALLS_LOOKED_AT = 200_000


def load_open_events(connection: Connection, changed_since: int | None = None) -> Iterator[tuple[int, Event]]:
    """(position, event) in order, of every order that is open, or changed at or after changed_since."""
    loaded = _loaded_orders(changed_since).subquery()
    query = (
        select(journal.c.position, journal.c.event_type, journal.c.payload)
        .where(journal.c.order_id.in_(select(loaded.c.order_id)))
        .order_by(journal.c.position)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for position, event_type, payload in connection.execute(query):
        yield position, decode_event(event_type, payload)


def _loaded_orders(changed_since: int | None) -> Select[Any]:
    # Once a start reads all orders' times: cheaper than an index that every change of an order would write.
    recent = false() if changed_since is None else orders.c.updated_at >= changed_since
    return select(orders.c.order_id).where(orders.c.is_open | recent)


def load_order_events(connection: Connection, order_id: str) -> Iterator[tuple[int, Event]]:
    """(position, event) in order, of one order."""
    query = (
        select(journal.c.position, journal.c.event_type, journal.c.payload)
        .where(journal.c.order_id == order_id)
        .order_by(journal.c.position)
    )
    for position, event_type, payload in connection.execute(query):
        yield position, decode_event(event_type, payload)


def received_order(connection: Connection, session: str, cl_ord_id: str, since: int, before: int) -> str | None:
    """The OrderID(37) of the last order that the session sent under this ClOrdID(11) in that time, nanoseconds UTC.

    It is found by the message that it came in: orders have no index of ClOrdIDs, and the engine waits for the answer.
    """
    came = select(messages.c.order_id).where(
        messages.c.cl_ord_id == cl_ord_id,
        messages.c.session == session,
        messages.c.direction == "in",
        messages.c.msg_type == "D",
        messages.c.order_id.is_not(None),
        messages.c.at >= since,
        messages.c.at < before,
    )
    order_ids = set(connection.execute(came).scalars())
    if not order_ids:
        return None
    # A message that was refused has the order that had its ClOrdID before, or whatever the client wrote.
    query = (
        select(orders.c.order_id)
        .where(
            orders.c.order_id.in_(order_ids),
            orders.c.session == session,
            orders.c.first_cl_ord_id == cl_ord_id,
            orders.c.received_at >= since,
            orders.c.received_at < before,
        )
        .order_by(desc(orders.c.received_at))
    )
    found: str | None = connection.execute(query.limit(1)).scalar()
    return found


def was_refused(connection: Connection, session: str, cl_ord_id: str, msg_type: str, since: int) -> bool:
    """Whether the session has sent this D or G, of which the book knows nothing, since then, nanoseconds UTC."""
    query = select(messages.c.id).where(
        messages.c.cl_ord_id == cl_ord_id,
        messages.c.session == session,
        messages.c.direction == "in",
        messages.c.msg_type == msg_type,
        messages.c.at >= since,
    )
    if msg_type == "D":  # with an order it was one of an earlier day, or was told of one; a G has its order in any case
        query = query.where(messages.c.order_id.is_(None))
    return connection.execute(query.limit(1)).scalar() is not None


def messages_are_archived(connection: Connection, since: int) -> bool:
    """Whether messages are archived of the UTC day of this time, nanoseconds, or of a later one."""
    day = datetime.fromtimestamp(since // _SECOND, UTC).date().isoformat()
    query = select(archives.c.number).where(archives.c.record_class == "messages", archives.c.day >= day)
    return connection.execute(query.limit(1)).scalar() is not None


def load_positions(connection: Connection, changed_since: int | None = None) -> dict[tuple[str, str, str], Decimal]:
    """Net CumQty by (session, account, symbol) of just the orders that load_open_events leaves out, exact."""
    left_out = not_(orders.c.is_open)
    if changed_since is not None:
        left_out = left_out & (orders.c.updated_at < changed_since)
    # Equal quantities are counted by SQL and added here: SQLite would add decimals as floats.
    query = (
        select(orders.c.session, orders.c.account, orders.c.symbol, orders.c.side, orders.c.cum_qty, func.count())
        .where(left_out)
        .group_by(orders.c.session, orders.c.account, orders.c.symbol, orders.c.side, orders.c.cum_qty)
    )
    positions: dict[tuple[str, str, str], Decimal] = defaultdict(lambda: ZERO)
    for session, account, symbol, side, cum_qty, count in connection.execute(query):
        if cum_qty:
            net = multiply(cum_qty, Decimal(count * Side(side).sign))
            key = (session, account, symbol)
            positions[key] = add(positions[key], net)
    return dict(positions)


def last_position(connection: Connection) -> int:
    """The journal's last position; 0 before the first event."""
    return int(connection.execute(select(func.coalesce(func.max(journal.c.position), 0))).scalar_one())


def last_report_id(connection: Connection) -> int:
    """The highest report id ever given; 0 before the first."""
    newest = select(func.coalesce(func.max(reports.c.report_id), 0))
    sent = select(func.coalesce(func.max(sessions.c.last_report_id), 0))
    return int(max(connection.execute(newest).scalar_one(), connection.execute(sent).scalar_one()))


def last_order_number(connection: Connection) -> int:
    """The number in the newest OrderID(37), which ends in digits and was given in journal order; 0 before the first."""
    query = (
        select(journal.c.order_id)
        .where(journal.c.event_type == "OrderReceived")
        .order_by(desc(journal.c.position))
        .limit(1)
    )
    digits = re.search(r"\d+$", connection.execute(query).scalar() or "")
    return int(digits[0]) if digits else 0


def load_sessions(connection: Connection) -> list[SessionRow]:
    """Every FIX session as it was last committed."""
    return [SessionRow(*row) for row in connection.execute(select(sessions).order_by(sessions.c.session))]


def unsent_reports(
    connection: Connection, session: str, after_report_id: int, limit: int | None = None
) -> list[ReportRow]:
    """The session's reports after the given one, in order: those that wait, or whose receipt is in doubt."""
    query = (
        select(reports)
        .where(reports.c.session == session, reports.c.report_id > after_report_id)
        .order_by(reports.c.report_id)
        .limit(limit)
    )
    return [ReportRow(*row) for row in connection.execute(query)]


def sent_message(connection: Connection, session: str, epoch: int, msg_seq_num: int) -> MessageRow | None:
    """What went out first under this number; None where nothing did, or it is archived."""
    query = select(messages).where(
        messages.c.session == session,
        messages.c.epoch == epoch,
        messages.c.direction == "out",
        messages.c.msg_seq_num == msg_seq_num,
        messages.c.first_use,
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else MessageRow(*row[1:])


def was_mass_canceled(connection: Connection, session: str, cl_ord_id: str, since: int) -> bool:
    """Whether a mass cancel of the session with this ClOrdID(11) was done since then, nanoseconds UTC.

    One that was received and could not be done does not count. What was done has the message's time in the journal.
    """
    received = select(messages.c.at).where(
        messages.c.cl_ord_id == cl_ord_id,
        messages.c.session == session,
        messages.c.direction == "in",
        messages.c.at >= since,
    )
    times = set(connection.execute(received).scalars())
    if not times:
        return False
    done = select(journal.c.payload).where(
        journal.c.order_id == "", journal.c.event_type == MassCancelRequested.__name__, journal.c.at.in_(times)
    )
    return any(is_mass_cancel(payload, session, cl_ord_id) for payload in connection.execute(done).scalars())


def is_mass_cancel(payload: str, session: str, cl_ord_id: str) -> bool:
    """Whether this MassCancelRequested is of that request."""
    event = decode_event(MassCancelRequested.__name__, payload)
    return isinstance(event, MassCancelRequested) and (event.session, event.cl_ord_id) == (session, cl_ord_id)


def sent_messages(connection: Connection, session: str, epoch: int) -> Iterator[tuple[int, bytes]]:
    """(MsgSeqNum(34), message) of the application messages sent in the epoch, each as it was first sent."""
    query = (
        select(messages.c.msg_seq_num, messages.c.raw)
        .where(
            messages.c.session == session,
            messages.c.epoch == epoch,
            messages.c.direction == "out",
            messages.c.first_use,
            messages.c.msg_type.not_in(ADMINISTRATIVE),
        )
        .order_by(messages.c.msg_seq_num)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for number, raw in connection.execute(query):
        yield number, bytes(raw)


def standing_breaks(connection: Connection) -> list[BreakRow]:
    """Every break without an end, oldest first."""
    query = select(breaks).where(breaks.c.resolved_at.is_(None)).order_by(breaks.c.break_id)
    return [BreakRow(*row) for row in connection.execute(query)]


def last_break_id(connection: Connection) -> int:
    """The newest break's id; 0 before the first."""
    return int(connection.execute(select(func.coalesce(func.max(breaks.c.break_id), 0))).scalar_one())


def last_reconciled_at(connection: Connection) -> dict[str, int]:
    """When each venue account was last compared, if that is among what was said lately; nanoseconds UTC."""
    newest = connection.execute(select(func.max(venue_calls.c.id))).scalar()
    query = (
        select(venue_calls.c.venue_account, func.max(venue_calls.c.at))
        .where(venue_calls.c.id > (newest or 0) - _CALLS_LOOKED_AT, venue_calls.c.operation == RECONCILE)
        .group_by(venue_calls.c.venue_account)
    )
    return {account: int(at) for account, at in connection.execute(query)}


def last_action_id(connection: Connection) -> int:
    """The newest operator action's id; 0 before the first."""
    return int(connection.execute(select(func.coalesce(func.max(admin_actions.c.action_id), 0))).scalar_one())


def kills_under_way(connection: Connection) -> list[AdminActionRow]:
    """Those that the engine's end has cut short; to be read before an engine begins."""
    where = (admin_actions.c.action == "kill") & (admin_actions.c.outcome == UNDER_WAY)
    return [AdminActionRow(*row) for row in connection.execute(select(admin_actions).where(where))]


def load_halts(connection: Connection) -> list[HaltRow]:
    """Where trading is, or ever was, stopped."""
    query = select(halts).order_by(*halts.primary_key)
    return [HaltRow(*row) for row in connection.execute(query)]
