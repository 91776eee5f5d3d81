"""Positions with what executions moved, whatever else a position came from."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_FIGURES = ("qty", "cost", "realized", "realized_today", "fees", "fees_today")
_FLOWS = ("bought", "bought_today", "paid", "paid_today")


def upgrade() -> None:
    """Begin anew: the next start reckons every position from the journal, which has all there ever were."""
    op.drop_table("positions")
    op.create_table(
        "positions",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("symbol", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in (*_FIGURES, *_FLOWS)),
        sa.Column("day", sa.BigInteger(), nullable=False),
    )
