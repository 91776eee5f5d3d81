"""How an order of an earlier day is found: by its message, without a walk through orders, while others write."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert

from gateway.engine.clock import DAY
from gateway.engine.earlier_orders import earlier_order, was_refused
from gateway.store.batch import Batch
from gateway.store.database import open_database, open_for_reading
from gateway.store.emergencies import emergencies_in
from gateway.store.owners import owners_in
from gateway.store.readers import last_order_number, sent_message
from gateway.store.tables_retention import archives
from gateway.store.writer import BatchWriter
from tests.fixtures.store_rows import AT, MESSAGE, ORDER, SESSION, journal_row, received

RECEIVED = MESSAGE._replace(direction="in", msg_type="D", report_id=None)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """The order 1001 that came as A1, its journal archived; and 1002 as A2, whose replace was A1 too."""
    engine = open_database(f"sqlite:///{tmp_path / 'gateway.db'}", "sim")
    batch = Batch()
    other = ORDER._replace(order_id="1002", cl_ord_id="A1", first_cl_ord_id="A2", received_at=AT + 1)
    batch.orders = {row.order_id: row for row in (ORDER, other)}
    batch.messages = [
        RECEIVED,
        RECEIVED._replace(msg_seq_num=3, cl_ord_id="A2", order_id="1002", at=AT + 1),
        RECEIVED._replace(msg_seq_num=4, cl_ord_id="A1", order_id="1002", at=AT + 2),  # refused: the id is known
        RECEIVED._replace(msg_seq_num=5, cl_ord_id="A3", order_id=None, at=AT + 3),
    ]
    batch.journal = [journal_row(1, received("1002", "A2", AT + 1))]
    with closing(BatchWriter(engine)) as writer:
        writer.commit(batch)
    yield engine
    engine.dispose()


def test_the_message_leads_to_the_order(database: Engine) -> None:
    found = earlier_order(database, SESSION, "A2", AT, AT + DAY)
    assert found is not None
    assert found.order_id == "1002"
    assert earlier_order(database, SESSION, "A3", AT, AT + DAY) is None, "it was refused"
    assert earlier_order(database, "FIX.4.2:GATEWAY->OTHER", "A2", AT, AT + DAY) is None
    assert earlier_order(database, SESSION, "A2", AT, AT + 1) is None, "of today"
    assert earlier_order(database, SESSION, "A2", AT + DAY, AT + 2 * DAY) is None, "made later"
    with pytest.raises(LookupError, match="A1 repeats 1001, whose journal is archived"):
        earlier_order(database, SESSION, "A1", AT, AT + DAY)


def test_no_table_is_walked(database: Engine) -> None:
    statements: list[tuple[str, tuple[object, ...]]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(database, "before_cursor_execute", note)
    earlier_order(database, SESSION, "A2", 0, AT + DAY)
    was_refused(database, SESSION, "A3", "D", AT)
    with database.connect() as connection:
        sent_message(connection, SESSION, 1, 2)
    event.remove(database, "before_cursor_execute", note)
    with database.connect() as connection:
        plans = [
            line[3]
            for statement, parameters in statements
            if statement.startswith("SELECT")
            for line in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)
        ]
    searched = [plan for plan in plans if plan.startswith(("SEARCH", "SCAN"))]
    assert [plan.split(" USING ")[1] for plan in searched] == [
        "INDEX messages_cl_ord_id (cl_ord_id=?)",
        "PRIMARY KEY (order_id=?)",
        "INDEX journal_order_id (order_id=?)",
        "INDEX messages_cl_ord_id (cl_ord_id=?)",
        "INDEX messages_first_use (session=? AND epoch=? AND direction=? AND msg_seq_num=?)",
    ]


def test_what_left_no_order_was_refused(database: Engine) -> None:
    assert was_refused(database, SESSION, "A3", "D", AT)
    assert not was_refused(database, SESSION, "A2", "D", AT), "it was taken"
    assert not was_refused(database, SESSION, "A3", "G", AT)
    assert not was_refused(database, SESSION, "A3", "D", AT + DAY)
    assert not was_refused(database, "FIX.4.2:GATEWAY->OTHER", "A3", "D", AT)


def test_where_messages_are_archived_nobody_can_tell(database: Engine) -> None:
    row = {"number": 1, "at": AT, "day": "2026-07-25", "content": "", "signature": "", "key_id": ""}
    with database.begin() as connection:  # AT is on that day
        connection.execute(insert(archives), row | {"record_class": "messages"})
        connection.execute(insert(archives), row | {"number": 2, "record_class": "orders", "day": "2026-08-25"})
    with pytest.raises(LookupError, match="A4 repeats what was sent on a day whose messages are archived"):
        earlier_order(database, SESSION, "A4", AT, AT + DAY)
    assert earlier_order(database, SESSION, "A4", AT + DAY, AT + 2 * DAY) is None
    assert earlier_order(database, SESSION, "A2", AT, AT + DAY) is not None, "what was kept is found"


def test_who_writes_meanwhile_is_not_waited_for(database: Engine) -> None:
    with database.begin():  # for as long as it likes
        assert earlier_order(database, SESSION, "A2", AT, AT + DAY) is not None
        assert emergencies_in(database) == set()
        assert owners_in(database) == {}
        reading = open_for_reading(database.url.render_as_string())
        try:
            with reading.connect() as connection:
                assert last_order_number(connection) == 1002
        finally:
            reading.dispose()
