"""What was said to the venue and what it said, as steps: answers, events, and what it told when it was asked."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from gateway.compliance.derive.stored import stream
from gateway.compliance.derive.window import Window, rows_of
from gateway.compliance.inject.steps import LOST, Answered, Happened, Reply, Settled
from gateway.errors import GatewayError
from gateway.store.tables import venue_calls

REQUESTS = ("place", "cancel", "amend")
_SETTLE = "settle"
_CUT_OFF = "…"
_REST = {"POST /api/v3/order": "order.place", "DELETE /api/v3/order": "order.cancel"}
"""What goes over the WebSocket API when it is gone through again: its parameters and answers are the same."""

_MASS_CANCELS = ("openOrders.cancelAll ", "DELETE /api/v3/openOrders ")

_IDS_AND_TIME = frozenset({"newClientOrderId", "orderId", "origClientOrderId", "timestamp", "recvWindow"})

Call = Row[Any]
Word = Answered | Happened | Settled


class UnreadableRecordError(GatewayError):
    """A row is not what the gateway writes; the text names it."""


def calls_of(connection: Connection, window: Window) -> list[Call]:
    """What is about orders, in its order."""
    numbers = rows_of(connection, venue_calls.c.id, venue_calls.c.at, window)
    rows = stream(connection, venue_calls, "id", *numbers)
    kinds = (*REQUESTS, _SETTLE, "event")
    return [row for row in rows if row.order_id and row.operation in kinds and window.holds(row.at)]


def trades_told(calls: Iterable[Call]) -> dict[str, set[str]]:
    """Ids of the executions that the venue told of, by order."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in calls:
        if row.direction != "in":
            continue
        if row.operation == "event":
            event = _read(row.text)
            trades = [event.get("t", -1)] if isinstance(event, dict) else []
        else:
            answer = answer_in(row.text)
            told = _read(answer[1]) if answer is not None and answer[0] == 200 else None
            trades = [trade.get("id") for trade in told if isinstance(trade, dict)] if isinstance(told, list) else []
            if isinstance(told, dict):
                trades = [fill.get("tradeId") for fill in told.get("fills", ()) if isinstance(fill, dict)]
        found[row.order_id].update(str(trade) for trade in trades if trade not in (None, -1))
    return found


def why_unusable(calls: Iterable[Call]) -> dict[str, str]:
    """By order: what keeps its words from being said again."""
    found: dict[str, str] = {}
    answered: set[int] = set()
    for row in calls:
        why = ""
        if row.text.startswith("watchdog: "):
            why = "the watchdog saw to it while the gateway was away"
        elif row.text.startswith(_MASS_CANCELS):
            why = "it was canceled together with all others of its symbol, by one request"
        elif row.text.endswith(_CUT_OFF):
            why = f"what was said about it is not recorded whole (venue_calls {row.id})"
        elif row.direction == "in" and row.operation in REQUESTS:
            if row.intent_id in answered:
                why = "the venue's answer came after it had been given up"
            elif not row.text.startswith("lost") and answer_in(row.text) is None:
                why = f"the venue's answer cannot be read (venue_calls {row.id})"
            if not row.text.startswith("lost (not written)"):
                answered.add(row.intent_id)
        if why:
            found.setdefault(row.order_id, why)
    return found


