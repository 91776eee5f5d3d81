"""The record as it is handed on: messages, orders, executions, decisions."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, Table, select, tuple_

from gateway.compliance.derive.window import Window
from gateway.compliance.export.columns import Column, Dataset, Kind
from gateway.compliance.export.columns import Row as Values
from gateway.compliance.export.folding import after, event_of
from gateway.compliance.export.paging import by_number
from gateway.compliance.search import MessageFilter, search
from gateway.domain.order import Order
from gateway.errors import JournalUnreadable
from gateway.store.projections import order_row
from gateway.store.tables import decisions, executions, journal, orders
from gateway.wire import tags as t

_ORDERS_AT_ONCE = 500
_SESSION = (t.SENDER_COMP_ID, t.TARGET_COMP_ID)
_TIME, _INTEGER, _DECIMAL, _BOOLEAN = Kind.TIME, Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN


def _messages(connection: Connection, span: Window, _end: int) -> Iterator[Values]:
    for row in search(connection, MessageFilter(window=span)):
        yield [getattr(row, "raw" if column.name == "message" else column.name) for column in MESSAGES.columns]


def _numbered(connection: Connection, table: Table, columns: tuple[Column, ...], span: Window) -> Iterator[Values]:
    for row in by_number(connection, table, span):
        yield [getattr(row, column.name) for column in columns]


def _executions(connection: Connection, span: Window, _end: int) -> Iterator[Values]:
    return _numbered(connection, executions, EXECUTIONS.columns, span)


def _decisions(connection: Connection, span: Window, _end: int) -> Iterator[Values]:
    return _numbered(connection, decisions, DECISIONS.columns, span)


def _orders(connection: Connection, span: Window, end: int) -> Iterator[Values]:
    """Those received in the span, as they stood at `end`: folded, since the table of orders has them as of now."""
    key = tuple_(orders.c.received_at, orders.c.order_id)
    last: tuple[int, str] = (span.since, "")
    while True:
        query = select(orders.c.received_at, orders.c.order_id).where(key > last, orders.c.received_at < span.until)
        found = connection.execute(query.order_by(*key.clauses).limit(_ORDERS_AT_ONCE)).all()
        standing = _folded(connection, [row.order_id for row in found], end)
        connection.rollback()
        for row in found:
            order, at = standing[row.order_id]
            yield order_row(order, at)
        if len(found) < _ORDERS_AT_ONCE:
            return
        last = (found[-1].received_at, found[-1].order_id)


def _folded(connection: Connection, order_ids: list[str], end: int) -> dict[str, tuple[Order, int]]:
    """How the orders stood, each with the time of its last event.

    Raises JournalUnreadable where that cannot be told.
    """
    standing: dict[str, tuple[Order, int]] = {}
    query = select(journal).where(journal.c.order_id.in_(order_ids), journal.c.at < end)
    row: Row[Any]
    for row in connection.execute(query.order_by(journal.c.position)):
        known = standing.get(row.order_id)
        order = after(known[0] if known else None, event_of(row), row.position)
        standing[row.order_id] = (order, row.at)
    if missing := [order_id for order_id in order_ids if order_id not in standing]:
        raise JournalUnreadable(
            f"the journal has no event of order {missing[0]}; fixgw replay derive compares them all"
        )
    return standing


MESSAGES = Dataset(
    "messages",
    (
        Column("id", _INTEGER),
        Column("at", _TIME),
        Column("session", tags=_SESSION),
        Column("epoch", _INTEGER),
        Column("direction"),
        Column("msg_seq_num", _INTEGER, (t.MSG_SEQ_NUM,)),
        Column("msg_type"),
        Column("poss_dup", _BOOLEAN, (t.POSS_DUP_FLAG,)),
        Column("first_use", _BOOLEAN),
        Column("cl_ord_id", tags=(t.CL_ORD_ID,)),
        Column("order_id", tags=(t.ORDER_ID,)),
        Column("message", Kind.MESSAGE),
    ),
    _messages,
)

ORDERS = Dataset(
    "orders",
    (
        Column("order_id", tags=(t.ORDER_ID,)),
        Column("session", tags=_SESSION),
        Column("cl_ord_id", tags=(t.CL_ORD_ID,)),
        Column("first_cl_ord_id", tags=(t.CL_ORD_ID,)),
        Column("account", tags=(t.ACCOUNT,)),
        Column("venue_account"),
        Column("symbol", tags=(t.SYMBOL,)),
        Column("side", tags=(t.SIDE,)),
        Column("ord_type", tags=(t.ORD_TYPE,)),
        Column("time_in_force", tags=(t.TIME_IN_FORCE,)),
        Column("order_qty", _DECIMAL, (t.ORDER_QTY,)),
        Column("price", _DECIMAL, (t.PRICE,)),
        Column("stop_px", _DECIMAL, (t.STOP_PX,)),
        Column("cum_qty", _DECIMAL, (t.CUM_QTY,)),
        Column("avg_px", _DECIMAL, (t.AVG_PX,)),
        Column("leaves_qty", _DECIMAL, (t.LEAVES_QTY,)),
        Column("ord_status", tags=(t.ORD_STATUS,)),
        Column("is_open", _BOOLEAN, (t.ORD_STATUS,)),
        Column("is_unknown", _BOOLEAN),
        Column("text", tags=(t.TEXT,)),
        Column("received_at", _TIME),
        Column("updated_at", _TIME),
    ),
    _orders,
)

EXECUTIONS = Dataset(
    "executions",
    (
        Column("position", _INTEGER, (t.EXEC_ID,)),
        Column("at", _TIME),
        Column("order_id", tags=(t.ORDER_ID,)),
        Column("venue_account"),
        Column("symbol", tags=(t.SYMBOL,)),
        Column("side", tags=(t.SIDE,)),
        Column("trade_id", tags=(t.SECONDARY_EXEC_ID,)),
        Column("venue_order_id", tags=(t.SECONDARY_ORDER_ID,)),
        Column("last_qty", _DECIMAL, (t.LAST_QTY,)),
        Column("last_px", _DECIMAL, (t.LAST_PX,)),
        Column("commission", _DECIMAL, (t.COMMISSION,)),
        Column("commission_currency", tags=(t.COMM_CURRENCY,)),
        Column("liquidity", tags=(t.LAST_LIQUIDITY_IND,)),
        Column("transact_time", _TIME, (t.TRANSACT_TIME,)),
    ),
    _executions,
)

DECISIONS = Dataset(
    "decisions",
    (
        Column("position", _INTEGER),
        Column("at", _TIME),
        Column("order_id", tags=(t.ORDER_ID,)),
        Column("cl_ord_id", tags=(t.CL_ORD_ID,)),
        Column("session", tags=_SESSION),
        Column("outcome"),
        Column("code"),
        Column("text", tags=(t.TEXT,)),
        Column("inputs", tags=(t.TEXT,)),  # JSON: figures of the order and its account
    ),
    _decisions,
)

RECORDS = {dataset.name: dataset for dataset in (MESSAGES, ORDERS, EXECUTIONS, DECISIONS)}
