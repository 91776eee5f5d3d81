"""What orders were decided with: symbols and their filters."""

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Key

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """None yet: the next order in each symbol records it. With what earlier ones were decided nobody knows."""
    op.create_table(
        "instruments",
        sa.Column("id", Key, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("at", "position")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("venue_account", "symbol", "content")),
    )
