"""`scripts/bench search`: how long it takes to find a message among very many, by what is indexed and by time.

The messages are made by SQL: an order in and two reports out each, ids in no order, in a database that is removed
after. Ten million take some 3 GB and two minutes on SQLite, and are in the page cache of a machine with the memory.
"""

import argparse
import json
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from gateway.compliance.derive.window import Window
from gateway.compliance.search import MessageFilter, search
from gateway.store.database import open_database, open_for_reading
from gateway.store.rows import SessionRow
from gateway.store.tables import messages, sessions
from tests.bench.stores import new_database

SESSION = "FIX.4.4:FIXGW->BENCH"
START = 1_767_225_600_000_000_000
APART = 1_000_000  # ns from one message to the next
LOOK_UPS = 200
_EPOCHS = 20

# n counts messages from 0, o orders; ids in no order, as clients choose them, by a multiplier that is odd.
_SQLITE = """
WITH RECURSIVE counted(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < :rows)
INSERT INTO messages
    (session, epoch, direction, msg_seq_num, msg_type, poss_dup, first_use, at, cl_ord_id, order_id, raw)
SELECT '{session}', 1 + n / :epoch, iif(n % 3 = 0, 'in', 'out'), n % :epoch, iif(n % 3 = 0, 'D', '8'), 0, 1,
    {start} + n * {apart}, printf('%08x', n / 3 * 2654435761 & 4294967295), 'O' || (n / 3),
    CAST('8=FIX.4.4~9=99~35=' || iif(n % 3 = 0, 'D', '8') || '~34=' || (n % :epoch) || '~11='
        || printf('%08x', n / 3 * 2654435761 & 4294967295) || iif(n % 3 = 0, '', '~37=O' || (n / 3))
        || '~55=BTCUSDT~54=1~38=0.1~44=60000~10=000~' AS BLOB)
FROM counted"""
_POSTGRESQL = """
INSERT INTO messages
    (session, epoch, direction, msg_seq_num, msg_type, poss_dup, first_use, at, cl_ord_id, order_id, raw)
SELECT '{session}', 1 + n / :epoch, CASE WHEN n % 3 = 0 THEN 'in' ELSE 'out' END, n % :epoch,
    CASE WHEN n % 3 = 0 THEN 'D' ELSE '8' END, false, true, {start} + n * {apart},
    lpad(to_hex(n / 3 * 2654435761 & 4294967295), 8, '0'), 'O' || (n / 3),
    convert_to('8=FIX.4.4~9=99~35=' || CASE WHEN n % 3 = 0 THEN 'D' ELSE '8' END || '~34=' || (n % :epoch) || '~11='
        || lpad(to_hex(n / 3 * 2654435761 & 4294967295), 8, '0')
        || CASE WHEN n % 3 = 0 THEN '' ELSE '~37=O' || (n / 3) END
        || '~55=BTCUSDT~54=1~38=0.1~44=60000~10=000~', 'UTF8')
FROM generate_series(0::bigint, :rows - 1) AS counted(n)"""


def fill(engine: Engine, rows: int) -> None:
    """So many messages of one session, in epochs of equal length. Indexes are made after the rows."""
    statement = _SQLITE if engine.dialect.name == "sqlite" else _POSTGRESQL
    statement = statement.format(session=SESSION.replace(":", r"\:"), start=START, apart=APART).replace("~", "\x01")
    row = SessionRow(SESSION, _EPOCHS, START, 1, 1, 1, 0, 0, 0, logged_on=False, clean=True)
    with engine.begin() as connection:
        connection.execute(sessions.insert().values(row._asdict()))
        for index in messages.indexes:
            index.drop(connection)
        connection.execute(text(statement), {"rows": rows, "epoch": rows // _EPOCHS})
        for index in messages.indexes:
            index.create(connection)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE messages"))


def look_ups(rows: int) -> dict[str, Callable[[], MessageFilter]]:
    """What is looked for, by chance, by name."""
    chance = random.Random(1)
    epoch = rows // _EPOCHS

    def order() -> int:
        return chance.randrange(rows // 3)

    def moment() -> int:
        return START + chance.randrange(rows) * APART

    return {
        "ClOrdID": lambda: MessageFilter(tags=[(11, f"{order() * 2654435761 & 4294967295:08x}")]),
        "OrderID": lambda: MessageFilter(tags=[(37, f"O{order()}")]),
        "session and MsgSeqNum": lambda: MessageFilter(session=SESSION, tags=[(34, str(chance.randrange(epoch)))]),
        "newest 50": MessageFilter,
        "50 from a moment on": lambda: MessageFilter(window=Window(moment())),
    }


def measure(connection: Connection, rows: int) -> dict[str, list[float]]:
    """Milliseconds of each look-up, sorted: all that is found, or a page of 50."""
    taken: dict[str, list[float]] = {}
    for name, make in look_ups(rows).items():
        taken[name] = []
        for _ in range(LOOK_UPS):
            wanted = make()
            started = time.perf_counter()
            found = list(islice(search(connection, wanted, newest_first=name == "newest 50"), 50))
            taken[name].append((time.perf_counter() - started) * 1000)
            connection.rollback()
            assert found, (name, wanted)
        taken[name].sort()
    return taken


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="scripts/bench search", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="messages in the database")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fixgw-bench-") as directory, new_database(arguments.store) as server:
        url = server or f"sqlite:///{directory}/gateway.db"
        started = time.perf_counter()
        engine = open_database(url, "sim")
        fill(engine, arguments.rows)
        engine.dispose()
        print(f"{arguments.rows:,} messages in {arguments.store}, made in {time.perf_counter() - started:.0f} s")
        engine = open_for_reading(url)
        with engine.connect() as connection:
            taken = measure(connection, arguments.rows)
        engine.dispose()
    print(f"\n{'ms':<24}{'p50':>10}{'p99':>10}{'longest':>10}")
    for name, values in taken.items():
        print(
            f"{name:<24}{statistics.median(values):>10.2f}{values[len(values) * 99 // 100]:>10.2f}{values[-1]:>10.2f}"
        )
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if arguments.json:
        arguments.json.write_text(json.dumps(taken) + "\n")


if __name__ == "__main__":
    main()
