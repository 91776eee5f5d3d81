"""Where a venue and the books differed, and how a session went off."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Nothing of the past is known: no breaks, and sessions that are off are not looked after.

    For a while 0001 made the table of breaks, so that it may be there.
    """
    if not sa.inspect(op.get_bind()).has_table("breaks"):
        _breaks()
    op.add_column("sessions", sa.Column("off_reason", sa.Text(), nullable=True))


def _breaks() -> None:
    op.create_table(
        "breaks",
        sa.Column("break_id", KEY, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("venue_account", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("ours", sa.Text(), nullable=False),
        sa.Column("theirs", sa.Text(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("break_id"),
    )
    standing = sa.text("resolved_at IS NULL")
    op.create_index("breaks_standing", "breaks", ["break_id"], sqlite_where=standing, postgresql_where=standing)
