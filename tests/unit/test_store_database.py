"""Opening the database: schema, stamps, file modes; what is refused and what the person is told."""

import os
import re
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError

from gateway.errors import ConfigError, DatabaseUnavailable
from gateway.store import tables
from gateway.store.batch import Batch
from gateway.store.database import instance_of, open_database, open_for_reading, upgrade_database
from gateway.store.floors import first_order_number, first_position
from gateway.store.schema import CURRENT_REVISION, alembic_config
from gateway.store.writer import BatchWriter
from tests.fixtures.store_rows import JOURNAL


def test_migrations_make_the_schema_that_tables_describe(database_url: str) -> None:
    engine = open_database(database_url, "sim")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
        for table in tables.metadata.sorted_tables:  # conditions of indexes are not compared by Alembic
            for found in inspect(connection).get_indexes(table.name):
                condition = found.get("dialect_options", {}).get(f"{engine.dialect.name}_where")
                declared = next((i for i in table.indexes if i.name == found["name"]), None)
                expected = None if declared is None else declared.dialect_options[engine.dialect.name]["where"]
                assert str(condition).strip("()") == str(expected), found["name"]
    engine.dispose()


def test_the_program_needs_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [CURRENT_REVISION]


def test_a_database_opens_again_with_all_it_held(database_url: str) -> None:
    engine = open_database(database_url, "testnet", "fx")
    writer = BatchWriter(engine)
    writer.commit(Batch(journal=[JOURNAL]))
    writer.close()
    engine.dispose()
    engine = open_database(database_url, "testnet", "fx")
    with engine.connect() as connection:
        assert connection.execute(select(tables.journal)).one() == JOURNAL
        stamps = {row.key: row.value for row in connection.execute(select(tables.meta))}
        above = {
            "position_floor": str(first_position(connection)),
            "order_number_floor": str(first_order_number(connection)),
        }
    assert stamps == {"environment": "testnet", "deployment": "fx", "instance": instance_of(engine), **above}
    engine.dispose()


def test_a_database_of_another_environment_is_refused_with_both_named(database_url: str) -> None:
    open_database(database_url, "testnet").dispose()
    with pytest.raises(ConfigError, match="environment 'testnet', not 'live'"):
        open_database(database_url, "live")


def test_a_database_of_another_deployment_is_refused_with_both_named(database_url: str) -> None:
    open_database(database_url, "sim", "fx").dispose()
    open_database(database_url, "sim").dispose()  # who does not say is not asked
    with pytest.raises(ConfigError, match="deployment 'fx', not 'gy'"):
        open_database(database_url, "sim", "gy")


def test_another_schema_version_is_refused_with_the_command_to_run(database_url: str) -> None:
    engine = open_database(database_url, "sim")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    engine.dispose()
    told = f"schema 0000.*needs {CURRENT_REVISION}.*fixgw db upgrade"
    with pytest.raises(ConfigError, match=told):
        open_database(database_url, "sim")
    with pytest.raises(ConfigError, match=told):
        open_for_reading(database_url)


def test_a_foreign_database_is_left_alone(database_url: str, tmp_path: Path) -> None:
    engine = open_database(database_url, "sim")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    engine.dispose()
    with pytest.raises(ConfigError, match="another program"):
        open_database(database_url, "sim")


def test_a_start_on_a_current_schema_does_not_load_alembic(database_url: str) -> None:
    open_database(database_url, "sim").dispose()
    code = (
        "import sys; from gateway.store.database import open_database, open_for_reading;"
        f"open_database({database_url!r}, 'sim').dispose(); open_for_reading({database_url!r}).dispose();"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_upgrade_of_a_current_schema_changes_nothing(database_url: str) -> None:
    open_database(database_url, "sim").dispose()
    upgrade_database(database_url)
    open_database(database_url, "sim").dispose()


def test_a_reader_cannot_write(database_url: str) -> None:
    open_database(database_url, "sim").dispose()
    engine = open_for_reading(database_url)
    with engine.connect() as connection:
        assert connection.execute(select(tables.meta.c.value)).scalar() == "sim"
        with pytest.raises(DBAPIError, match=r"readonly|read-only"):
            connection.execute(tables.meta.insert().values(key="x", value="y"))
    engine.dispose()


def test_a_reader_sees_commits_while_the_engine_writes(database_url: str) -> None:
    engine = open_database(database_url, "sim")
    reader = open_for_reading(database_url)
    writer = BatchWriter(engine)
    with reader.connect() as connection:
        assert connection.execute(select(tables.journal)).all() == []  # its snapshot stays open
        writer.commit(Batch(journal=[JOURNAL]))
        connection.rollback()
        assert connection.execute(select(tables.journal)).one() == JOURNAL
        writer.commit(Batch(journal=[JOURNAL._replace(position=2)]))
    writer.close()
    reader.dispose()
    engine.dispose()


def test_an_sqlite_file_is_private_durable_and_in_a_new_directory(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "gateway.db"
    engine = open_database(f"sqlite:///{path}", "sim")
    writer = BatchWriter(engine)
    writer.commit(Batch(journal=[JOURNAL]))
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
    writer.close()
    engine.dispose()

    path.chmod(0o644)
    open_database(f"sqlite:///{path}", "sim").dispose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_reader_creates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    for opening in (open_for_reading, upgrade_database):
        with pytest.raises(ConfigError, match="nothing there yet"):
            opening(f"sqlite:///{path}")
    assert not path.exists()
    path.touch()
    with pytest.raises(ConfigError, match="nothing there yet"):
        open_for_reading(f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "cannot be read"),
        ("mysql://user:secret@host/name", r"mysql://user:\*\*\*@host/name"),
        ("sqlite://", "a file is needed"),
        ("sqlite:///:memory:", "a file is needed"),
    ],
)
def test_a_url_that_cannot_be_used_is_explained(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as error:
        open_database(url, "sim")
    assert "secret" not in str(error.value)


def test_a_server_that_is_not_there_is_explained_without_the_password() -> None:
    with pytest.raises(DatabaseUnavailable, match="cannot be opened") as error:
        open_database("postgresql://user:secret@127.0.0.1:1/none", "sim")
    assert "secret" not in str(error.value)


def test_a_file_that_is_no_database_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, this is not a database. " * 100)
    with pytest.raises(ConfigError, match="not a database"):
        open_database(f"sqlite:///{path}", "sim")


def test_a_directory_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/gateway\.db"):
        open_database(f"sqlite:///{tmp_path}/file/gateway.db", "sim")


def test_a_first_start_that_is_cut_off_leaves_nothing_half_made(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    code = (
        "import os; from gateway.store import schema, database;"
        "from alembic import op; whole = op.create_index;"
        "op.create_index = lambda name, *a, **k: os._exit(9) if name == 'reports_session' else whole(name, *a, **k);"
        f"database.open_database('sqlite:///{path}', 'sim')"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, env=os.environ).returncode == 9
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    open_database(f"sqlite:///{path}", "sim").dispose()


def test_every_database_has_an_instance_id_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    names = []
    for name in ("one", "one", "other"):
        engine = open_database(f"sqlite:///{tmp_path}/{name}.db", "sim")
        names.append(instance_of(engine))
        engine.dispose()
    assert names[0] == names[1] != names[2]
    assert re.fullmatch("[a-z0-9]{4}", names[0])
