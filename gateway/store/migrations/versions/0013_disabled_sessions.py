"""Sessions that an operator has disabled."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """None is."""
    op.add_column("sessions", sa.Column("disabled", sa.Boolean(), nullable=False, server_default=sa.false()))
