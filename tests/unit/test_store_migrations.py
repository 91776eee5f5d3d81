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
