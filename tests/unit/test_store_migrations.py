"""From each earlier schema to the current one, with what it held."""

from alembic import command
from sqlalchemy import create_engine, make_url, text

from gateway.store.database import open_database, upgrade_database
from gateway.store.dialects import prepare_storage
from gateway.store.readers import load_sessions
from gateway.store.schema import alembic_config


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
