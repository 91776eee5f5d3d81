"""Messages found again, on both stores: by every condition, page by page, by an index where there is one."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import Engine, event

from gateway.compliance import search as search_module
from gateway.compliance.derive.window import Window
from gateway.compliance.search import TIME_DISORDER, MessageFilter, search
from gateway.store.batch import Batch
from gateway.store.database import open_database, open_for_reading
from gateway.store.rows import MessageRow
from gateway.store.tables import meta
from gateway.store.writer import BatchWriter
from tests.fixtures.store_rows import AT, MESSAGE, SESSION, STATE

OTHER = "FIX.4.2:GATEWAY->OMS42"
SECOND = 1_000_000_000


def fix(*fields: str) -> bytes:
    return "".join(f"{field}\x01" for field in ("8=FIX.4.4", "9=1", *fields)).encode("utf-8", "surrogateescape")


def stored(number: int, direction: str, raw: bytes, **columns: Any) -> MessageRow:
    row = MESSAGE._replace(msg_seq_num=number, direction=direction, raw=raw, report_id=None, at=AT + number * SECOND)
    return row._replace(**columns)


# Ids count from 1 in this order.
ROWS = [
    stored(1, "in", fix("35=D", "34=1", "11=A", "55=BTCUSDT"), msg_type="D", cl_ord_id="A", order_id="O1"),
    stored(2, "out", fix("35=8", "34=2", "37=O1", "11=A", "58=insufficient x", "58=z"), cl_ord_id="A", order_id="O1"),
    stored(
        3,
        "in",
        fix("35=D", "34=3", "11=B", "354=11", "355=\x0111=A\x0158=z\x01"),
        msg_type="D",
        cl_ord_id="B",
        order_id=None,
    ),
    stored(4, "out", fix("35=8", "34=4", "37=O1", "11=C\udce9", "58=fin"), cl_ord_id="C\ufffd", order_id="O1", epoch=2),
    stored(
        2, "out", fix("35=8", "34=2", "37=O1", "43=Y"), first_use=False, poss_dup=True, cl_ord_id=None, order_id="O1"
    ),
    stored(2, "in", fix("35=0", "34=2", "37=NONE"), msg_type="0", cl_ord_id=None, order_id=None, epoch=2),
    stored(2, "in", fix("35=0", "34=2"), msg_type="0", cl_ord_id=None, order_id=None, session=OTHER),
]


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url, "sim")
    writer = BatchWriter(engine)
    batch = Batch(messages=list(ROWS), sessions={SESSION: STATE._replace(epoch=2)})
    writer.commit(batch)
    writer.close()
    engine.dispose()
    reading = open_for_reading(database_url)
    yield reading
    reading.dispose()


def found(database: Engine, after: int = 0, before: int | None = None, **conditions: Any) -> list[int]:
    """Ids, ascending; and the same descending."""
    wanted = MessageFilter(**conditions)
    with database.connect() as connection:
        ascending = [row.id for row in search(connection, wanted, after=after, before=before)]
        descending = [row.id for row in search(connection, wanted, after=after, before=before, newest_first=True)]
    assert descending == ascending[::-1]
    return ascending


def test_every_condition_narrows_and_all_must_hold(database: Engine) -> None:
    assert found(database) == [1, 2, 3, 4, 5, 6, 7]
    assert found(database, session=OTHER) == [7]
    assert found(database, direction="in", msg_types=["D", "8"]) == [1, 3]
    assert found(database, text="insufficient x") == [2]
    assert found(database, text="\udce9") == [4]
    assert found(database, tags=[(55, "BTCUSDT")]) == [1]
    assert found(database, tags=[(8, "FIX.4.4")], session=OTHER) == [7]
    assert found(database, tags=[(43, "Y"), (34, "2")]) == [5]
    assert found(database, tags=[(55, "BTC")]) == []
    assert found(database, window=Window(AT + 2 * SECOND, AT + 4 * SECOND)) == [2, 3, 5, 6, 7]
    assert found(database, window=Window(AT + 4 * SECOND)) == [4]
    assert found(database, window=Window(0, AT)) == []


def test_ids_are_found_where_they_are_fields_and_nowhere_else(database: Engine) -> None:
    assert found(database, tags=[(11, "A")]) == [1, 2]  # in 3 it stands in a data field
    assert found(database, tags=[(35, "D"), (11, "A")]) == [1]
    assert found(database, tags=[(58, "z")]) == [2]  # likewise
    assert found(database, tags=[(37, "O1")]) == [2, 4, 5]  # 1 is about it, and does not name it
    assert found(database, tags=[(11, "C\udce9")]) == [4]
    assert found(database, tags=[(11, "A"), (35, "8")]) == [2]
    assert found(database, tags=[(37, "NONE")]) == [6]  # which has no column of it
    assert found(database, session=OTHER, tags=[(11, "A")]) == []


def test_a_number_is_found_in_every_epoch_and_also_where_it_was_used_again(database: Engine) -> None:
    assert found(database, session=SESSION, tags=[(34, "2")]) == [2, 5, 6]
    assert found(database, session=SESSION, direction="in", tags=[(34, "2")]) == [6]
    assert found(database, session=SESSION, tags=[(34, "x" * 30)]) == []
    assert found(database, session=SESSION, tags=[(34, "9" * 30)]) == []


@pytest.mark.parametrize(
    "wanted", [MessageFilter(), MessageFilter(session=SESSION), MessageFilter(tags=[(37, "O1")])], ids=str
)
@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_hold_each_message_once(
    database: Engine, wanted: MessageFilter, newest_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.connect() as connection:
        expected = [row.id for row in search(connection, wanted, newest_first=newest_first)]
        # Also where a page, a window, and a statement end in different places.
        for name, size in (("_WINDOW", 3), ("_ROWS_AT_ONCE", 2), ("_IDS_AT_ONCE", 2)):
            monkeypatch.setattr(search_module, name, size)
        assert [row.id for row in search(connection, wanted, newest_first=newest_first)] == expected
        pages: list[int] = []
        while True:
            last = pages[-1] if pages else None
            after, before = (0, last) if newest_first else (last or 0, None)
            page = islice(search(connection, wanted, after=after, before=before, newest_first=newest_first), 2)
            ids = [row.id for row in page]
            if not ids:
                break
            pages += ids
    assert pages == expected


def test_a_time_range_allows_for_the_disorder_that_an_import_knows(database_url: str) -> None:
    engine = open_database(database_url, "sim")
    writer = BatchWriter(engine)
    times = [10, 3000, 3010, 20, 4000]
    writer.commit(Batch(messages=[ROWS[0]._replace(msg_seq_num=n, at=at * SECOND) for n, at in enumerate(times)]))
    writer.close()
    with engine.begin() as connection:
        connection.execute(meta.insert().values(key=TIME_DISORDER, value=str(2990 * SECOND)))
    assert found(engine, window=Window(0, 100 * SECOND)) == [1, 4]
    assert found(engine, window=Window(15 * SECOND, 3005 * SECOND)) == [2, 4]
    engine.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # PostgreSQL plans by its statistics
def test_look_ups_use_their_indexes(database: Engine) -> None:
    statements: list[tuple[str, tuple[object, ...]]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        if "FROM messages" in statement:
            statements.append((statement, parameters))

    event.listen(database, "before_cursor_execute", note)
    found(database, tags=[(11, "A")])
    found(database, tags=[(37, "O1")])
    found(database, session=SESSION, tags=[(34, "2")])
    event.remove(database, "before_cursor_execute", note)
    with database.connect() as connection:
        plans = [
            line[3]
            for statement, parameters in statements
            for line in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)
            if "USING" in line[3] or line[3].startswith("SCAN")
        ]
    used = {plan.split("INDEX ")[1].split(" ")[0] for plan in plans if "INDEX messages" in plan}
    assert used == {"messages_cl_ord_id", "messages_order_id", "messages_first_use", "messages_again"}
    assert not [plan for plan in plans if plan.startswith("SCAN") and "SEARCH" not in plan]
    assert not [plan for plan in plans if "rowid>" in plan and "INDEX" not in plan]
