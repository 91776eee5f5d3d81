"""Seals over the record, and what names a changed one."""

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Key

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two empty tables: what there is already is sealed by the first seal."""
    op.create_table(
        "seals",
        sa.Column("number", Key, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("content", "signature", "key_id")),
    )
    op.create_table(
        "digests",
        sa.Column("stream", sa.Text(), primary_key=True),
        sa.Column("last_key", Key, primary_key=True, autoincrement=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("locators", sa.LargeBinary(), nullable=False),
    )
