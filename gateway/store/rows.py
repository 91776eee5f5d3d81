"""One row of each table that the engine writes, columns in the order of tables.py (a test compares them).

Decimals are text in plain digits; times are integer nanoseconds UTC; None is SQL's NULL.
Text must be plain `str` as SQL can hold it: see `storable`.
"""

from typing import NamedTuple


def storable(text: str, limit: int = 2000) -> str:
    """The text as every database takes it, for what comes from outside: PostgreSQL refuses NUL, and no encoder takes
    half a surrogate pair. Both are shown as U+FFFD, and what is longer than limit is cut.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class JournalRow(NamedTuple):
    """An event. payload: `codec.encode_event`; event_type: the name of its class."""

    position: int
    order_id: str
    event_type: str
    at: int
    payload: str


class OrderRow(NamedTuple):
    """How an order stands."""

    order_id: str
    session: str
    cl_ord_id: str
    first_cl_ord_id: str
    account: str
    venue_account: str
    symbol: str
    side: str
    ord_type: str
    time_in_force: str
    order_qty: str
    price: str | None
    stop_px: str | None
    cum_qty: str
    avg_px: str
    leaves_qty: str
    ord_status: str
    is_open: bool
    is_unknown: bool
    text: str
    received_at: int
    updated_at: int


class ExecutionRow(NamedTuple):
    """A trade."""

    position: int
    order_id: str
    venue_account: str
    symbol: str
    side: str
    trade_id: str
    venue_order_id: str
    last_qty: str
    last_px: str
    commission: str
    commission_currency: str
    liquidity: str | None
    transact_time: int
    at: int


class SessionRow(NamedTuple):
    """How a FIX session stands."""

    session: str
    epoch: int
    created_at: int
    next_in: int
    next_out: int
    out_reserved: int
    last_report_id: int
    seen_report_id: int
    proven_report_id: int
    logged_on: bool
    clean: bool
    last_logon_at: int | None = None
    last_logout_at: int | None = None
    last_in_at: int | None = None
    last_out_at: int | None = None
    off_reason: str | None = None
    disabled: bool = False


class MessageRow(NamedTuple):
    """A FIX message. direction: 'in' or 'out'."""

    session: str
    epoch: int
    direction: str
    msg_seq_num: int
    msg_type: str
    poss_dup: bool
    first_use: bool
    at: int
    cl_ord_id: str | None
    order_id: str | None
    report_id: int | None
    raw: bytes


class ReportRow(NamedTuple):
    """An application message for a session."""

    report_id: int
    session: str
    order_id: str | None
    msg_type: str
    body: str
    at: int


class IntentRow(NamedTuple):
    """A request to a venue."""

    intent_id: int
    order_id: str
    leg: int
    operation: str
    venue_account: str
    symbol: str
    client_id: str
    timestamp_ms: int
    recv_window_ms: int
    payload: str
    at: int


class DecisionRow(NamedTuple):
    """A decision on a client's request."""

    position: int
    order_id: str | None
    cl_ord_id: str | None
    session: str
    outcome: str
    code: str
    text: str
    inputs: str
    at: int


class VenueCallRow(NamedTuple):
    """Something said to a venue ('out') or by it ('in')."""

    at: int
    venue_account: str
    direction: str
    operation: str
    order_id: str | None
    intent_id: int | None
    text: str


class AlertRow(NamedTuple):
    """Something a person should look at."""

    at: int
    severity: str
    code: str
    text: str
    session: str | None = None
    order_id: str | None = None


class ClockReadingRow(NamedTuple):
    """How far a clock was ahead of the host's, nanoseconds."""

    at: int
    source: str
    name: str
    offset_ns: int
    error_ns: int
    problem: str


class StateChangeRow(NamedTuple):
    """What came, went or began anew."""

    at: int
    what: str
    name: str
    state: str
    text: str


class BreakRow(NamedTuple):
    """A difference between a venue and the books. resolved_at is None while it stands."""

    break_id: int
    at: int
    venue_account: str
    kind: str
    order_id: str | None
    client_id: str
    ours: str
    theirs: str
    resolution: str = ""
    resolved_at: int | None = None


class HaltRow(NamedTuple):
    """What a person has forbidden. armed_by_uid: who wants it armed again and waits for a second; -1: nobody."""

    account: str
    session: str
    symbol: str
    venue_account: str
    venue: str
    state: str
    reason: str
    uid: int
    who: str
    at: int
    armed_by_uid: int
    armed_at: int


class AdminActionRow(NamedTuple):
    """What an operator asked for. outcome: how it ended, or that it is under way."""

    action_id: int
    at: int
    uid: int
    pid: int
    who: str
    action: str
    arguments: str
    reason: str
    outcome: str


class MetaRow(NamedTuple):
    """What is true of the database as a whole."""

    key: str
    value: str


class LimitRow(NamedTuple):
    """One version of a limit. value None: there is none from here on."""

    limit_id: int
    code: str
    account: str
    session: str
    symbol: str
    value: str | None
    warn_percent: int | None
    valid_from: int
    valid_to: int | None
    who: str
    why: str
    at: int


class PositionRow(NamedTuple):
    """One account's position in a symbol. fees: by asset, as JSON. bought, paid: by executions alone."""

    account: str
    symbol: str
    qty: str
    cost: str
    realized: str
    realized_today: str
    fees: str
    fees_today: str
    bought: str
    bought_today: str
    paid: str
    paid_today: str
    day: int


class BalanceRow(NamedTuple):
    """What should be at a venue beside what executions move. kind: 'baseline', 'moved' or 'accepted'."""

    at: int
    venue_account: str
    asset: str
    kind: str
    qty: str
    executed: str
    as_of: int
    accounts: str
    action_id: int | None
    text: str


class SymbolRow(NamedTuple):
    """What a symbol is made of."""

    at: int
    venue_account: str
    symbol: str
    base: str
    quote: str


class InstrumentRow(NamedTuple):
    """What orders in a symbol are decided with from a journal position on. content: see store/instruments.py."""

    at: int
    position: int
    venue_account: str
    symbol: str
    content: str
