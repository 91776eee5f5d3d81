"""Decisions: made again from the figures stored with them, and held against what the journal says was done."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from gateway.compliance.derive.difference import Difference, Found, columns_that_differ
from gateway.compliance.derive.stored import Beside
from gateway.compliance.derive.window import Window
from gateway.domain import events as e
from gateway.domain.order import Order, RequestKind
from gateway.domain.risk import Limit
from gateway.domain.risk.derive import derive, new_terms, stored_terms
from gateway.domain.risk.terms import OrderTerms
from gateway.domain.values import CxlRejReason
from gateway.store.limits import limit_of, load_limits

_COLUMNS = ("order_id", "cl_ord_id", "session", "at")


class Decisions:
    """Hears every event of the journal, in order."""

    def __init__(self, connection: Connection, rows: Beside, window: Window, found: Found) -> None:
        """rows: the stored decisions."""
        self._found = found
        self._window = window
        self._rows = rows
        self._limits: dict[int, Limit] = {row.limit_id: limit_of(row) for row in load_limits(connection)}
        self._new: Row[Any] | None = None  # on an order; the next event tells what came of it
        self.count = 0

    def event(self, position: int, event: e.Event, after: Order | None) -> None:
        """The event, and the order after it."""
        waiting, self._new = self._new, None
        if waiting is not None:
            self._check_outcome(waiting, event)
        if not isinstance(event, e.OrderReceived | e.ReplaceRequested | e.RequestRefused):
            return
        row = self._rows.at(position)
        if not self._window.holds(event.at):
            return
        if row is None:
            if not isinstance(event, e.RequestRefused) or _was_decided(event):
                self._differs(position, "not stored, and the journal makes it")
            return
        self.count += 1
        session = after.session if after is not None else getattr(event, "session", "")
        derived = (event.order_id or None, event.cl_ord_id, session, event.at)
        stored = (row.order_id, row.cl_ord_id, row.session, row.at)
        if stored != derived:
            self._differs(position, columns_that_differ(_COLUMNS, stored, derived))
        if isinstance(event, e.OrderReceived):
            self._new = row
        else:
            accepted = isinstance(event, e.ReplaceRequested)
            self._check(row, accepted=accepted, text="" if accepted else getattr(event, "text", ""))
        self._judge_again(row, event)

    def finish(self) -> None:
        """The journal has ended."""
        self._rows.finish()

    def _check_outcome(self, row: Row[Any], event: e.Event) -> None:
        if event.order_id != row.order_id:
            self._differs(row.position, f"nothing came of the order {row.order_id}")
        elif isinstance(event, e.OrderRejected):
            self._check(row, accepted=False, text=event.text)
        else:
            self._check(row, accepted=True, text="")

    def _check(self, row: Row[Any], *, accepted: bool, text: str) -> None:
        derived = ("accept" if accepted else "deny", text.partition(" ")[0], text)
        stored = (row.outcome, row.code, row.text)
        if stored != derived:
            self._differs(row.position, columns_that_differ(("outcome", "code", "text"), stored, derived))

    def _judge_again(self, row: Row[Any], event: e.Event) -> None:
        try:
            inputs = msgspec.json.decode(row.inputs)
            looked_at = inputs.get("limits", {})
            terms = new_terms(event) if isinstance(event, e.OrderReceived) else _terms(inputs)
            findings = derive(terms, looked_at, self._limits) if terms is not None else []
        except Exception as error:  # whatever stands there instead of what was written
            self._differs(row.position, f"its inputs cannot be used: {type(error).__name__}: {error}")
            return
        if isinstance(event, e.ReplaceRequested) and terms is not None and _other_terms(event, terms):
            self._differs(row.position, f"inputs: stored {_shown(terms)}, derived {_shown(event)}")
        refusals = [f.denial.text for f in findings if f.refuses and f.denial is not None]
        wanted = [] if row.outcome == "accept" else [row.text]
        if refusals != wanted and (findings or row.outcome == "accept"):
            said = "; ".join(refusals) or "nothing against it"
            decided = row.text or row.outcome
            self._differs(row.position, f"stored {decided}, its figures say {said}")

    def _differs(self, position: int, text: str) -> None:
        self._found(Difference("decisions", f"position {position}", text))


def _terms(inputs: dict[str, Any]) -> OrderTerms | None:
    return stored_terms(inputs["order"]) if "order" in inputs else None


def _other_terms(event: e.ReplaceRequested, terms: OrderTerms) -> bool:
    return (event.order_qty, event.price, event.stop_px) != (terms.order_qty, terms.price, terms.stop_px)


def _shown(terms: OrderTerms | e.ReplaceRequested) -> str:
    return f"qty={terms.order_qty} price={terms.price} stop_px={terms.stop_px}"


def _was_decided(event: e.RequestRefused) -> bool:
    """Whether limits refused it; what a request itself has wrong is no decision."""
    is_replace = event.kind is RequestKind.REPLACE
    return is_replace and (event.reason is CxlRejReason.BROKER_OPTION or event.text.startswith("ORDER_RATE "))
