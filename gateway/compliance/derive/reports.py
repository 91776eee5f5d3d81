"""Reports: encoded again from the events, and matched one by one with those that are stored.

Both come in the same order. What stands between them in `reports` are answers that no event made: the status of an
order, which is held against the order as it stood then, and refusals of messages, of which the journal knows nothing.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row

from gateway.compliance.derive.difference import Difference, Found
from gateway.compliance.derive.stored import stream
from gateway.compliance.derive.window import Window
from gateway.domain.order import Order
from gateway.domain.reports import ExecutionReport, Report
from gateway.domain.session_names import OWN_SESSION, session_name
from gateway.domain.values import ExecType
from gateway.engine.ports import FixCodec
from gateway.store.rows import ReportRow
from gateway.store.tables import reports

_NEVER_ECHOED = frozenset({"19", "31", "32", "41", "44", "58", "99", "103", "198", "378"})
"""Tags that a status report has for reasons of its own."""

_COPY = "35=8\x01115="
_OWN_COPY = f"{_COPY}{OWN_SESSION}\x01"

_OF_EVENTS = frozenset({"8", "9", "r"})
"""MsgType(35) of what events owe: reports, refused requests, mass cancels."""

_LAST = 1 << 62
_AHEAD = 256
"""Stored rows that are looked through for a report that is not where it should be."""


class Reports:
    """Hears every event's report, in the journal's order."""

    def __init__(
        self,
        connection: Connection,
        rows: tuple[int, int],
        window: Window,
        codec: FixCodec,
        find_order: Callable[[str], Order | None],
        found: Found,
        left_out: Collection[str] = (),
    ) -> None:
        """rows: first and last report_id. find_order: an order as it is now. left_out: orders whose reports are passed
        over.
        """
        self._window = window
        self._codec = codec
        self._find_order = find_order
        self._found = found
        stored = stream(connection, reports, "report_id", *rows)
        self._stored = (row for row in stored if window.holds(row.at) and row.order_id not in left_out)
        self._ahead: deque[Row[Any]] = deque()
        self._open: dict[str, list[Row[Any]]] = {}  # answers that do not fit the order, or not yet, by order
        self.count = 0
        self.answers = 0  # that were held against their order
        self.without_order: Counter[str] = Counter()  # answers of which the journal knows nothing, by MsgType(35)
        self._take_answers()

    def derived(self, position: int, report: Report, at: int, *, or_else: Report | None = None) -> None:
        """What an event owes the client. or_else: what it may be instead."""
        if not self._window.holds(at):
            return
        if report.session == OWN_SESSION:  # nobody is told but drop copies
            self._take_answers()
            self._take_copies(report, at, exec_id=f"\x0117={position}\x01")
            self._take_answers()
            return
        self.count += 1
        made = [self._encoded(one, at) for one in (report, or_else) if one is not None]
        self._take_answers()
        taken = self._taken_for_an_answer(made)
        if taken is None and not self._match(made):
            self._name(position, made[0])
        self._end_open(taken.report_id if taken is not None else _LAST)
        self._take_copies(report, at)
        self._take_answers()

    def changed(self, order: Order) -> None:
        """An order is otherwise now: see whether an answer meant it so."""
        waiting = self._open.get(order.order_id)
        if waiting:
            left = [row for row in waiting if not self._fits(row, order)]
            self.answers += len(waiting) - len(left)
            self._open[order.order_id] = left

    def finish(self) -> None:
        """The journal has ended."""
        self._take_answers()
        self._end_open()
        while row := self._next():
            self._ahead.popleft()
            self._extra(row)

    def _encoded(self, report: Report, at: int) -> ReportRow:
        order_id = report.order.order_id if report.order is not None else None
        msg_type, body = self._encode(report)
        return ReportRow(0, report.session, order_id, msg_type, body, at)

    def _encode(self, report: Report) -> tuple[str, str]:
        return self._codec.encode(report, begin_string=report.session.partition(":")[0])

    # --- the stored side

    def _next(self) -> Row[Any] | None:
        if not self._ahead:
            self._ahead.extend(islice(self._stored, 1))
        return self._ahead[0] if self._ahead else None

    def _match(self, made: list[ReportRow]) -> bool:
        head = self._next()
        if head is None:
            return False
        wanted = {row[1:] for row in made}
        if tuple(head)[1:] in wanted:
            self._ahead.popleft()
            return True
        self._look_ahead()
        for index, row in enumerate(self._ahead):
            if tuple(row)[1:] in wanted:
                self._pass_over(index)
                self._ahead.popleft()
                return True
        return False

    def _name(self, position: int, made: ReportRow) -> None:
        """Say what is wrong: the report's own row has changed, or it is missing."""
        for index, row in enumerate(self._ahead):
            if _is_meant(position, made, row):
                self._pass_over(index)
                self._ahead.popleft()
                self._found(Difference("reports", f"report {row.report_id}", _what_differs(row, made)))
                return
        text = f"not stored, and the journal makes it: {_shown(made.body)}"
        self._found(Difference("reports", f"of position {position}", text))

    def _pass_over(self, count: int) -> None:
        for _ in range(count):
            row = self._ahead.popleft()
            if _is_answer(row):
                self._answer(row)
            else:
                self._extra(row)

    def _look_ahead(self) -> None:
        self._ahead.extend(islice(self._stored, _AHEAD - len(self._ahead)))

    def _extra(self, row: Row[Any]) -> None:
        text = f"stored, and nothing in the journal makes it: {_shown(row.body)}"
        self._found(Difference("reports", f"report {row.report_id}", text))

    def _take_copies(self, report: Report, at: int, exec_id: str = "") -> None:
        """Drop copies stand right after the report. Who was to get some is not in the journal: those are checked that
        are there. exec_id: what they have, where no report of another order parts them from the next ones.
        """
        while (row := self._next()) is not None and row.body.startswith(_COPY) and exec_id in row.body:
            if not exec_id and row.body.startswith(_OWN_COPY):
                return
            self._ahead.popleft()
            if isinstance(report, ExecutionReport):
                copy = report._replace(session=row.session, copy_of=session_name(report.session))
                made = self._encoded(copy, at)
                if tuple(row)[1:] != made[1:]:
                    self._found(Difference("reports", f"report {row.report_id}", _what_differs(row, made)))
            else:
                self._extra(row)

    # --- answers

    def _take_answers(self) -> None:
        while (row := self._next()) is not None and _is_answer(row):
            self._ahead.popleft()
            self._answer(row)

    def _answer(self, row: Row[Any]) -> None:
        if row.msg_type != "8" or row.order_id is None:
            self.without_order[row.msg_type] += 1
            return
        order = self._find_order(row.order_id)
        if order is not None and self._fits(row, order):
            self.answers += 1
        else:
            self._open.setdefault(row.order_id, []).append(row)

    def _fits(self, row: Row[Any], order: Order) -> bool:
        """Whether it is a report of the order's status now. What the request had echoed only the request knows."""
        report = ExecutionReport(row.session, 0, ExecType.ORDER_STATUS, order, order.cl_ord_id, row.at, text=order.text)
        derived, stored = Counter(_fields(self._encode(report)[1])), Counter(_fields(row.body))
        return not derived - stored and all(field.partition("=")[0] not in _NEVER_ECHOED for field in stored - derived)

    def _taken_for_an_answer(self, made: list[ReportRow]) -> Row[Any] | None:
        """The row, where it is here already: an unknown outcome is told by a status report as well."""
        if not self._open:
            return None
        wanted = {row[1:] for row in made}
        for waiting in self._open.values():
            for index, row in enumerate(waiting):
                if tuple(row)[1:] in wanted:
                    return waiting.pop(index)
        return None

    def _end_open(self, before: int = _LAST) -> None:
        """What was said before this report, and does not fit yet, never did."""
        for order_id, rows in list(self._open.items()):
            for row in rows:
                if row.report_id < before:
                    text = f"not how the order {row.order_id} stood: {_shown(row.body)}"
                    self._found(Difference("reports", f"report {row.report_id}", text))
            self._open[order_id] = [row for row in rows if row.report_id > before]
            if not self._open[order_id]:
                del self._open[order_id]


