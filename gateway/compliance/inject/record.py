"""What was recorded of a span: the clients' messages, the venue's words, and the reports that came of them."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, select

from gateway.compliance.derive.stored import stream
from gateway.compliance.derive.window import Window, rows_of
from gateway.compliance.inject.decided import Decided, Key
from gateway.compliance.inject.not_replayable import (
    NEVER_GIVEN,
    OF_HISTORY,
    OrderStory,
    ThereIs,
    of_its_own_time,
    why_not,
)
from gateway.domain import events as e
from gateway.errors import GatewayError
from gateway.store.codec import decode_event
from gateway.store.limits import load_limits
from gateway.store.readers import ADMINISTRATIVE
from gateway.store.rows import LimitRow
from gateway.store.tables import journal, messages, reports, venue_calls
from gateway.wire.raw import split_fields, to_text

REQUESTS = ("place", "cancel", "amend")
_CUT_OFF = "…"
_REST = {"POST /api/v3/order": "order.place", "DELETE /api/v3/order": "order.cancel"}
"""What goes over the WebSocket API when it is gone through again: its parameters and answers are the same."""

_MASS_CANCELS = ("openOrders.cancelAll ", "DELETE /api/v3/openOrders ")

_IDS_AND_TIME = frozenset({"newClientOrderId", "orderId", "origClientOrderId", "timestamp", "recvWindow"})


class Sent(NamedTuple):
    """A client's message. fields: as they came, header included. order_id: what it was found to be about."""

    at: int
    session: str
    msg_type: str
    order_id: str | None
    fields: list[tuple[int, str]]


class Answered(NamedTuple):
    """What the venue answered to a request. terms: what was asked, without ids and times. body: result or error."""

    at: int
    venue_account: str
    order_id: str
    method: str
    client_id: str
    terms: dict[str, Any]
    status: int
    body: str


class Happened(NamedTuple):
    """An event of the venue's user stream, word by word."""

    at: int
    venue_account: str
    order_id: str
    text: str


Step = Sent | Answered | Happened


class Told(NamedTuple):
    """A report as it is stored."""

    session: str
    order_id: str | None
    msg_type: str
    body: str


@dataclass(slots=True)
class Record:
    """A span. steps: in the order in which they came.

    left_out: why, by OrderID(37) of orders that are not gone through.
    """

    steps: list[Step] = field(default_factory=list)
    reports: list[Told] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    messages_left_out: int = 0
    orders: int = 0
    first_ids: dict[str, str] = field(default_factory=dict)  # venue client id of the first leg, by OrderID(37)
    limits: list[LimitRow] = field(default_factory=list)  # in force at the beginning
    limits_not_given: list[str] = field(default_factory=list)
    limits_changed: int = 0  # versions that came in between
    with_history: bool = False  # the limits OF_HISTORY are among them
    unanswered: set[tuple[str, str]] = field(default_factory=set)  # method and client id of what was not answered


class UnreadableRecordError(GatewayError):
    """A row is not what the gateway writes; the text names it."""


def read_record(connection: Connection, window: Window, there_is: ThereIs, now: int) -> Record:
    """The span, and what of it can be gone through once more. Raises UnreadableRecordError.

    now: nanoseconds UTC.
    """
    record = Record()
    decided = Decided()
    stories, refused, positions_set = _stories(connection, window, decided)
    calls = _calls(connection, window)
    told_trades = _trades(calls)
    broken = {row.order_id: why for row in calls if (why := _why_unusable(row))}
    for with_history in (_has_the_beginning(connection, window) and not positions_set, False):
        record.with_history = with_history
        for order_id, story in stories.items():
            why = why_not(story, told_trades[order_id], there_is, now, with_history=with_history)
            if why := why or broken.get(order_id, ""):
                record.left_out.setdefault(order_id, why)
        if with_history and not record.left_out:
            break
    record.orders = len(stories)
    venue_steps = _venue_steps(calls, record)
    client_steps = _client_steps(connection, window, record, refused, there_is.sessions)
    record.steps = _in_order(client_steps, venue_steps, decided)
    kept = {(step.session, cl_ord_id(step.fields)) for step in client_steps}
    record.reports = [
        told
        for told in read_reports(connection, window)
        if (told.order_id in stories and told.order_id not in record.left_out)
        or (told.order_id is None and _is_about(told, kept, there_is.sessions))
    ]
    _limits(connection, record)
    return record


