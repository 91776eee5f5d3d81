"""From an empty database to the first schema."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import ExactDecimal

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _where(condition: str, sqlite: str | None = None) -> dict[str, Any]:
    """A partial index, in the words of either database."""
    return {"sqlite_where": sa.text(sqlite or condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Make the tables."""
    _meta()
    _journal()
    _orders()
    _executions()
    _sessions()
    _messages()
    _reports()
    _intents()
    _decisions()
    _venue_calls()
    _alerts()


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("position", KEY, autoincrement=False, nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("journal_order_id", "journal", ["order_id"])


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("cl_ord_id", sa.Text(), nullable=False),
        sa.Column("first_cl_ord_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("venue_account", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("ord_type", sa.Text(), nullable=False),
        sa.Column("time_in_force", sa.Text(), nullable=False),
        sa.Column("order_qty", ExactDecimal(), nullable=False),
        sa.Column("price", ExactDecimal(), nullable=True),
        sa.Column("stop_px", ExactDecimal(), nullable=True),
        sa.Column("cum_qty", ExactDecimal(), nullable=False),
        sa.Column("avg_px", ExactDecimal(), nullable=False),
        sa.Column("leaves_qty", ExactDecimal(), nullable=False),
        sa.Column("ord_status", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("is_unknown", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("order_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("orders_open", "orders", ["order_id"], **_where("is_open", "is_open = 1"))
    op.create_index("orders_received_at", "orders", ["received_at"])


def _executions() -> None:
    op.create_table(
        "executions",
        sa.Column("position", KEY, autoincrement=False, nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("venue_account", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("trade_id", sa.Text(), nullable=False),
        sa.Column("venue_order_id", sa.Text(), nullable=False),
        sa.Column("last_qty", ExactDecimal(), nullable=False),
        sa.Column("last_px", ExactDecimal(), nullable=False),
        sa.Column("commission", ExactDecimal(), nullable=False),
        sa.Column("commission_currency", sa.Text(), nullable=False),
        sa.Column("liquidity", sa.Text(), nullable=True),
        sa.Column("transact_time", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("order_id", "trade_id", "venue_order_id", name="executions_trade"),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_in", sa.BigInteger(), nullable=False),
        sa.Column("next_out", sa.BigInteger(), nullable=False),
        sa.Column("out_reserved", sa.BigInteger(), nullable=False),
        sa.Column("last_report_id", sa.BigInteger(), nullable=False),
        sa.Column("logged_on", sa.Boolean(), nullable=False),
        sa.Column("clean", sa.Boolean(), nullable=False),
        sa.Column("last_logon_at", sa.BigInteger(), nullable=True),
        sa.Column("last_logout_at", sa.BigInteger(), nullable=True),
        sa.Column("last_in_at", sa.BigInteger(), nullable=True),
        sa.Column("last_out_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("session"),
    )


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("msg_seq_num", sa.BigInteger(), nullable=False),
        sa.Column("msg_type", sa.Text(), nullable=False),
        sa.Column("poss_dup", sa.Boolean(), nullable=False),
        sa.Column("first_use", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("cl_ord_id", sa.Text(), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("report_id", sa.BigInteger(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("messages_cl_ord_id", "messages", ["cl_ord_id"], **_where("cl_ord_id IS NOT NULL"))
    op.create_index(
        "messages_first_use",
        "messages",
        ["session", "epoch", "direction", "msg_seq_num"],
        unique=True,
        **_where("first_use", "first_use = 1"),
    )
    op.create_index("messages_order_id", "messages", ["order_id"], **_where("order_id IS NOT NULL"))


def _reports() -> None:
    op.create_table(
        "reports",
        sa.Column("report_id", KEY, autoincrement=False, nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("msg_type", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("report_id"),
    )
    op.create_index("reports_session", "reports", ["session", "report_id"])


def _intents() -> None:
    op.create_table(
        "intents",
        sa.Column("intent_id", KEY, autoincrement=False, nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("leg", sa.Integer(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("venue_account", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger(), nullable=False),
        sa.Column("recv_window_ms", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("intent_id"),
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("position", KEY, autoincrement=False, nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("cl_ord_id", sa.Text(), nullable=True),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )


def _venue_calls() -> None:
    op.create_table(
        "venue_calls",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("venue_account", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("intent_id", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("venue_calls_order_id", "venue_calls", ["order_id"], **_where("order_id IS NOT NULL"))


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
