"""Every message is found by the ids that it names, and by its number also where that was not its first use."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ROWS_AT_ONCE = 5000


def upgrade() -> None:
    """Messages that are there get their ids from their text; what is known of a request's order stays."""
    op.create_index(
        "messages_again",
        "messages",
        ["session", "epoch", "direction", "msg_seq_num"],
        sqlite_where=sa.text("first_use = 0"),
        postgresql_where=sa.text("NOT first_use"),
    )
    connection = op.get_bind()
    last = 0
    while rows := connection.execute(_READ, {"last": last, "count": _ROWS_AT_ONCE}).all():
        changes = [
            {"id": id_, "cl_ord_id": cl_ord_id or _value(raw, b"11"), "order_id": order_id or _value(raw, b"37")}
            for id_, cl_ord_id, order_id, raw in rows
        ]
        connection.execute(_WRITE, changes)
        last = rows[-1][0]


_READ = sa.text(
    "SELECT id, cl_ord_id, order_id, raw FROM messages"
    " WHERE id > :last AND (cl_ord_id IS NULL OR order_id IS NULL) ORDER BY id LIMIT :count"
)
_WRITE = sa.text("UPDATE messages SET cl_ord_id = :cl_ord_id, order_id = :order_id WHERE id = :id")


def _value(raw: bytes, tag: bytes) -> str | None:
    _, found, rest = bytes(raw).partition(b"\x01%b=" % tag)
    text = rest.partition(b"\x01")[0].decode("utf-8", "replace").replace("\0", "\ufffd")
    return text[:2000] if found and text not in ("", "NONE") else None
