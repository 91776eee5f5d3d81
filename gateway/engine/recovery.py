"""What the engine knows when it starts: everything SQL holds that is not over."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy import Engine as Database

from gateway.domain.book import Book
from gateway.domain.halts import Halt, HaltScope, TradingState
from gateway.domain.order import LegState, Order
from gateway.domain.risk import BadLimitError, RuleBook
from gateway.domain.session_names import OWN_SESSION, session_name
from gateway.domain.wording import counted
from gateway.engine.clock import Clock, day_start
from gateway.engine.disconnects import DISCONNECT
from gateway.engine.numbers import RESERVE, SessionState
from gateway.errors import ConfigError
from gateway.store import floors, readers, restored
from gateway.store.balances import load_balances, load_symbols
from gateway.store.instruments import load_instruments
from gateway.store.limits import Given, first_limits, limit_of, load_limits, set_aside
from gateway.store.positions import load_ledger
from gateway.store.rows import (
    AdminActionRow,
    BalanceRow,
    BreakRow,
    HaltRow,
    InstrumentRow,
    LimitRow,
    SessionRow,
    SymbolRow,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """State as of the last commit. unsettled: orders by venue account whose fate only the venue can tell."""

    book: Book
    sessions: dict[str, SessionState]
    position: int
    report_id: int
    new_limits: list[LimitRow]  # to be written: it is the first start
    limits_set_aside: list[str]  # of the configuration, which no longer decides
    unsettled: dict[str, set[str]]
    breaks: list[BreakRow]  # that stand
    break_id: int
    last_reconciled: dict[str, int]  # by venue account
    balances: list[BalanceRow]
    symbols: list[SymbolRow]
    instruments: list[InstrumentRow]
    action_id: int
    kills_cut_short: list[AdminActionRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """The names that the configuration has. sessions: BeginString by key."""

    sessions: Mapping[str, str]
    accounts: Collection[str]
    venue_accounts: Collection[str]
    limits: Sequence[Given] = ()


def recover(database: Database, configured: Configured, clock: Clock, day_end_seconds: int) -> Recovered:
    """Read it all. Raises ConfigError when SQL has open orders or unsent reports of what is not configured any more."""
    now = clock.now()
    today = day_start(now, day_end_seconds)
    with database.connect() as connection:
        limits = load_limits(connection)
        new_limits = [] if limits else first_limits(configured.limits, now)
        book = Book(_rule_book([*limits, *new_limits]), today)
        book.risk.ledger.recording = False  # it is loaded as a whole
        for position, event in readers.load_open_events(connection, today):
            book.fold(position, event)
        book.risk.take_stops()  # they were kept when they happened
        book.risk.ledger.recording = True
        load_ledger(connection, book.risk.ledger, today)
        for (session, account, symbol), qty in readers.load_positions(connection, today).items():
            book.risk.totals.hold(account, symbol, qty, session_name(session))
        for account, symbol, held in book.risk.ledger.items():
            if held.given:
                book.risk.totals.hold(account, symbol, held.given)
        for row in readers.load_halts(connection):
            book.halts.put(halt_of(row))
        book.last_order_number = floors.first_order_number(connection)
        rows = {row.session: row for row in readers.load_sessions(connection)}
        _refuse_left_behind(book, _unsent_elsewhere(connection, rows, configured), configured)
        states = {}
        to_agree = restored.epochs_to_agree(connection)
        for key, begin_string in configured.sessions.items():
            state = _session(key, begin_string, rows.get(key), now)
            unsent = readers.unsent_reports(connection, key, state.last_report_id)
            if unsent and not state.clean:
                state.crashed(unsent[-1].report_id)
            state.wait_again(unsent)
            state.clean = False
            state.reset_required = state.epoch == to_agree.get(key)
            states[key] = state
        return Recovered(
            book=book,
            sessions=states,
            position=floors.first_position(connection),
            report_id=readers.last_report_id(connection),
            new_limits=new_limits,
            limits_set_aside=set_aside(configured.limits, limits or new_limits),
            unsettled=_unsettled(book.orders.values()),
            breaks=readers.standing_breaks(connection),
            break_id=readers.last_break_id(connection),
            last_reconciled=readers.last_reconciled_at(connection),
            balances=load_balances(connection),
            symbols=load_symbols(connection),
            instruments=load_instruments(connection),
            action_id=readers.last_action_id(connection),
            kills_cut_short=readers.kills_under_way(connection),
        )


def _rule_book(rows: Iterable[LimitRow]) -> RuleBook:
    try:
        return RuleBook([limit_of(row) for row in rows])
    except BadLimitError as error:
        raise ConfigError(f"the database has a limit that this release cannot apply: {error}") from error


def _session(key: str, begin_string: str, row: SessionRow | None, now: int) -> SessionState:
    if row is None:
        return SessionState(key, begin_string, now, out_reserved=1 + RESERVE, clean=True, changed=True)
    return SessionState(
        key,
        begin_string,
        row.created_at,
        epoch=row.epoch,
        next_in=row.next_in,
        # After a crash nobody knows how far the numbers got; the bound is above all of them, and FIX fills the gap.
        next_out=row.next_out if row.clean else row.out_reserved,
        out_reserved=row.out_reserved,
        last_report_id=row.last_report_id,
        seen_report_id=row.seen_report_id,
        proven_report_id=row.proven_report_id,
        asked_report_id=row.proven_report_id,
        clean=row.clean,
        last_logon_at=row.last_logon_at,
        last_logout_at=row.last_logout_at,
        last_in_at=row.last_in_at,
        last_out_at=row.last_out_at,
        disabled=row.disabled,
        off_reason=row.off_reason or (DISCONNECT if _was_on(row) else None),
        changed=True,
    )


def _was_on(row: SessionRow) -> bool:
    """Whether its last Logon outlived the engine. logged_on does not tell: it is off while a reset is answered."""
    return row.last_logon_at is not None and row.last_logon_at > (row.last_logout_at or 0)


def _unsent_elsewhere(connection: Connection, rows: Mapping[str, SessionRow], configured: Configured) -> dict[str, int]:
    """How many reports wait for sessions that are not configured."""
    left = (row for key, row in rows.items() if key not in configured.sessions)
    return {row.session: len(readers.unsent_reports(connection, row.session, row.last_report_id)) for row in left}


def _refuse_left_behind(book: Book, unsent: Mapping[str, int], configured: Configured) -> None:
    """Without its session, account and venue account nothing that happens to an order could be recorded."""
    orders: Counter[str] = Counter()
    for order in book.orders.values():
        if order.is_open or order.is_unknown:
            orders[f"session {order.session}"] += order.session not in (*configured.sessions, OWN_SESSION)
            orders[f"account {order.account}"] += order.account not in configured.accounts
            orders[f"venue account {order.venue_account}"] += order.venue_account not in configured.venue_accounts
    left = [f"{name} has {counted(count, 'open or unknown order')}" for name, count in orders.items() if count]
    left += [f"session {key} has {counted(count, 'unsent report')}" for key, count in unsent.items() if count]
    if left:
        raise ConfigError(
            f"the configuration lacks what the database still needs: {'; '.join(left)}. "
            "Configure them again, under these names, until nothing is left"
        )


def _unsettled(orders: Iterable[Order]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for order in orders:
        leg = order.leg
        if order.is_unknown or (leg is not None and leg.state is LegState.PENDING):
            found.setdefault(order.venue_account, set()).add(order.order_id)
    return found


def halt_of(row: HaltRow) -> Halt:
    """As SQL has it."""
    scope = HaltScope(row.account, row.session, row.symbol, row.venue_account, row.venue)
    return Halt(scope, TradingState(row.state), row.reason, row.uid, row.who, row.at, row.armed_by_uid, row.armed_at)
