"""What each client is proven to have, so that a reset of the numbers sends again what it may lack."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Reports that were sent under the old schema count as received: nobody can tell any more."""
    for name in ("seen_report_id", "proven_report_id"):
        op.add_column("sessions", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE sessions SET proven_report_id = last_report_id")
