"""Orders while the journal is folded: so many in memory, the others folded again when something happens to them."""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from gateway.compliance.derive.difference import Difference, Found, columns_that_differ
from gateway.compliance.derive.stored import as_read
from gateway.compliance.derive.window import Window
from gateway.domain.events import Event
from gateway.domain.order import Order
from gateway.domain.transitions import evolve
from gateway.store.codec import decode_event
from gateway.store.projections import order_row
from gateway.store.rows import OrderRow
from gateway.store.tables import journal, orders

KEPT = 50_000
"""Orders in memory."""

_AT_ONCE = 500


class Orders:
    """Each order as the journal has made it so far. When one leaves the memory its row is compared."""

    def __init__(
        self, connection: Connection, window: Window, found: Found, left_out: Collection[str] = (), kept: int = KEPT
    ) -> None:
        """left_out: orders that nothing is folded of."""
        self._left_out = left_out
        self._connection = connection
        self._window = window
        self._found = found
        self._kept = kept
        self._orders: OrderedDict[str, tuple[Order, int]] = OrderedDict()  # with the time of its last event
        self._touched: set[str] = set()  # by an event of the window, and not compared since
        self._suspects: set[str] = set()  # their rows were otherwise; perhaps there is more to come

    def before(self, order_id: str, position: int, *, is_new: bool = False) -> Order | None:
        """The order as it is before this journal position."""
        entry = self._orders.get(order_id)
        if entry is None and not is_new:
            entry = self._load(order_id, position)
        return entry[0] if entry is not None else None

    def after(self, order: Order, at: int) -> None:
        """The order as an event at this time leaves it."""
        self._orders[order.order_id] = (order, at)
        self._orders.move_to_end(order.order_id)
        if self._window.holds(at):
            self._touched.add(order.order_id)
        if len(self._orders) >= self._kept + _AT_ONCE:
            self._let_go(_AT_ONCE)

    def finish(self) -> None:
        """Compare what is left, and say what differs."""
        while self._orders:
            self._let_go(_AT_ONCE)
        for suspects in _portions(sorted(self._suspects)):
            rows = self._rows(suspects)
            for order_id in suspects:
                entry = self._load(order_id, None)
                text = _difference(rows.get(order_id), entry)
                if text:
                    self._found(Difference("orders", order_id, text))
        self._find_orders_of_nothing()

    def _load(self, order_id: str, position: int | None) -> tuple[Order, int] | None:
        entry: tuple[Order, int] | None = None
        for event, order in folded(self._connection, order_id, position):
            entry = (order, event.at)
        if entry is not None and position is not None:
            self._orders[order_id] = entry
        return entry

    def _let_go(self, count: int) -> None:
        leaving = [self._orders.popitem(last=False) for _ in range(min(count, len(self._orders)))]
        compared = {order_id: entry for order_id, entry in leaving if order_id in self._touched}
        self._touched.difference_update(compared)
        for order_ids in _portions(list(compared)):
            rows = self._rows(order_ids)
            for order_id in order_ids:
                differs = _difference(rows.get(order_id), compared[order_id])
                (self._suspects.add if differs else self._suspects.discard)(order_id)

    def _rows(self, order_ids: Sequence[str]) -> dict[str, Row[Any]]:
        return {row.order_id: row for row in self._connection.execute(_ROWS.where(orders.c.order_id.in_(order_ids)))}

    def _find_orders_of_nothing(self) -> None:
        """Rows of orders that the journal never heard of."""
        query = select(orders.c.order_id).where(
            orders.c.received_at >= self._window.since,
            orders.c.received_at < self._window.until,
            ~exists().where(journal.c.order_id == orders.c.order_id),
        )
        for order_id in self._connection.execute(query).scalars():
            if order_id not in self._left_out:
                self._found(Difference("orders", order_id, "stored, and nothing in the journal makes it"))


_ROWS = select(orders)


def folded(connection: Connection, order_id: str, before: int | None = None) -> Iterator[tuple[Event, Order]]:
    """One order's events, those before a journal position, each with the order after it.

    What cannot be read, or cannot happen, is left out: the pass over the journal names it.
    """
    query = select(journal.c.event_type, journal.c.payload).where(journal.c.order_id == order_id)
    if before is not None:
        query = query.where(journal.c.position < before)
    order: Order | None = None
    for event_type, payload in connection.execute(query.order_by(journal.c.position)).all():
        try:
            event = decode_event(event_type, payload)
            order = evolve(order, event)
        except Exception:  # noqa: S112 - it is named where the whole journal is gone through
            continue
        yield event, order


def _difference(row: Row[Any] | None, entry: tuple[Order, int] | None) -> str:
    if entry is None:
        return "" if row is None else "stored, and nothing in the journal makes it"
    if row is None:
        return "not stored, and the journal makes it"
    derived = as_read(orders, order_row(*entry))
    return "" if tuple(row) == derived else columns_that_differ(OrderRow._fields, row, derived)


def _portions(order_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(order_ids), _AT_ONCE):
        yield order_ids[first : first + _AT_ONCE]