def _in_order(client_steps: list[Sent], venue_steps: list[Answered | Happened], decided: Decided) -> list[Step]:
    """As they were decided; what came by one session, or from one venue account, stays in its order."""
    times = {step.at for step in client_steps}
    streams: dict[str, Key] = {}
    keyed: list[tuple[Key, Step]] = []
    for step in (*client_steps, *venue_steps):
        if isinstance(step, Sent):
            stream, key = step.session, decided.client(step.at)
        else:
            stream, key = step.venue_account, decided.venue(step.order_id, step.at, times)
        streams[stream] = key = max(key, streams.get(stream, key))
        keyed.append((key, step))
    return [step for _, step in sorted(keyed, key=lambda pair: pair[0])]


def _is_about(told: Told, kept: set[tuple[str, str]], sessions: frozenset[str]) -> bool:
    """Whether an answer about no order, or a drop copy of one, is about a message that is sent again."""
    name = _named(told.body)
    if told.session in sessions:
        return (told.session, name) in kept
    return bool(name) and any(name == cl_ord_id for _, cl_ord_id in kept)


def read_reports(connection: Connection, window: Window) -> list[Told]:
    """All reports that were made in the span, in their order."""
    rows = stream(connection, reports, "report_id", *rows_of(connection, reports.c.report_id, reports.c.at, window))
    return [Told(row.session, row.order_id, row.msg_type, row.body) for row in rows if window.holds(row.at)]


def cl_ord_id(fields: list[tuple[int, str]]) -> str:
    """ClOrdID(11), or the id that a request of another kind has instead; empty without one."""
    values = dict(reversed(fields))
    return next((values[tag] for tag in (11, 584, 320) if tag in values), "")


def _named(body: str) -> str:
    values = dict(reversed(split_fields(body)))
    return next((values[tag] for tag in (11, 584, 320, 379) if tag in values), "")


def _stories(
    connection: Connection, window: Window, decided: Decided
) -> tuple[dict[str, OrderStory], set[tuple[str, str]], bool]:
    """By order; (session, ClOrdID) of what was refused for want of what the scratch gateway does not have; and whether
    a person said what is held.
    """
    stories: dict[str, OrderStory] = defaultdict(OrderStory)
    refused: set[tuple[str, str]] = set()
    positions_set = False
    numbers = rows_of(connection, journal.c.position, journal.c.at, window)
    for row in stream(connection, journal, "position", *numbers):
        if not window.holds(row.at):
            continue
        try:
            event = decode_event(row.event_type, row.payload)
        except Exception as error:  # whatever stands there instead of what was written
            raise UnreadableRecordError(f"journal position {row.position}: {error}") from error
        decided.heard(row.position, event.order_id, event.at)
        if event.order_id:
            stories[event.order_id].heard(event)
        elif isinstance(event, e.NewOrderRefused | e.RequestRefused) and of_its_own_time(event.text):
            refused.add((event.session, event.cl_ord_id))
        elif isinstance(event, e.PositionSet):
            positions_set = True
    return dict(stories), refused, positions_set


def _calls(connection: Connection, window: Window) -> list[Row[Any]]:
    numbers = rows_of(connection, venue_calls.c.id, venue_calls.c.at, window)
    rows = stream(connection, venue_calls, "id", *numbers)
    return [row for row in rows if row.order_id and row.operation in (*REQUESTS, "event") and window.holds(row.at)]


