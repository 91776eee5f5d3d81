"""No two databases of a deployment give out the same ids: a client drops a fill whose ExecID(17) it knows."""

import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway.store.batch import Batch
from gateway.store.database import open_database
from gateway.store.floors import first_order_number, first_position, is_above_floor, raise_floors
from gateway.store.writer import BatchWriter
from tests.fixtures.store_rows import JOURNAL

SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND


def floors(engine: Engine) -> tuple[int, int]:
    with engine.connect() as connection:
        return first_position(connection), first_order_number(connection)


def raised(engine: Engine, now: int) -> tuple[int, int]:
    with engine.begin() as connection:
        raise_floors(connection, now)
    return floors(engine)


@pytest.mark.parametrize("environment", ["testnet", "live"])
def test_a_new_database_counts_from_above_all_that_an_earlier_one_can_have_used(
    environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for number, at in enumerate((NOW, NOW + SECOND, NOW + SECOND)):
        monkeypatch.setattr(time, "time_ns", lambda at=at: at)
        engine = open_database(f"sqlite:///{tmp_path}/{min(number, 1)}.db", environment)
        made.append(floors(engine))
        engine.dispose()
    (first, first_order), (second, second_order), again = made
    assert second - first >= 20_000
    assert second_order - first_order >= 2_000
    assert again == (second, second_order), "the same database, opened a second time"
    assert is_above_floor(first + 1)
    assert not is_above_floor(first + 2)


def test_a_sandbox_counts_from_1(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/gateway.db", "sim")
    assert floors(engine) == (0, 0)
    engine.dispose()


def test_what_was_used_is_left_behind_whatever_the_clock_says(database_url: str) -> None:
    engine = open_database(database_url, "sim")
    before = raised(engine, NOW)
    late = raised(engine, NOW - 3600 * SECOND)
    assert late[0] > before[0] + 1_000_000_000
    assert late[1] > before[1] + 1_000_000_000
    writer = BatchWriter(engine)
    last = late[0] + 10_000_000
    received = JOURNAL._replace(position=last, order_id=f"O{late[1] + 1}", event_type="OrderReceived")
    writer.commit(Batch(journal=[received]))
    writer.close()
    assert floors(engine) == (last, late[1] + 1), "what was used counts from there"
    assert raised(engine, 0)[0] > last
    engine.dispose()