def _is_answer(row: Row[Any]) -> bool:
    """Whether no event may have made it. ExecID(17) of a status report is 0, and of no other."""
    if row.msg_type != "8":
        return row.msg_type not in _OF_EVENTS
    return "\x0117=0\x01" in row.body and not row.body.startswith(_COPY)


def _is_meant(position: int, made: ReportRow, row: Row[Any]) -> bool:
    if row.msg_type == made.msg_type == "8":
        return f"\x0117={position}\x01" in row.body and f"\x0117={position}\x01" in made.body
    if f"\x0117={position}\x01" in made.body:
        return f"\x0117={position}\x01" in row.body
    ours, theirs = dict(_split(row.body)), dict(_split(made.body))
    return bool(ours.get("11") == theirs.get("11") and row.session == made.session and row.at == made.at)


def _what_differs(row: Row[Any], made: ReportRow) -> str:
    parts = [
        f"{name}: stored {getattr(row, name)}, derived {getattr(made, name)}"
        for name in ("session", "order_id", "msg_type", "at")
        if getattr(row, name) != getattr(made, name)
    ]
    stored, derived = Counter(_fields(row.body)), Counter(_fields(made.body))
    gone, came = " ".join((derived - stored).elements()), " ".join((stored - derived).elements())
    if gone or came:
        parts.append(f"body: stored {came or 'nothing'}, derived {gone or 'nothing'}")
    return "; ".join(parts) or "body: the same fields in another order"


def _fields(body: str) -> list[str]:
    return body.split("\x01")[:-1]


def _split(body: str) -> list[tuple[str, str]]:
    return [(tag, value) for tag, _, value in (field.partition("=") for field in _fields(body))]


def _shown(body: str) -> str:
    return body.replace("\x01", " ").strip()
