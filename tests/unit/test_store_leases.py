"""Who may write: leases and their fencing numbers, on a real PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, func, select

from gateway.engine.clock import NANOSECONDS
from gateway.engine.lease import Lease, place_of
from gateway.engine.lock import hold
from gateway.errors import ConfigError, GatewayError, JournalHalted, LeaseLost
from gateway.store.batch import Batch
from gateway.store.database import open_database
from gateway.store.leases import GUARD, Claim, Fence, end_lease, lease_connection, read_lease, renew_lease, take_lease
from gateway.store.tables import journal, leases
from gateway.store.writer import BatchWriter
from tests.fixtures.processes import wait_until
from tests.fixtures.store_rows import JOURNAL

HERE = Claim("main", "here process 1", "here", 60 * NANOSECONDS)
THERE = Claim("main", "there process 2", "there", 60 * NANOSECONDS)


@pytest.fixture
def database(postgres_database: str) -> Iterator[Engine]:
    engine = open_database(postgres_database, "sim")
    yield engine
    engine.dispose()


@pytest.fixture
def connection(database: Engine) -> Iterator[Connection]:
    with closing(lease_connection(database)) as connection:
        yield connection


def expire(connection: Connection) -> None:
    connection.execute(leases.update().values(expires_at=1))


def test_it_changes_hands_when_it_expires_or_its_holder_is_certainly_dead(connection: Connection) -> None:
    assert take_lease(connection, HERE) == 1
    assert take_lease(connection, THERE) is None
    held = read_lease(connection, "main")
    assert held is not None
    assert held.holder == "here process 1"
    assert 60 * NANOSECONDS <= held.expires_at - held.taken_at < 61 * NANOSECONDS
    assert take_lease(connection, HERE) == 2  # of the same place: only one can have its lock
    expire(connection)
    assert take_lease(connection, THERE) == 3
    assert not renew_lease(connection, Fence("main", 2), 1)
    assert renew_lease(connection, Fence("main", 3), 60 * NANOSECONDS)
    assert take_lease(connection, HERE) is None
    end_lease(connection, Fence("main", 3))
    assert take_lease(connection, HERE) == 4


def test_a_writer_that_is_fenced_off_writes_nothing(database: Engine, connection: Connection) -> None:
    take_lease(connection, HERE)
    with closing(BatchWriter(database, Fence("main", 1))) as old:
        old.commit(Batch(journal=[JOURNAL]))
        expire(connection)
        take_lease(connection, THERE._replace(holder="same connections, another number"))
        with closing(BatchWriter(database, Fence("main", 2))) as new:
            new.commit(Batch(journal=[JOURNAL._replace(position=2)]))
        with pytest.raises(JournalHalted):
            old.commit(Batch(journal=[JOURNAL._replace(position=3)]))
        with pytest.raises(JournalHalted, match="start afresh"):
            old.commit(Batch(journal=[JOURNAL._replace(position=4)]))
    assert connection.execute(select(journal.c.position).order_by(journal.c.position)).scalars().all() == [1, 2]


def test_the_number_alone_stops_a_writer_whose_connection_lives(database: Engine, connection: Connection) -> None:
    take_lease(connection, HERE)
    with closing(BatchWriter(database, Fence("main", 1))) as old:
        connection.execute(leases.update().values(fencing_number=2))
        with pytest.raises(LeaseLost, match="another engine has taken over"):
            old.commit(Batch(journal=[JOURNAL]))
    assert connection.execute(select(func.count()).select_from(journal)).scalar() == 0


def test_a_holder_stuck_in_the_middle_of_a_commit_does_not_hold_up_its_heir(
    postgres_database: str, database: Engine, connection: Connection
) -> None:
    take_lease(connection, HERE)
    heir = open_database(postgres_database, "sim")
    with closing(database.raw_connection()) as stuck, closing(lease_connection(heir)) as heirs:
        cursor = stuck.cursor()
        cursor.execute("INSERT INTO meta VALUES ('half', 'written')")
        cursor.execute(GUARD, ("main", 1))
        with closing(heir.raw_connection()) as other:  # the row cannot be locked: a commit is under way
            locked = other.cursor()
            locked.execute("SELECT 1 FROM leases FOR UPDATE SKIP LOCKED")
            assert locked.fetchone() is None
        assert take_lease(heirs, THERE) is None
        wait_until(lambda: take_lease(heirs, THERE._replace(place="here")) == 2, "the heir takes it")
        assert heirs.exec_driver_sql("SELECT count(*) FROM meta WHERE key = 'half'").scalar() == 0
        stuck.invalidate()
    heir.dispose()


class Time:
    """A clock set by hand, in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> int:
        return int(self.seconds * NANOSECONDS)


def new_lease(database: Engine, place: str, lost: list[BaseException], now: Time, seconds: float = 60) -> Lease:
    return Lease(database, seconds=seconds, place=place, directory=Path("run"), on_lost=lost.append, now=now)


def test_nothing_may_leave_once_another_may_have_taken_over(database: Engine) -> None:
    now, lost = Time(), list[BaseException]()
    lease = new_lease(database, "here", lost, now)
    with pytest.raises(LeaseLost):
        lease.check()  # not taken yet
    lease.take(lambda _: False)
    now.seconds = 53
    lease.check()
    now.seconds = 54.1  # before the 60 s are over on any clock
    with pytest.raises(LeaseLost, match="may have taken over"):
        lease.check()
    lease.release()
    assert lost == []


def holds(lease: Lease) -> bool:
    try:
        lease.check()
    except LeaseLost:
        return False
    return True


def test_it_is_renewed_and_its_loss_is_told(database: Engine, connection: Connection) -> None:
    now, lost = Time(), list[BaseException]()
    lease = new_lease(database, "here", lost, now, seconds=0.3)
    lease.take(lambda _: False)
    first = read_lease(connection, "main")
    now.seconds = 0.2
    wait_until(lambda: read_lease(connection, "main") != first, "the lease is renewed")
    now.seconds = 0.4
    wait_until(lambda: holds(lease), "it knows that it was")  # a moment after SQL does
    connection.execute(leases.update().values(fencing_number=7))
    wait_until(lambda: bool(lost), "the loss is told")
    assert isinstance(lost[0], LeaseLost)


def test_a_live_holder_is_named_and_a_dead_one_waited_for(database: Engine, connection: Connection) -> None:
    take_lease(connection, HERE)
    now, lost = Time(), list[BaseException]()

    def renewed(_: float) -> bool:
        return renew_lease(connection, Fence("main", 1), HERE.ttl)

    told = r"in use by another engine, here process 1, which holds its lease until 20\d\d-.* UTC and renews it"
    with pytest.raises(ConfigError, match=told):
        new_lease(database, "there", lost, now).take(renewed)
    with pytest.raises(GatewayError, match="stopped while waiting"):
        new_lease(database, "there", lost, now).take(lambda _: False)

    def expires(_: float) -> bool:
        expire(connection)
        return True

    lease = new_lease(database, "there", lost, now)
    lease.take(expires)
    assert lease.fence == Fence("main", 2)
    lease.release()


def test_a_place_is_the_lock_files_own(tmp_path: Path) -> None:
    with hold(tmp_path / "a.lock", "a") as first, hold(tmp_path / "b.lock", "b") as second:
        here, other = place_of(first), place_of(second)
    with hold(tmp_path / "a.lock", "a") as again:
        assert place_of(again) == here != other
