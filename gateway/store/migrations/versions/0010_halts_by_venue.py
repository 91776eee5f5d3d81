"""Trading can be stopped at a venue, and at one of its accounts: two more parts of a halt's scope."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is halted stays so, at every venue."""
    scope = ("account", "session", "symbol", "venue_account", "venue")
    op.create_table(
        "halts_by_venue",
        *(sa.Column(name, sa.Text(), nullable=False) for name in scope),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("armed_by_uid", sa.BigInteger(), nullable=False),
        sa.Column("armed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*scope, name="halts_scope"),
    )
    op.execute(
        "INSERT INTO halts_by_venue (account, session, symbol, venue_account, venue, state, reason, uid, who, at,"
        " armed_by_uid, armed_at)"
        " SELECT account, session, symbol, '', '', state, reason, uid, who, at, armed_by_uid, armed_at FROM halts"
    )
    op.drop_table("halts")
    op.rename_table("halts_by_venue", "halts")
