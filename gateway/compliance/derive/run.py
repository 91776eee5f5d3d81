"""One pass over the journal, in order and in bounded memory: every event decoded, every order folded, and each stored
row that comes of it looked at beside.

It reads in one transaction, so that a gateway that goes on working meanwhile changes nothing under its eyes.
"""

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from gateway.compliance.derive.archived import archived_before
from gateway.compliance.derive.decisions import Decisions
from gateway.compliance.derive.difference import Difference, Found, columns_that_differ
from gateway.compliance.derive.left_out import left_out_of
from gateway.compliance.derive.orders import Orders, folded
from gateway.compliance.derive.positions import Positions
from gateway.compliance.derive.reports import Reports
from gateway.compliance.derive.stored import Beside, as_read, stream
from gateway.compliance.derive.window import Window, rows_of
from gateway.domain import events as e
from gateway.domain.order import Order
from gateway.domain.reports import report_of
from gateway.domain.transitions import evolve
from gateway.domain.values import CxlRejReason
from gateway.engine.clock import DAY, day_start
from gateway.engine.ports import FixCodec
from gateway.store.codec import decode_event
from gateway.store.floors import is_above_floor
from gateway.store.projections import execution_row
from gateway.store.rows import ExecutionRow
from gateway.store.tables import decisions, executions, journal, messages, reports


@dataclass(slots=True)
class Derived:
    """What was looked at. differences: how many there are."""

    events: int = 0
    orders: int = 0
    executions: int = 0
    decisions: int = 0
    reports: int = 0
    answers: int = 0  # status reports that were held against their orders
    not_derivable: Counter[str] = field(default_factory=Counter)  # answers that no event stands for, by MsgType(35)
    positions: int | None = None  # None: they stand as of the journal's end, which was not reached
    differences: int = 0
    left_out: set[str] = field(default_factory=set)  # orders that went on on days which this file does not have
    archived_until: int = 0  # nothing before was derived, since some of it is archived; nanoseconds UTC


