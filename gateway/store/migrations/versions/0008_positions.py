"""Positions with what they cost and earned, as executions left them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """None yet: the next start reckons them from the journal."""
    op.create_table(
        "positions",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("symbol", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("qty", "cost", "realised", "realised_today")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("fees", "fees_today")),
        sa.Column("day", sa.BigInteger(), nullable=False),
    )
