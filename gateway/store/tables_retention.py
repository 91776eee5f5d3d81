"""What keeps records from being deleted, and what was deleted: tables that only grow, and are sealed."""

from sqlalchemy import BigInteger, Column, Table, Text

from gateway.store.columns import Key
from gateway.store.tables import metadata

# Legal holds. A release is a row of its own. An empty account, session or order_id is any.
holds = Table(
    "holds",
    metadata,
    Column("number", Key, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("action", Text, nullable=False),  # 'add' or 'release'
    Column("hold", BigInteger, nullable=False),  # the number that the hold was added by
    Column("since", BigInteger, nullable=False),  # records of this time; of the release: as they were added
    Column("until", BigInteger, nullable=False),  # exclusive
    Column("account", Text, nullable=False),
    Column("session", Text, nullable=False),  # its key
    Column("order_id", Text, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# Each archive of a day: a row before anything is deleted, and one when all is. See compliance/retention/ledger.py.
archives = Table(
    "archives",
    metadata,
    Column("number", Key, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("day", Text, nullable=False),
    Column("record_class", Text, nullable=False),
    Column("content", Text, nullable=False),  # JSON
    Column("signature", Text, nullable=False),
    Column("key_id", Text, nullable=False),
)
