"""What was recorded of a span: the clients' messages, the venue's words, and the reports that came of them."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from gateway.compliance.derive.stored import stream
from gateway.compliance.derive.window import Window, rows_of
from gateway.compliance.inject.decided import A_MOMENT_NS, Decided, Key
from gateway.compliance.inject.given import Asked, Decisions, Given, read_decisions, taken_of
from gateway.compliance.inject.not_replayable import (
    REPEATED_EXECUTION,
    OrderStory,
    ThereIs,
    of_its_own_time,
    why_not,
)
from gateway.compliance.inject.order import first_taken, in_order
from gateway.compliance.inject.other_causes import asked_of, comings_of, trades_shown
from gateway.compliance.inject.steps import Answered, Connected, Happened, Learned, Restarted, Sent, Settled, Step, Told
from gateway.compliance.inject.venue_words import (
    UnreadableRecordError,
    VenueWords,
    Word,
    calls_of,
    trades_told,
    why_unusable,
)
from gateway.compliance.retention.ledger import archived_days
from gateway.domain import events as e
from gateway.domain.money import text_of
from gateway.engine.clients import QUARANTINED
from gateway.engine.throttle import EXEMPT
from gateway.store.codec import decode_event
from gateway.store.instruments import load_instruments
from gateway.store.limits import load_limits
from gateway.store.readers import ADMINISTRATIVE
from gateway.store.rows import InstrumentRow, LimitRow
from gateway.store.tables import journal, messages, reports
from gateway.wire.raw import split_fields, to_text

_MSG_SEQ_NUM, _REF_SEQ_NUM = 34, 45
_SECURITY_LIST_REQUEST = "x"


@dataclass(slots=True)
class Record:
    """A span. steps: in the order in which they came.

    left_out: why, by OrderID(37) of orders that are not gone through.
    """

    steps: list[Step] = field(default_factory=list)
    reports: list[Told] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    messages_left_out: int = 0
    lists_left_out: int = 0  # of instruments, that clients asked for
    orders: int = 0
    first_ids: dict[str, str] = field(default_factory=dict)  # venue client id of the first leg, by OrderID(37)
    instruments: list[InstrumentRow] = field(default_factory=list)  # as they were to begin with
    taken: dict[str, list[str]] = field(default_factory=dict)  # from decisions, by kind: of which limits
    limits: list[LimitRow] = field(default_factory=list)
    limits_not_given: list[str] = field(default_factory=list)
    not_again: list[str] = field(default_factory=list)  # what operators asked for and is not repeated
    with_history: bool = False  # it has the beginning, and leaves out nothing that came later orders' way
    unanswered: set[tuple[str, str]] = field(default_factory=set)  # method and client id of what was not answered
    stem: str = ""  # of the ids at the venue: another one after each restore of the database

    @property
    def missing(self) -> frozenset[str]:
        """Limits that the scratch gateway does not have."""
        return frozenset() if self.with_history else frozenset({REPEATED_EXECUTION})

    def decisions(self) -> Iterator[tuple[Asked, Given]]:
        """What was decided on the clients' requests that are sent again, in their order: where it can be told what had
        come before. Of a word of the venue that was heard at nearly the same time it cannot, unless it is of the order
        or of a later one, and behind.
        """
        words = sorted((s.at, s.order_id) for s in self.steps if isinstance(s, Answered | Settled | Happened))
        came = {s.order_id: s.at for s in reversed(self.steps) if isinstance(s, Sent) and s.msg_type == "D"}
        for step in self.steps:
            if isinstance(step, Sent) and step.given is not None:
                first, last = (bisect_left(words, (step.at + by,)) for by in (-A_MOMENT_NS, A_MOMENT_NS))
                if all(at > step.at and came.get(order_id, 0) >= step.at for at, order_id in words[first:last]):
                    yield (step.session, cl_ord_id(step.fields), step.at), step.given


def read_record(connection: Connection, window: Window, there_is: ThereIs) -> Record:
    """The span, and what of it can be gone through once more. Raises UnreadableRecordError."""
    record = Record()
    decided = Decided()
    stories, refused, positions_set = _stories(connection, window, decided)
    limits, instruments = load_limits(connection), load_instruments(connection)
    there_is = there_is._replace(known_since=_known_since(instruments))
    decisions = read_decisions(connection, window, limits)
    comings = comings_of(connection, window, there_is.left, venues=there_is.is_one_account)
    calls = calls_of(connection, window)
    record.stem = _stem(stories)
    told, shown = trades_told(calls), trades_shown(comings.connections)
    unusable = why_unusable(calls)
    for with_history in (has_the_beginning(connection, window) and not positions_set, False):
        record.with_history = with_history
        for order_id, story in stories.items():
            why = why_not(story, told[order_id] | shown, there_is, comings, with_history=with_history)
            why = why or unusable.get(order_id, "") or _undecided(order_id, story, decisions)
            if why := why or _of_another_database(story, record):
                record.left_out.setdefault(order_id, why)
        if with_history and not record.left_out:
            break
    record.orders = len(stories)
    words = VenueWords(calls, record.left_out)
    record.first_ids, record.unanswered = words.first_ids, words.unanswered
    kept = {order_id: story for order_id, story in stories.items() if order_id not in record.left_out}
    venue_steps: list[Word | Connected | Restarted] = [*words.steps, *comings.connections]
    client_steps = _client_steps(connection, window, record, refused, there_is)
    client_steps = [step._replace(given=_given(step, stories, decisions)) for step in client_steps]
    for first in first_taken(client_steps, words.sent_at, comings.connections):
        decided.first_taken(*first)
    asked, record.not_again = asked_of(connection, window, record.missing, with_history=record.with_history)
    came: list[Step] = [*comings.sessions, *asked]
    others = [(decided.behind(step.at), step) for step in came]
    others += [((position, 0, step.at), step) for story in kept.values() for position, step in story.passed]
    others += _instruments(instruments, window, record)
    if client_steps:
        record.steps = in_order(client_steps, venue_steps, others, decided)
    named = {(step.session, name) for step in client_steps for name in _names(step)}
    record.reports = [
        told
        for told in read_reports(connection, window)
        if (told.order_id in stories and told.order_id not in record.left_out)
        or (told.order_id is None and _is_about(told, named, there_is.sessions))
    ]
    _limits(limits, record)
    codes = {code for step in client_steps if step.given is not None for code in step.given.codes}
    record.taken = taken_of(codes, with_history=record.with_history)
    return record


def _known_since(instruments: list[InstrumentRow]) -> dict[tuple[str, str], int]:
    return {(row.venue_account, row.symbol): row.position for row in reversed(instruments)}


def _instruments(rows: list[InstrumentRow], window: Window, record: Record) -> list[tuple[Key, Step]]:
    """What was learned in the span, each in front of what was decided with it; what was known before is kept."""
    found: list[tuple[Key, Step]] = []
    for row in rows:
        if row.at < window.since:
            record.instruments.append(row)
        elif window.holds(row.at):
            found.append(((row.position, -1, row.at), Learned(row.at, row)))
    return found


def _undecided(order_id: str, story: OrderStory, decisions: Decisions) -> str:
    if order_id in decisions.unreadable or story.position not in decisions.made:
        return "the figures of its decision are not recorded, or not this release's"
    return ""


def _stem(stories: Mapping[str, OrderStory]) -> str:
    """The one that most orders have."""
    counts = Counter(story.stem for story in stories.values() if story.stem)
    return counts.most_common(1)[0][0] if counts else ""


def _of_another_database(story: OrderStory, record: Record) -> str:
    is_other = story.stem not in ("", record.stem)
    return "a restore of the database is between it and most orders of the span" if is_other else ""


def _given(step: Sent, stories: dict[str, OrderStory], decisions: Decisions) -> Given | None:
    given = decisions.given.get((step.session, cl_ord_id(step.fields), step.at))
    story = stories.get(step.order_id or "")
    received = story.received if story is not None else None
    if step.msg_type == "D" and received is not None and received.at == step.at and received.market_px is not None:
        given = (given or Given())._replace(market_px=text_of(received.market_px))
    return given


def _names(step: Sent) -> tuple[str, str]:
    """By which an answer about no order names the message: its id, and its number."""
    return cl_ord_id(step.fields), _number(dict(step.fields).get(_MSG_SEQ_NUM, ""))


def _number(seq: str) -> str:
    return f"MsgSeqNum {seq}"


def _is_about(told: Told, kept: set[tuple[str, str]], sessions: frozenset[str]) -> bool:
    """Whether an answer about no order, or a drop copy of one, is about a message that is sent again."""
    name = _named(told.body)
    if told.session in sessions:
        number = _number(dict(split_fields(told.body)).get(_REF_SEQ_NUM, ""))
        return (bool(name) and (told.session, name) in kept) or (told.session, number) in kept
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
        is_own = isinstance(event, e.WithdrawalRequested | e.ExpiryRequested)
        decided.heard(row.position, event.order_id, event.at, is_own=is_own)
        if event.order_id:
            stories[event.order_id].heard(event, row.position)
        elif isinstance(event, e.NewOrderRefused | e.RequestRefused) and of_its_own_time(event.text):
            refused.add((event.session, event.cl_ord_id))
        elif isinstance(event, e.PositionSet):
            positions_set = True
    return dict(stories), refused, positions_set


def _client_steps(
    connection: Connection,
    window: Window,
    record: Record,
    refused: set[tuple[str, str]],
    there_is: ThereIs,
) -> list[Sent]:
    numbers = rows_of(connection, messages.c.id, messages.c.at, window)
    quarantined = {
        (told.session, dict(split_fields(told.body)).get(_REF_SEQ_NUM))
        for told in read_reports(connection, window)
        if told.msg_type == "j" and QUARANTINED in told.body
    }
    steps = []
    for row in stream(connection, messages, "id", *numbers):
        if row.direction != "in" or not row.first_use or not window.holds(row.at):
            continue
        if row.msg_type in ADMINISTRATIVE:
            if row.session in there_is.throttled and row.msg_type not in EXEMPT:
                steps.append(Sent(row.at, row.session, "1", None, [(112, "counts too")]))
            continue
        if row.msg_type == _SECURITY_LIST_REQUEST:
            record.lists_left_out += 1
            continue
        fields = split_fields(to_text(row.raw))
        is_about_none = row.order_id is None and (row.session, cl_ord_id(fields)) in refused
        failed = (row.session, str(row.msg_seq_num)) in quarantined
        if row.order_id in record.left_out or is_about_none or failed or row.session not in there_is.sessions:
            record.messages_left_out += 1
            continue
        steps.append(Sent(row.at, row.session, row.msg_type, row.order_id, fields))
    return steps


def _limits(rows: list[LimitRow], record: Record) -> None:
    """Those that were set before the first step; others are set again, and what the gateway stops it stops again."""
    begin = record.steps[0].at if record.steps else 0
    record.limits = [row for row in rows if row.code not in record.missing and row.at <= begin]
    record.limits_not_given = sorted({row.code for row in rows if row.value is not None} & record.missing)


def has_the_beginning(connection: Connection, window: Window) -> bool:
    """Whether the span has the journal's beginning, and that is still here."""
    if "orders" in archived_days(connection):
        return False
    first = connection.execute(select(journal.c.at).order_by(journal.c.position).limit(1)).scalar()
    return first is None or window.holds(first)
