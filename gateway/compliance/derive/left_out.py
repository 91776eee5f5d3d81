"""In a file of opened archives, which has some days alone: orders whose story is not whole in it. To fold what is left
of them would show differences that are none.
"""

from typing import NamedTuple

from sqlalchemy import Connection, select

from gateway.compliance.derive.window import SLACK
from gateway.compliance.retention.opened import is_opened, spans_of
from gateway.store.tables import orders, reports

CLASSES = ("orders", "decisions", "messages")
"""The classes of record that deriving reads."""

_ROWS_AT_ONCE = 5000


class LeftOut(NamedTuple):
    """is_part: the file has some days alone. orders: that went on, or may have, on days that it does not have.

    reports: session and time of those that are about them, as refusals can be of which the journal names no order.
    """

    is_part: bool = False
    orders: frozenset[str] = frozenset()
    reports: frozenset[tuple[str, int]] = frozenset()


def left_out_of(connection: Connection) -> LeftOut:
    """Nothing is in a gateway's own database."""
    if not is_opened(connection):
        return LeftOut()
    spans = spans_of(connection, CLASSES)
    found = set()
    for row in connection.execute(
        select(orders.c.order_id, orders.c.received_at, orders.c.updated_at).execution_options(yield_per=_ROWS_AT_ONCE)
    ):
        since, until = row.received_at - SLACK, row.updated_at + SLACK  # a day may have the last of the one before
        if not any(span.since <= since and until < span.until for span in spans):
            found.add(row.order_id)
    query = select(reports.c.session, reports.c.at, reports.c.order_id).where(reports.c.order_id.is_not(None))
    rows = connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE))
    return LeftOut(True, frozenset(found), frozenset((row.session, row.at) for row in rows if row.order_id in found))