def _trades(calls: list[Row[Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in calls:
        if row.operation == "event":
            try:
                event = msgspec.json.decode(row.text)
            except msgspec.DecodeError:
                continue
            if event.get("t", -1) != -1:
                found[row.order_id].add(str(event["t"]))
    return found


def _why_unusable(row: Row[Any]) -> str:
    if row.text.endswith(_CUT_OFF):
        return f"what was said about it is not recorded whole (venue_calls {row.id})"
    if row.operation != "event" and row.direction == "in" and row.text.startswith("lost"):
        return "the venue's answer was lost"
    if row.text.startswith(_MASS_CANCELS):
        return "it was canceled together with all others of its symbol, by one request"
    return ""


def _venue_steps(calls: list[Row[Any]], record: Record) -> list[Answered | Happened]:
    asked: dict[int, tuple[str, dict[str, Any]]] = {}
    unanswered: dict[int, tuple[str, str]] = {}
    steps: list[Answered | Happened] = []
    for row in calls:
        if row.order_id in record.left_out:
            continue
        if row.operation == "event":
            steps.append(Happened(row.at, row.venue_account, row.order_id, row.text))
        elif row.direction == "out":
            begins = row.text.find("{")
            name = row.text[: max(begins, 0)].strip()
            params = _object(row, row.text[begins:])
            client_id = str(params["newClientOrderId"])
            asked[row.intent_id] = _REST.get(name, name), params
            unanswered[row.intent_id] = _REST.get(name, name), client_id
            if row.operation == "place":
                record.first_ids.setdefault(row.order_id, client_id)
        elif row.intent_id not in asked:
            record.left_out[row.order_id] = f"what was asked before is not recorded (venue_calls {row.id})"
        else:
            method, params = asked[row.intent_id]
            terms = {name: value for name, value in params.items() if name not in _IDS_AND_TIME}
            answer = answer_in(row.text)
            if answer is None:
                raise UnreadableRecordError(f"venue_calls {row.id}: not an answer: {row.text[:200]}")
            client_id = str(params["newClientOrderId"])
            unanswered.pop(row.intent_id, None)
            steps.append(Answered(row.at, row.venue_account, row.order_id, method, client_id, terms, *answer))
    record.unanswered = set(unanswered.values())
    return [step for step in steps if step.order_id not in record.left_out]


def answer_in(text: str) -> tuple[int, str] | None:
    """Status, and result or error, of a recorded answer, whose end, the rate limits, may not be recorded."""
    status, _, text = text.partition(" ")
    for end in ("", "}"):
        try:
            answer = msgspec.json.decode(text + end, type=dict[str, msgspec.Raw])
            part = answer.get("result" if status == "200" else "error")  # over REST it comes by itself
            return int(status), text if part is None else bytes(part).decode()
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError):
            continue
    return None


def _object(row: Row[Any], text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UnreadableRecordError(f"venue_calls {row.id}: not a request: {error}") from error


def _client_steps(
    connection: Connection,
    window: Window,
    record: Record,
    refused: set[tuple[str, str]],
    sessions: frozenset[str],
) -> list[Sent]:
    numbers = rows_of(connection, messages.c.id, messages.c.at, window)
    steps = []
    for row in stream(connection, messages, "id", *numbers):
        if row.direction != "in" or not row.first_use or row.msg_type in ADMINISTRATIVE or not window.holds(row.at):
            continue
        fields = split_fields(to_text(row.raw))
        is_about_none = row.order_id is None and (row.session, cl_ord_id(fields)) in refused
        if row.order_id in record.left_out or is_about_none or row.session not in sessions:
            record.messages_left_out += 1
            continue
        steps.append(Sent(row.at, row.session, row.msg_type, row.order_id, fields))
    return steps


def _limits(connection: Connection, record: Record) -> None:
    if not record.steps:
        return
    begin, end = record.steps[0].at, record.steps[-1].at
    newest: dict[tuple[str, str, str, str], LimitRow] = {}
    for row in load_limits(connection):
        if row.valid_from <= begin and (row.valid_to is None or row.valid_to > begin):
            newest[row.code, row.account, row.session, row.symbol] = row
        ends_inside = row.valid_to is not None and begin < row.valid_to <= end
        record.limits_changed += begin < row.valid_from <= end or ends_inside
    missing = NEVER_GIVEN if record.with_history else NEVER_GIVEN | OF_HISTORY
    record.limits = [row for row in newest.values() if row.value is not None and row.code not in missing]
    record.limits_not_given = sorted({row.code for row in newest.values() if row.value is not None} & missing)


def _has_the_beginning(connection: Connection, window: Window) -> bool:
    """Whether the span has the journal's beginning."""
    first = connection.execute(select(journal.c.at).order_by(journal.c.position).limit(1)).scalar()
    return first is None or window.holds(first)
