"""Where a person has stopped trading."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An empty table: everything is active."""
    op.create_table(
        "halts",
        *(sa.Column(name, sa.Text(), primary_key=True) for name in ("account", "session", "symbol")),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("armed_by_uid", sa.BigInteger(), nullable=False),
        sa.Column("armed_at", sa.BigInteger(), nullable=False),
    )
