"""From each earlier schema to the current one, with what it held."""

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect, make_url, text

from gateway.store.database import open_database, upgrade_database
from gateway.store.dialects import prepare_storage
from gateway.store.readers import load_halts, load_sessions, standing_breaks
from gateway.store.schema import alembic_config
from gateway.store.tables import breaks


def test_reports_sent_under_the_first_schema_count_as_received(database_url: str) -> None:
    prepare_storage(make_url(database_url))
    engine = create_engine(database_url)
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO meta VALUES ('environment', 'sim')"))
        connection.execute(
            text(
                "INSERT INTO sessions (session, epoch, created_at, next_in, next_out, out_reserved, last_report_id,"
                " logged_on, clean) VALUES ('S', 2, 1, 5, 9, 1009, 17, false, true)"
            )
        )
    engine.dispose()
    upgrade_database(database_url)
    engine = open_database(database_url, "sim")
    with engine.connect() as connection:
        (row,) = load_sessions(connection)
    engine.dispose()
    assert (row.next_in, row.next_out, row.last_report_id) == (5, 9, 17)
    assert (row.seen_report_id, row.proven_report_id) == (0, 17)


@pytest.mark.parametrize("has_breaks", [False, True])
def test_breaks_are_there_whether_or_not_the_first_schema_made_them(database_url: str, has_breaks: bool) -> None:
    """Databases of both forms are about: for a while 0001 made the table."""
    prepare_storage(make_url(database_url))
    engine = create_engine(database_url)
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.execute(text("INSERT INTO meta VALUES ('environment', 'sim')"))
        if has_breaks:
            breaks.create(connection)
            connection.execute(
                text(
                    "INSERT INTO breaks (break_id, at, venue_account, kind, client_id, ours, theirs, resolution)"
                    " VALUES (7, 1, 'main', 'orphan', 'x-O1-1', '', '', '')"
                )
            )
    engine.dispose()
    upgrade_database(database_url)
    engine = open_database(database_url, "sim")
    with engine.connect() as connection:
        kept = [row.break_id for row in standing_breaks(connection)]
        assert "breaks_standing" in {index["name"] for index in inspect(connection).get_indexes("breaks")}
    engine.dispose()
    assert kept == ([7] if has_breaks else [])


def test_what_was_halted_stays_so_at_every_venue(database_url: str) -> None:
    prepare_storage(make_url(database_url))
    engine = create_engine(database_url)
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        connection.execute(text("INSERT INTO meta VALUES ('environment', 'sim')"))
        connection.execute(text("INSERT INTO halts VALUES ('ACME', '', '', 'halted', 'why', 0, 'root', 7, -1, 0)"))
    engine.dispose()
    upgrade_database(database_url)
    engine = open_database(database_url, "sim")
    with engine.connect() as connection:
        (row,) = load_halts(connection)
    engine.dispose()
    assert row == ("ACME", "", "", "", "", "halted", "why", 0, "root", 7, -1, 0)


def test_messages_that_are_there_are_found_by_the_ids_that_they_name(database_url: str) -> None:
    prepare_storage(make_url(database_url))
    engine = create_engine(database_url)
    config = alembic_config()
    raw = {1: b"8=F\x0135=8\x0137=O1\x0111=A\x01", 2: b"35=D\x0111=B\x01", 3: b"35=0\x01", 4: b"35=8\x0111=\xe9\x01"}
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0011")
        connection.execute(text("INSERT INTO meta VALUES ('environment', 'sim')"))
        insert = text(
            "INSERT INTO messages (session, epoch, direction, msg_seq_num, msg_type, poss_dup, first_use, at,"
            " cl_ord_id, order_id, raw)"
            " VALUES ('S', 1, 'out', :number, 'x', false, true, 1, :cl_ord_id, :order_id, :raw)"
        )
        for number, one in raw.items():
            known = {"cl_ord_id": "B", "order_id": "O2"} if number == 2 else {"cl_ord_id": None, "order_id": None}
            connection.execute(insert, {"number": number, "raw": one, **known})
    engine.dispose()
    upgrade_database(database_url)
    engine = open_database(database_url, "sim")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT cl_ord_id, order_id FROM messages ORDER BY id")).all()
        assert "messages_again" in {index["name"] for index in inspect(connection).get_indexes("messages")}
    engine.dispose()
    assert [tuple(row) for row in rows] == [("A", "O1"), ("B", "O2"), (None, None), ("\ufffd", None)]
