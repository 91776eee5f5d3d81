"""What is recorded beside orders: words with venues, readings of clocks, and what came and went."""

from typing import NamedTuple

from gateway.engine.inbox import ClockRead, MessageSent, VenueCalled
from gateway.engine.message_ids import ids_of
from gateway.engine.recorder import Recorder
from gateway.store.rows import ClockReadingRow, MessageRow, StateChangeRow, VenueCallRow, storable

_LONGEST_CALL = 1 << 20
"""Characters of a venue's answer that are kept: more than any has that is about an order, or a page of them."""


def sent_row(item: MessageSent, epoch: int, *, first_use: bool) -> MessageRow:
    """A message that went out."""
    cl_ord_id, order_id = ids_of(item.text)
    return MessageRow(
        item.session,
        epoch,
        "out",
        item.msg_seq_num,
        item.msg_type,
        not item.first_use,
        first_use,
        item.at,
        cl_ord_id,
        order_id,
        item.report_id,
        item.text.encode("utf-8", "surrogateescape"),
    )


class ClockLimits(NamedTuple):
    """How far off a clock may be before a person has to know, nanoseconds; None: however far."""

    utc_ns: int | None = None
    venue_ns: int | None = None


class Records:
    """Only the engine's thread uses it."""

    def __init__(self, recorder: Recorder, limits: ClockLimits) -> None:
        self._recorder = recorder
        self._limits = limits
        self._beyond: set[tuple[str, str]] = set()  # clocks that were alerted and have not been right since

    def venue_called(self, item: VenueCalled) -> None:
        """A request to a venue, its answer, or what it said unasked."""
        book = self._recorder.book
        order = book.orders.get(item.order_id) if item.order_id else None
        if order is None and item.operation == "event" and item.order_id:
            found = book.by_venue_ids(item.venue_account, "", item.order_id, None)
            order = found[0] if found is not None else None
        order_id = order.order_id if order is not None else None
        if order is None and item.operation != "event":
            order_id = item.order_id or None
        self._recorder.batch.venue_calls.append(
            VenueCallRow(
                item.at,
                item.venue_account or (order.venue_account if order is not None else ""),
                item.direction,
                item.operation,
                order_id,
                item.intent_id or None,
                storable(item.text, _LONGEST_CALL),
            )
        )

    def clock_read(self, item: ClockRead) -> None:
        """A clock was read: kept, and alerted when it is beyond its limit, once until it is right again."""
        row = ClockReadingRow(item.at, item.source, item.name, item.offset_ns, item.error_ns, item.problem)
        self._recorder.batch.clock_readings.append(row)
        problem = self._problem(item)
        clock = (item.source, item.name)
        if not problem:
            self._beyond.discard(clock)
        elif clock not in self._beyond:
            self._beyond.add(clock)
            self._recorder.alert("CLOCK_BEYOND_LIMIT", problem, item.at)

    def _problem(self, item: ClockRead) -> str:
        """Of UTC the worst case counts, since a tier is a promise; of a venue what is certain."""
        figures = f"offset_ns={item.offset_ns} error_ns={item.error_ns}"
        if item.source == "utc":
            limit = self._limits.utc_ns
            if limit is None or (abs(item.offset_ns) + item.error_ns <= limit and not item.problem):
                return ""
            return f"clock=utc limit_ns={limit} {figures} {item.problem}".rstrip()
        limit = self._limits.venue_ns
        if limit is None or abs(item.offset_ns) - item.error_ns <= limit:
            return ""
        return f"clock=venue account={item.name} limit_ns={limit} {figures}"

    def state_changed(self, what: str, name: str, state: str, at: int, text: str = "") -> None:
        """The engine, a session or a venue account came, went or began anew."""
        self._recorder.batch.state_changes.append(StateChangeRow(at, what, name, state, storable(text)))