def derive(
    connection: Connection,
    codec: FixCodec,
    window: Window,
    day_end_seconds: int,
    found: Found,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Derived:
    """Fold the journal and name every stored row of the window that differs from what it makes.

    connection: nothing was read on it yet; it should see one moment of the database, whatever is written meanwhile.
    progress: hears how many of how many journal positions were read.
    """
    with _collecting_seldom():
        return _Pass(connection, codec, window, day_end_seconds, found).run(progress)


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """What is made here has no cycles; looking for them among the orders would take a third of the time."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Pass:
    def __init__(
        self, connection: Connection, codec: FixCodec, window: Window, day_end_seconds: int, found: Found
    ) -> None:
        self._connection = connection
        self._archived = archived_before(connection)
        self._left_out = left_out = left_out_of(connection)
        self._window = window = Window(max(window.since, self._archived.until), window.until)
        self._day_end = day_end_seconds
        self._result = Derived(archived_until=self._archived.until)
        self._told = found
        self._first, self._last = rows_of(connection, journal.c.position, journal.c.at, window)
        self._first = max(self._first, self._archived.position + 1)
        self._reaches_end = (
            not left_out.is_part and self._last == rows_of(connection, journal.c.position, journal.c.at, Window())[1]
        )
        self._position = self._first - 1
        self._last_at = 0
        self._orders = Orders(connection, window, self._found, left_out=left_out.orders)
        self._reports = Reports(
            connection,
            rows_of(connection, reports.c.report_id, reports.c.at, window),
            window,
            codec,
            lambda order_id: self._orders.before(order_id, self._position + 1),
            self._found,
            left_out.orders,
        )
        rows = (self._first, self._last, window, self._found, left_out.orders)
        self._decisions = Decisions(connection, Beside(connection, decisions, *rows), window, self._found)
        self._executions = Beside(connection, executions, *rows)
        self._positions = Positions(day_end_seconds, self._found)

    def run(self, progress: Callable[[int, int], None]) -> Derived:
        if self._reaches_end:
            self._positions.events_before(self._connection, self._first, self._archived.position)
        expected = self._first
        for row in stream(self._connection, journal, "position", self._first, self._last):
            position = row.position
            if expected < position and not is_above_floor(position) and not self._lacks_days_before(row.at):
                self._differs("journal", f"position {expected}", f"missing: the next is {position}")
            expected, self._position, self._last_at = position + 1, position, row.at
            self._row(position, row.order_id, row.event_type, row.at, row.payload)
            if position % 10_000 == 0:
                progress(position - self._first, self._last - self._first + 1)
        return self._finish()

    def _lacks_days_before(self, at: int) -> bool:
        """Whether days may be left out between the last row and the one of this time."""
        return self._left_out.is_part and self._last_at // DAY != at // DAY

    def _row(self, position: int, order_id: str, event_type: str, at: int, payload: str) -> None:
        in_window = self._window.holds(at)
        if order_id in self._left_out.orders:
            if in_window:
                self._result.left_out.add(order_id)
            return
        self._result.events += in_window
        try:
            event = decode_event(event_type, payload)
        except Exception as error:  # whatever stands there instead of what was written
            self._differs("journal", f"position {position}", str(error))
            return
        if order_id != event.order_id or at != event.at:
            text = columns_that_differ(("order_id", "at"), (order_id, at), (event.order_id, event.at))
            self._differs("journal", f"position {position}", text)
        before = after = None
        if event.order_id:
            try:
                before = self._orders.before(event.order_id, position, is_new=type(event) is e.OrderReceived)
                after = evolve(before, event)
            except Exception as error:
                text = f"{event_type} cannot happen to order {event.order_id}: {type(error).__name__}: {error}"
                self._differs("journal", f"position {position}", text)
                return
            self._orders.after(after, event.at)
        if type(event) is e.OrderReceived:
            self._result.orders += in_window
        elif type(event) is e.OrderFilled and after is not None:
            self._execution(position, event, after)
        self._decisions.event(position, event, after)
        self._positions.event(event, after)
        self._report(position, event, before, after)
        if after is not None:
            self._reports.changed(after)

    def _execution(self, position: int, event: e.OrderFilled, order: Order) -> None:
        row = self._executions.at(position)
        if not self._window.holds(event.at):
            return
        self._result.executions += 1
        if row is None:
            self._differs("executions", f"position {position}", "not stored, and the journal makes it")
            return
        derived = as_read(executions, execution_row(position, event, order))
        if tuple(row) != derived:
            text = columns_that_differ(ExecutionRow._fields, row, derived)
            self._differs("executions", f"position {position}", text)

    def _report(self, position: int, event: e.Event, before: Order | None, after: Order | None) -> None:
        or_else = None
        if not event.order_id and isinstance(event, e.NewOrderRefused | e.RequestRefused):
            if (event.session, event.at) in self._left_out.reports:
                return
            known = self._known(position, event)
            or_else = report_of(position, event, None, None) if known is not None else None
            before = after = known
        report = report_of(position, event, before, after)
        if report is not None:
            self._reports.derived(position, report, event.at, or_else=or_else)

    def _known(self, position: int, event: e.NewOrderRefused | e.RequestRefused) -> Order | None:
        """The order that a refused message named by a ClOrdID(11), as it stood: its state is in the answer."""
        if isinstance(event, e.RequestRefused):
            if event.reason is CxlRejReason.UNKNOWN_ORDER:
                return None
            name = event.orig_cl_ord_id
        else:
            name = event.cl_ord_id
        if not name:
            return None
        query = (
            select(messages.c.order_id)
            .where(messages.c.cl_ord_id == name, messages.c.session == event.session)
            .where(messages.c.direction == "in", messages.c.order_id.is_not(None))
            .order_by(messages.c.id.desc())
        )
        for order_id in dict.fromkeys(self._connection.execute(query).scalars()):
            if self._goes_by(order_id, name, position, event.at):
                return self._orders.before(order_id, position)
        return None

    def _goes_by(self, order_id: str, name: str, position: int, at: int) -> bool:
        """Whether it had this ClOrdID(11) then: what was over before the trading day began has lost its names."""
        today = day_start(at, self._day_end)
        order: Order | None = None
        named = over_before = False
        for event, order in folded(self._connection, order_id, position):
            named = named or getattr(event, "cl_ord_id", None) == name
            if event.at < today:
                over_before = not (order.is_open or order.is_unknown)
        return named and order is not None and not (over_before and order.received_at < today)

    def _finish(self) -> Derived:
        self._decisions.finish()
        self._executions.finish()
        self._reports.finish()
        self._orders.finish()
        if self._reaches_end:
            self._positions.finish(self._connection)
            self._result.positions = self._positions.count
        self._result.decisions = self._decisions.count
        self._result.reports = self._reports.count
        self._result.answers = self._reports.answers
        self._result.not_derivable = self._reports.without_order
        return self._result

    def _found(self, difference: Difference) -> None:
        self._result.differences += 1
        self._told(difference)

    def _differs(self, table: str, key: str, text: str) -> None:
        self._found(Difference(table, key, text))