class VenueWords:
    """The calls of orders that are gone through. Orders of which too little is recorded are added to left_out.

    first_ids: venue client id of the first leg, by OrderID(37); sent_at: when it was sent. unanswered: method and
    client id of what was not answered.
    """

    def __init__(self, calls: Iterable[Call], left_out: dict[str, str]) -> None:
        """Raises UnreadableRecordError."""
        self.first_ids: dict[str, str] = {}
        self.sent_at: dict[str, int] = {}
        self._left_out = left_out
        self._asked: dict[int, tuple[str, dict[str, Any]]] = {}
        self._waiting: dict[int, tuple[str, str]] = {}
        self._settling: dict[int, list[Call]] = defaultdict(list)
        self._steps: list[Word] = []
        for row in calls:
            if row.order_id in left_out:
                continue
            if row.operation == "event":
                self._steps.append(Happened(row.at, row.venue_account, row.order_id, row.text))
            elif row.operation == _SETTLE:
                self._settling[row.intent_id].append(row)
            elif row.direction == "out":
                self._out(row)
            else:
                self._in(row)
        self._steps += [step for rows in self._settling.values() for step in self._settled(rows)]
        self.unanswered = set(self._waiting.values())

    @property
    def steps(self) -> list[Word]:
        """Those of orders that are not left out by now."""
        return [step for step in self._steps if step.order_id not in self._left_out]

    def _out(self, row: Call) -> None:
        name, params = method_of(row.text), _object(row, row.text[row.text.find("{") :])
        client_id = str(params["newClientOrderId"])
        self._asked[row.intent_id] = _REST.get(name, name), params
        self._waiting[row.intent_id] = _REST.get(name, name), client_id
        if row.operation == "place":
            self.first_ids.setdefault(row.order_id, client_id)
            self.sent_at.setdefault(row.order_id, row.at)

    def _in(self, row: Call) -> None:
        if row.intent_id not in self._asked:
            self._left_out[row.order_id] = f"what was asked before is not recorded (venue_calls {row.id})"
            return
        method, params = self._asked[row.intent_id]
        if row.text.startswith("lost (not written)") and row.operation == "cancel":
            return  # it goes over the other API, which is recorded too
        answer = (LOST, "") if row.text.startswith("lost") else answer_in(row.text)
        if answer is None:
            raise UnreadableRecordError(f"venue_calls {row.id}: not an answer: {row.text[:200]}")
        if row.text.startswith("lost (not written)"):
            self._left_out[row.order_id] = "a request could not be sent"
            return
        terms = {name: value for name, value in params.items() if name not in _IDS_AND_TIME}
        client_id = str(params["newClientOrderId"])
        self._waiting.pop(row.intent_id, None)
        self._steps.append(Answered(row.at, row.venue_account, row.order_id, method, client_id, terms, *answer))

    def _settled(self, rows: list[Call]) -> list[Settled]:
        """The last round of questions, if it told how the order stands; those before it told nothing."""
        replies = [(at, reply) for at, reply in _replies(rows) if reply is not None]
        first = next((i for i in reversed(range(len(replies))) if replies[i][1].method == "order.status"), None)
        if first is None:
            return []
        if first and replies[first - 1][1].method == "order.status" and replies[first - 1][1].by == "orderId":
            first -= 1
        last = [reply for _, reply in replies[first:]]
        order_id, client_id = rows[0].order_id, self.first_ids.get(rows[0].order_id, "")
        named = [row.text for row in rows if row.direction == "out" and "origClientOrderId" in row.text]
        if named:
            client_id = str(_object(rows[0], named[-1][named[-1].find("{") :])["origClientOrderId"])
        is_known = any(reply.method == "order.status" and reply.status == 200 for reply in last)
        if not is_known and last[-1].method != "allOrders":
            return []
        return [Settled(replies[-1][0], rows[0].venue_account, order_id, client_id, tuple(last))]


def _replies(rows: list[Call]) -> list[tuple[int, Reply | None]]:
    found: list[tuple[int, Reply | None]] = []
    method, by = "", ""
    for row in rows:
        if row.direction == "out":
            method = method_of(row.text)
            by = "orderId" if '"orderId"' in row.text else "client id"
        else:
            answer = answer_in(row.text)
            found.append((row.at, None if answer is None else Reply(method, by, *answer)))
    return found


def method_of(text: str) -> str:
    """What a recorded request begins with."""
    return text[: max(text.find("{"), 0)].strip()


def answer_in(text: str) -> tuple[int, str] | None:
    """Status, and result or error, of a recorded answer, whose end, the rate limits, may not be recorded."""
    status, _, text = text.partition(" ")
    if not status.isdigit():
        return None
    for end in ("", "}"):
        try:
            answer = msgspec.json.decode(text + end, type=msgspec.Raw)
            parts = _parts(bytes(answer))
        except msgspec.DecodeError:
            continue
        part = parts.get("result" if status == "200" else "error")  # over REST it comes by itself
        return int(status), text if part is None else bytes(part).decode()
    return None


def _parts(answer: bytes) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(answer, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:  # a list, over REST
        return {}


def _read(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _object(row: Call, text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UnreadableRecordError(f"venue_calls {row.id}: not a request: {error}") from error
