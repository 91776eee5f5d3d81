"""The rows of an RTS 24 export: one for each event of an order, in the order of the journal."""

from collections import OrderedDict
from collections.abc import Iterator

from sqlalchemy import Connection

from gateway.compliance.derive.window import Window
from gateway.compliance.export.columns import Column, Dataset, Row
from gateway.compliance.export.folding import after, event_of, order_before
from gateway.compliance.export.paging import by_number
from gateway.compliance.export.rts24 import FIELDS
from gateway.compliance.export.rts24_values import Happening, code_of
from gateway.domain.events import Event, OrderReceived
from gateway.domain.order import Order
from gateway.store.tables import journal

KEPT = 20_000
"""Orders in memory; others are folded again when something happens to them."""


class _Orders:
    """Orders as the journal has made them so far."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._orders: OrderedDict[str, Order] = OrderedDict()

    def after(self, position: int, event: Event) -> Order:
        order = self._orders.get(event.order_id)
        if order is None and not isinstance(event, OrderReceived):
            order = order_before(self._connection, event.order_id, position)
        order = self._orders[event.order_id] = after(order, event, position)
        self._orders.move_to_end(event.order_id)
        if len(self._orders) > KEPT:
            self._orders.popitem(last=False)
        return order


def _rows(connection: Connection, span: Window, _end: int) -> Iterator[Row]:
    orders = _Orders(connection)
    for row in by_number(connection, journal, span):
        event = event_of(row)
        order = orders.after(row.position, event) if event.order_id else None
        code = code_of(event, order)
        if code is not None:
            happening = Happening(row.position, code, event, order)
            yield [field.value(happening) for field in FIELDS]


RTS24 = Dataset("rts24", tuple(Column(field.column, tags=field.tags) for field in FIELDS), _rows)
