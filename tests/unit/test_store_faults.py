"""The database fails, or the process dies: what was acknowledged is there, and nothing is there by half."""

import subprocess
import sys
from contextlib import closing

import pytest
from sqlalchemy import Engine, func, select, text

from gateway.errors import JournalHalted
from gateway.store import tables
from gateway.store.batch import Batch
from gateway.store.database import open_database, open_for_reading
from gateway.store.writer import BatchWriter
from tests.fixtures.store_rows import JOURNAL, MESSAGE, ORDER

WRITE_FOR_EVER = """
import sys
from gateway.store.batch import Batch
from gateway.store.database import open_database
from gateway.store.writer import BatchWriter
from tests.fixtures.store_rows import JOURNAL, MESSAGE, ORDER

writer = BatchWriter(open_database(sys.argv[1], "sim"))
number = 0
while True:
    batch = Batch()
    for _ in range(7):
        number += 1
        batch.journal.append(JOURNAL._replace(position=number))
        batch.messages.append(MESSAGE._replace(msg_seq_num=number))
    batch.orders["1001"] = ORDER._replace(received_at=number)
    writer.commit(batch)
    print(number, flush=True)
"""


def check_whole(engine: Engine) -> int:
    """The last committed number, after a look that all tables stand at it and it ends a batch."""
    with engine.connect() as connection:
        last = int(connection.execute(select(func.coalesce(func.max(tables.journal.c.position), 0))).scalar_one())
        assert connection.execute(select(func.count()).select_from(tables.journal)).scalar() == last
        assert connection.execute(select(func.count()).select_from(tables.messages)).scalar() == last
        assert connection.execute(select(func.max(tables.orders.c.received_at))).scalar() == (last or None)
    assert last % 7 == 0
    return last


def write_until_halted(writer: BatchWriter) -> int:
    """The last number whose commit succeeded."""
    for number in range(0, 10_000, 7):
        numbers = range(number + 1, number + 8)
        batch = Batch(
            journal=[JOURNAL._replace(position=n) for n in numbers],
            messages=[MESSAGE._replace(msg_seq_num=n, raw=b"x" * 1000) for n in numbers],
            orders={"1001": ORDER._replace(received_at=number + 7)},
        )
        try:
            writer.commit(batch)
        except JournalHalted:
            return number
    pytest.fail("the disk was never full")


@pytest.mark.parametrize("batches", [1, 20, 61])
def test_a_killed_writer_leaves_whole_batches_and_all_that_it_acknowledged(database_url: str, batches: int) -> None:
    open_database(database_url, "sim").dispose()
    with subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, database_url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            for _ in range(batches):
                assert process.stdout.readline()
        finally:
            process.kill()
        lines = process.stdout.read().splitlines()
    acknowledged = int(lines[-1]) if lines and lines[-1].isdigit() else batches * 7

    engine = open_database(database_url, "sim")
    last = check_whole(engine)
    assert last >= acknowledged
    with closing(BatchWriter(engine)) as writer:  # and it goes on
        writer.commit(Batch(journal=[JOURNAL._replace(position=last + 1)]))
    engine.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # a server's disk is not ours to fill
def test_a_full_disk_halts_with_nothing_half_written(database_url: str) -> None:
    engine = open_database(database_url, "sim")
    with closing(BatchWriter(engine)) as writer:
        writer._raw.cursor().execute("PRAGMA max_page_count = 60")
        number = write_until_halted(writer)
    reader = open_for_reading(database_url)
    assert check_whole(reader) == number > 0
    reader.dispose()
    engine.dispose()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has no connection to lose
def test_a_lost_server_connection_halts(database_url: str) -> None:
    engine = open_database(database_url, "sim")
    with closing(BatchWriter(engine)) as writer:
        writer.commit(Batch(journal=[JOURNAL]))
        with engine.connect() as connection:
            others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            ours = "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            connection.execute(text(f"{others} {ours}"))
        with pytest.raises(JournalHalted):
            writer.commit(Batch(journal=[JOURNAL._replace(position=2)]))
        with pytest.raises(JournalHalted, match="start afresh"):
            writer.commit(Batch(journal=[JOURNAL._replace(position=3)]))
    with engine.connect() as connection:
        assert [row.position for row in connection.execute(select(tables.journal))] == [1]
    engine.dispose()
