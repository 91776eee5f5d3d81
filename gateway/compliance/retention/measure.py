"""How much room each class takes, and would take for a million orders, as this database has it."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import OperationalError

from gateway.compliance.retention.classes import CLASSES, KEPT_ALWAYS, WIRE_LOG
from gateway.compliance.retention.needs import key_of
from gateway.store.tables import digests, metadata, orders
from gateway.wire.segments import segment_files

MILLION = 1_000_000
ENOUGH = 1_000
"""Orders from which on it is reckoned: below, what a database has in any case weighs more than what orders take."""

ALWAYS = "kept always"

# Each page of a table and its indexes is counted; this reads the whole file.
_SQLITE = "SELECT m.tbl_name, SUM(d.pgsize) FROM dbstat AS d JOIN sqlite_master AS m ON m.name = d.name GROUP BY 1"
_POSTGRESQL = "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'"


class Measured(NamedTuple):
    """A class. rows, bytes: that are there now, indexes included. oldest: nanoseconds UTC; None: there is nothing.

    per_million: bytes for a million orders, with all that was ever recorded of them; None: too few to reckon from.
    bytes: None where SQLite was built without the means to tell.
    """

    record_class: str
    rows: int
    bytes: int | None
    oldest: int | None
    per_million: int | None


def measure(connection: Connection, wire_directory: Path) -> list[Measured]:
    """Every class, the wire log, and what is kept always. Raises OSError."""
    sizes = _sizes(connection)
    count = count_orders(connection)
    is_enough = count >= ENOUGH
    measured = []
    for name, tables in {**CLASSES, ALWAYS: KEPT_ALWAYS}.items():
        if name == WIRE_LOG:
            continue
        rows, per_million = 0, 0.0
        for table in tables:
            there = connection.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one()
            rows += there
            if there and is_enough and sizes is not None:
                per_million += sizes[table] / there * max(_ever(connection, table), there) / count * MILLION
        size = sum(sizes[table] for table in tables) if sizes is not None else None
        reckoned = round(per_million) if is_enough and sizes is not None else None
        measured.append(Measured(name, rows, size, _oldest(connection, tables), reckoned))
    return [*measured, _wire(wire_directory, count)]


def count_orders(connection: Connection) -> int:
    """All that were ever recorded: none is deleted."""
    return int(connection.execute(select(func.count()).select_from(orders)).scalar_one())


def _sizes(connection: Connection) -> Counter[str] | None:
    statement = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
    try:
        return Counter({name: int(size) for name, size in connection.execute(text(statement))})
    except OperationalError:  # it has no dbstat
        return None


def _ever(connection: Connection, table: str) -> int:
    """Records of the table that were sealed, deleted ones too, and those since."""
    query = select(digests.c.total, digests.c.last_key).where(digests.c.stream == table)
    sealed = connection.execute(query.order_by(digests.c.last_key.desc()).limit(1)).first()
    if sealed is None:
        return 0
    key = key_of(table)
    since = connection.execute(select(func.count()).where(key > sealed.last_key)).scalar_one()
    return int(sealed.total + since)


def _oldest(connection: Connection, tables: tuple[str, ...]) -> int | None:
    """By the lowest key, which is the oldest but for what is kept; tables without a time are left out."""
    found: list[int] = []
    for name in tables:
        table = metadata.tables[name]
        if "at" in table.c:
            query = select(table.c.at).order_by(key_of(name)).limit(1)
            found += connection.execute(query).scalars().all()
    return min(found, default=None)


def _wire(directory: Path, count: int) -> Measured:
    """Files; of those that were archived nothing is reckoned."""
    files = segment_files(directory) if directory.is_dir() else []
    size = sum(path.stat().st_size for path in files)
    return Measured(WIRE_LOG, len(files), size, None, round(size / count * MILLION) if count >= ENOUGH else None)
