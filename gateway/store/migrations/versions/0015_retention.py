"""Legal holds, and what was archived and deleted."""

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Key

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two empty tables."""
    op.create_table(
        "holds",
        sa.Column("number", Key, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("hold", "since", "until")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("account", "session", "order_id")),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("who", "reason")),
    )
    op.create_table(
        "archives",
        sa.Column("number", Key, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("day", "record_class", "content", "signature", "key_id")
        ),
    )
