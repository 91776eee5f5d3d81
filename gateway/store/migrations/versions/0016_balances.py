"""What venue accounts should hold, and what symbols are made of."""

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import ExactDecimal, Key

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """None yet: the first answers of the venue that agree are taken for right."""
    op.create_table(
        "balances",
        sa.Column("id", Key, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("venue_account", "asset", "kind")),
        *(sa.Column(name, ExactDecimal(), nullable=False) for name in ("qty", "executed")),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("accounts", sa.Text(), nullable=False),
        sa.Column("action_id", sa.BigInteger()),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_table(
        "symbols",
        sa.Column("id", Key, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("venue_account", "symbol", "base", "quote")),
    )
