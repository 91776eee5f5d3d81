"""One transaction's worth of rows."""

from dataclasses import dataclass, field

from gateway.store.rows import (
    AdminActionRow,
    AlertRow,
    BalanceRow,
    BreakRow,
    ClockReadingRow,
    DecisionRow,
    ExecutionRow,
    HaltRow,
    InstrumentRow,
    IntentRow,
    JournalRow,
    LimitRow,
    MessageRow,
    MetaRow,
    OrderRow,
    PositionRow,
    ReportRow,
    SessionRow,
    StateChangeRow,
    SymbolRow,
    VenueCallRow,
)


@dataclass(slots=True)
class Batch:
    """Rows to be committed together; each field is the table of that name.

    orders, sessions, breaks, admin_actions, halts and meta are keyed by their primary key: of several changes of one
    the last is written.
    """

    journal: list[JournalRow] = field(default_factory=list)
    orders: dict[str, OrderRow] = field(default_factory=dict)
    executions: list[ExecutionRow] = field(default_factory=list)
    sessions: dict[str, SessionRow] = field(default_factory=dict)
    messages: list[MessageRow] = field(default_factory=list)
    reports: list[ReportRow] = field(default_factory=list)
    intents: list[IntentRow] = field(default_factory=list)
    decisions: list[DecisionRow] = field(default_factory=list)
    venue_calls: list[VenueCallRow] = field(default_factory=list)
    alerts: list[AlertRow] = field(default_factory=list)
    clock_readings: list[ClockReadingRow] = field(default_factory=list)
    state_changes: list[StateChangeRow] = field(default_factory=list)
    breaks: dict[int, BreakRow] = field(default_factory=dict)
    admin_actions: dict[int, AdminActionRow] = field(default_factory=dict)
    limits: list[LimitRow] = field(default_factory=list)
    positions: dict[tuple[str, str], PositionRow] = field(default_factory=dict)
    halts: dict[tuple[str, ...], HaltRow] = field(default_factory=dict)
    meta: dict[str, MetaRow] = field(default_factory=dict)
    balances: list[BalanceRow] = field(default_factory=list)
    symbols: list[SymbolRow] = field(default_factory=list)
    instruments: list[InstrumentRow] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not (
            self.messages
            or self.journal
            or self.venue_calls
            or self.sessions
            or self.orders
            or self.executions
            or self.reports
            or self.intents
            or self.decisions
            or self.alerts
            or self.clock_readings
            or self.state_changes
            or self.breaks
            or self.admin_actions
            or self.limits
            or self.positions
            or self.halts
            or self.meta
            or self.balances
            or self.symbols
            or self.instruments
        )

    def clear(self) -> None:
        """Make it empty, to be filled again."""
        self.journal.clear()
        self.orders.clear()
        self.executions.clear()
        self.sessions.clear()
        self.messages.clear()
        self.reports.clear()
        self.intents.clear()
        self.decisions.clear()
        self.venue_calls.clear()
        self.alerts.clear()
        self.clock_readings.clear()
        self.state_changes.clear()
        self.breaks.clear()
        self.admin_actions.clear()
        self.limits.clear()
        self.positions.clear()
        self.halts.clear()
        self.meta.clear()
        self.balances.clear()
        self.symbols.clear()
        self.instruments.clear()
