"""The tables, and what their columns mean.

Times are integer nanoseconds UTC. `text` is for people. Booleans named is_* and the orders table as a whole are
projections: the journal is what is true, the rest can be rebuilt from it.
Conditions of partial indexes are in the words of SQLAlchemy's queries, else the database would not use them.
Rows are written through `rows.py`, which lists the same columns in the same order.

Every index costs a page in each small commit, so there are few: what has a journal position (executions, intents,
decisions) is found by order_id through the journal's index.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint
from sqlalchemy import text as sql

from gateway.store import columns, tables_balances
from gateway.store.columns import ExactDecimal, Key

metadata = columns.metadata
balances = tables_balances.balances
symbols = tables_balances.symbols
instruments = tables_balances.instruments

# What the database is for: `environment`, `deployment`; and `instance`, which makes its ids its own.
meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# Everything that happened to orders, in order. order_id is empty for what happened to no order.
journal = Table(
    "journal",
    metadata,
    Column("position", Key, primary_key=True, autoincrement=False),
    Column("order_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("payload", Text, nullable=False),  # JSON, see codec.py
    Index("journal_order_id", "order_id"),
)

# How each order stands now.
orders = Table(
    "orders",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("session", Text, nullable=False),
    Column("cl_ord_id", Text, nullable=False),  # of the last accepted request
    Column("first_cl_ord_id", Text, nullable=False),  # of the NewOrderSingle
    Column("account", Text, nullable=False),
    Column("venue_account", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("ord_type", Text, nullable=False),
    Column("time_in_force", Text, nullable=False),
    Column("order_qty", ExactDecimal, nullable=False),
    Column("price", ExactDecimal),
    Column("stop_px", ExactDecimal),
    Column("cum_qty", ExactDecimal, nullable=False),
    Column("avg_px", ExactDecimal, nullable=False),
    Column("leaves_qty", ExactDecimal, nullable=False),
    Column("ord_status", Text, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("is_unknown", Boolean, nullable=False),
    Column("text", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("orders_open", "order_id", sqlite_where=sql("is_open = 1"), postgresql_where=sql("is_open")),
    Index("orders_received_at", "received_at"),
    sqlite_with_rowid=False,
)

# Each trade once. position is the journal's, and what ExecID(17) is made of.
executions = Table(
    "executions",
    metadata,
    Column("position", Key, primary_key=True, autoincrement=False),
    Column("order_id", Text, nullable=False),
    Column("venue_account", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("trade_id", Text, nullable=False),
    Column("venue_order_id", Text, nullable=False),
    Column("last_qty", ExactDecimal, nullable=False),
    Column("last_px", ExactDecimal, nullable=False),
    Column("commission", ExactDecimal, nullable=False),
    Column("commission_currency", Text, nullable=False),
    Column("liquidity", Text),  # LastLiquidityInd(851)
    Column("transact_time", BigInteger, nullable=False),  # the venue's
    Column("at", BigInteger, nullable=False),  # ours
    # Two orders of ours can share a trade; one order cannot have it twice.
    UniqueConstraint("order_id", "trade_id", "venue_order_id", name="executions_trade"),
)

# One FIX session each, keyed by its SessionID as QuickFIX writes it. Numbers are of the current epoch.
sessions = Table(
    "sessions",
    metadata,
    Column("session", Text, primary_key=True),
    Column("epoch", Integer, nullable=False),  # grows by one with every reset of the numbers
    Column("created_at", BigInteger, nullable=False),  # of the epoch
    Column("next_in", BigInteger, nullable=False),  # may lag the wire, never lead it
    Column("next_out", BigInteger, nullable=False),  # exact after a clean stop
    Column("out_reserved", BigInteger, nullable=False),  # above every number the wire has seen
    Column("last_report_id", BigInteger, nullable=False),  # reports up to this one were sent in this epoch
    Column("seen_report_id", BigInteger, nullable=False, server_default="0"),  # up to this one perhaps before
    Column("proven_report_id", BigInteger, nullable=False, server_default="0"),  # up to this one proven to be received
    Column("logged_on", Boolean, nullable=False),
    Column("clean", Boolean, nullable=False),  # the engine was stopped in order: next_out is exact
    Column("last_logon_at", BigInteger),
    Column("last_logout_at", BigInteger),
    Column("last_in_at", BigInteger),
    Column("last_out_at", BigInteger),
    Column("off_reason", Text),  # 'logout' (the client's own) or 'disconnect'; NULL while it is on, or never was
    Column("disabled", Boolean, nullable=False, server_default=sql("false")),  # by an operator: nobody can log on
)

# Every FIX message in and out, byte for byte.
messages = Table(
    "messages",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("session", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("direction", Text, nullable=False),  # 'in' or 'out'
    Column("msg_seq_num", BigInteger, nullable=False),
    Column("msg_type", Text, nullable=False),
    Column("poss_dup", Boolean, nullable=False),
    Column("first_use", Boolean, nullable=False),  # false: a resend, a gap fill, a number out of turn
    Column("at", BigInteger, nullable=False),
    Column("cl_ord_id", Text),  # ClOrdID(11)
    Column("order_id", Text),  # OrderID(37), or the order that a request was found to be about
    Column("report_id", BigInteger),  # the report it carried
    Column("raw", LargeBinary, nullable=False),
    Index(
        "messages_first_use",
        "session",
        "epoch",
        "direction",
        "msg_seq_num",
        unique=True,
        sqlite_where=sql("first_use = 1"),
        postgresql_where=sql("first_use"),
    ),
    Index(
        "messages_again",  # numbers that the index above leaves out: few
        "session",
        "epoch",
        "direction",
        "msg_seq_num",
        sqlite_where=sql("first_use = 0"),
        postgresql_where=sql("NOT first_use"),
    ),
    Index(
        "messages_cl_ord_id",
        "cl_ord_id",
        sqlite_where=sql("cl_ord_id IS NOT NULL"),
        postgresql_where=sql("cl_ord_id IS NOT NULL"),
    ),
    Index(
        "messages_order_id",
        "order_id",
        sqlite_where=sql("order_id IS NOT NULL"),
        postgresql_where=sql("order_id IS NOT NULL"),
    ),
)

# Application messages for a session, sent or waiting to be sent (sessions.last_report_id tells which).
reports = Table(
    "reports",
    metadata,
    Column("report_id", Key, primary_key=True, autoincrement=False),
    Column("session", Text, nullable=False),
    Column("order_id", Text),
    Column("msg_type", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("reports_session", "session", "report_id"),
)

# Requests to a venue, committed before they are sent. intent_id: the journal position of the event that asked for it.
intents = Table(
    "intents",
    metadata,
    Column("intent_id", Key, primary_key=True, autoincrement=False),
    Column("order_id", Text, nullable=False),
    Column("leg", Integer, nullable=False),
    Column("operation", Text, nullable=False),
    Column("venue_account", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),  # the venue's clock; never stamped again
    Column("recv_window_ms", BigInteger, nullable=False),
    Column("payload", Text, nullable=False),  # JSON
    Column("at", BigInteger, nullable=False),
)

# What was decided on a client's request, with the figures it was decided on. position: the journal's.
decisions = Table(
    "decisions",
    metadata,
    Column("position", Key, primary_key=True, autoincrement=False),
    Column("order_id", Text),
    Column("cl_ord_id", Text),
    Column("session", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("inputs", Text, nullable=False),  # JSON
    Column("at", BigInteger, nullable=False),
)

# What was said to a venue and what it said.
venue_calls = Table(
    "venue_calls",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("venue_account", Text, nullable=False),
    Column("direction", Text, nullable=False),  # 'in' or 'out'
    Column("operation", Text, nullable=False),
    Column("order_id", Text),
    Column("intent_id", BigInteger),
    Column("text", Text, nullable=False),
    Index(
        "venue_calls_order_id",
        "order_id",
        sqlite_where=sql("order_id IS NOT NULL"),
        postgresql_where=sql("order_id IS NOT NULL"),
    ),
)

# What a person should look at.
alerts = Table(
    "alerts",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("severity", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("session", Text),
    Column("order_id", Text),
)

# How far a clock was ahead of the host's: a venue's, or UTC as the host's time service knows it.
clock_readings = Table(
    "clock_readings",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("source", Text, nullable=False),  # 'venue' or 'utc'
    Column("name", Text, nullable=False),  # the venue account
    Column("offset_ns", BigInteger, nullable=False),
    Column("error_ns", BigInteger, nullable=False),  # it is right to plus or minus this
    Column("problem", Text, nullable=False),  # why it cannot be relied on; empty: it can
)

# What came and went: the engine (started, stopped), a session (on, off, reset), a venue account (available or not).
state_changes = Table(
    "state_changes",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("what", Text, nullable=False),  # 'engine', 'session' or 'venue'
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("text", Text, nullable=False),
)

# What the record had come to, signed by the deployment's key, see compliance/audit.
seals = Table(
    "seals",
    metadata,
    Column("number", Key, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("content", Text, nullable=False),  # JSON
    Column("signature", Text, nullable=False),
    Column("key_id", Text, nullable=False),
)

# By which a seal names the record that was changed: a row for a thousand records of a table.
digests = Table(
    "digests",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("last_key", Key, primary_key=True, autoincrement=False),
    Column("total", BigInteger, nullable=False),  # of the stream's records so far
    Column("hash", LargeBinary, nullable=False),  # of the chain so far
    Column("locators", LargeBinary, nullable=False),  # keys and beginnings of digests
)

# Where a venue and the books differed: one row a break, with both sides as JSON, and how it ended.
breaks = Table(
    "breaks",
    metadata,
    Column("break_id", Key, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("venue_account", Text, nullable=False),
    Column("kind", Text, nullable=False),  # domain/reconcile.py, BreakKind
    Column("order_id", Text),  # NULL for an orphan
    Column("client_id", Text, nullable=False),
    Column("ours", Text, nullable=False),
    Column("theirs", Text, nullable=False),
    Column("resolution", Text, nullable=False),  # empty while it stands
    Column("resolved_at", BigInteger),
    Index(
        "breaks_standing",
        "break_id",
        sqlite_where=sql("resolved_at IS NULL"),
        postgresql_where=sql("resolved_at IS NULL"),
    ),
)

# Every version of every limit; of those that are valid the newest applies. An empty account, session or symbol is any.
limits = Table(
    "limits",
    metadata,
    Column("limit_id", Key, primary_key=True, autoincrement=False),
    Column("code", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("session", Text, nullable=False),  # the client's CompID
    Column("symbol", Text, nullable=False),
    Column("value", Text),  # as a person writes it, see domain/risk; NULL: no limit from here on
    Column("warn_percent", Integer),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_to", BigInteger),  # of a temporary one: when it ends by itself
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# PostgreSQL: which engine may write. Times are of the database's clock. See leases.py.
leases = Table(
    "leases",
    metadata,
    Column("shard", Text, primary_key=True),
    Column("fencing_number", BigInteger, nullable=False),  # grows by one with every change of hands
    Column("holder", Text, nullable=False),  # for people
    Column("place", Text, nullable=False),  # the directory's lock file, by machine and inode
    Column("backend", Text, nullable=False),  # what the holder's connections are called in pg_stat_activity
    Column("taken_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

# What operators did: asked at the engine's control socket, whose other end the kernel names.
admin_actions = Table(
    "admin_actions",
    metadata,
    Column("action_id", Key, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("who", Text, nullable=False),  # the login name, where the host knows one
    Column("action", Text, nullable=False),  # engine/operations.py, OPERATIONS
    Column("arguments", Text, nullable=False),  # JSON
    Column("reason", Text, nullable=False),
    Column("outcome", Text, nullable=False),
)

# Where trading is stopped, as a person said last; an empty part of the scope is any (domain/halts.py).
halts = Table(
    "halts",
    metadata,
    Column("account", Text, primary_key=True),
    Column("session", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("venue_account", Text, primary_key=True),
    Column("venue", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("armed_by_uid", BigInteger, nullable=False),
    Column("armed_at", BigInteger, nullable=False),
)

# What each account holds of each symbol, what that cost and what it earned, see domain/positions.py. Exact, as text.
positions = Table(
    "positions",
    metadata,
    Column("account", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("qty", Text, nullable=False),
    Column("cost", Text, nullable=False),
    Column("realized", Text, nullable=False),
    Column("realized_today", Text, nullable=False),
    Column("fees", Text, nullable=False),  # JSON: amounts by asset
    Column("fees_today", Text, nullable=False),
    Column("bought", Text, nullable=False),  # by executions alone, base units; what was paid for it beside
    Column("bought_today", Text, nullable=False),
    Column("paid", Text, nullable=False),
    Column("paid_today", Text, nullable=False),
    Column("day", BigInteger, nullable=False),  # when the day began that *_today is about
)
