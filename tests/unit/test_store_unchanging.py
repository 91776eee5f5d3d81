"""Databases in directories where nothing can be written are read, or it is said what to do."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import typer
from sqlalchemy import make_url, select
from typer.testing import CliRunner

from gateway.cli.database import reading
from gateway.cli.main import app
from gateway.errors import ConfigError
from gateway.store import unchanging as unchanging_module
from gateway.store.backup import backup_database
from gateway.store.batch import Batch
from gateway.store.database import open_database, open_for_reading
from gateway.store.tables import journal
from gateway.store.unchanging import may_write, unchanging
from gateway.store.writer import BatchWriter
from tests.fixtures.store_rows import JOURNAL

CONFIG = """
environment = "sim"
deployment = "test"
database.url = "sqlite:///{file}"
venue_accounts = [{{ name = "main" }}]
accounts = [{{ name = "A", venue_account = "main" }}]
sessions = [{{ target_comp_id = "DESK", accounts = ["A"] }}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """As a gateway leaves it that has ended in order."""
    path = tmp_path / "shelf" / "gateway.db"
    engine = open_database(f"sqlite:///{path}", "sim")
    writer = BatchWriter(engine)
    writer.commit(Batch(journal=[JOURNAL]))
    writer.close()
    engine.dispose()
    assert [one.name for one in path.parent.iterdir()] == ["gateway.db"]
    os.utime(path, (1, 1))  # long ago: a file system's times may be coarse
    return path


@pytest.fixture
def _read_only(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    file.parent.chmod(0o500)
    monkeypatch.setattr(unchanging_module, "may_write", lambda directory: directory != file.parent)  # root may
    yield
    file.parent.chmod(0o700)


def config_of(file: Path, directory: Path) -> Path:
    path = directory / "gateway.toml"
    path.write_text(CONFIG.format(file=file))
    return path


@pytest.mark.usefixtures("_read_only")
def test_what_an_orderly_end_left_is_read_and_nothing_is_made_beside_it(file: Path, tmp_path: Path) -> None:
    database = open_for_reading(f"sqlite:///{file}")
    with database.connect() as connection:
        assert connection.execute(select(journal)).one() == JOURNAL
        assert [one.name for one in file.parent.iterdir()] == ["gateway.db"]
    database.dispose()
    backup_database(f"sqlite:///{file}", tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        assert copy.execute("SELECT count(*) FROM journal").fetchone() == (1,)


@pytest.mark.usefixtures("_read_only")
def test_what_is_in_the_log_alone_is_not_left_out(file: Path, tmp_path: Path) -> None:
    file.parent.chmod(0o700)
    (file.parent / "gateway.db-wal").touch()
    assert unchanging(make_url(f"sqlite:///{file}")) is not None, "nothing is in it"
    (file.parent / "gateway.db-wal").write_bytes(b"commits")
    with pytest.raises(ConfigError, match=r"last is in gateway\.db-wal.* cannot be written to; copy both files"):
        open_for_reading(f"sqlite:///{file}")
    refused = CliRunner().invoke(app, ["halts", "--config", str(config_of(file, tmp_path))])
    assert refused.exit_code == 2
    assert "copy both files to a directory that can be" in refused.stderr
    (file.parent / "gateway.db-shm").touch()  # a gateway runs, or was killed: SQLite reads it as it is
    assert unchanging(make_url(f"sqlite:///{file}")) is None


@pytest.mark.usefixtures("_read_only")
def test_a_gateway_that_writes_meanwhile_is_noticed(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        file.parent.chmod(0o700)
        with closing(sqlite3.connect(file)) as writing:
            writing.execute("DELETE FROM journal")
            writing.commit()

    config = config_of(file, tmp_path)
    with pytest.raises(typer.Exit), reading(config):
        work()
    assert "was written to while it was read" in capsys.readouterr().err


def test_a_backup_leaves_what_an_orderly_end_left(file: Path, tmp_path: Path) -> None:
    before = file.read_bytes(), file.stat().st_mtime_ns
    backup_database(f"sqlite:///{file}", tmp_path / "copy")
    assert [one.name for one in file.parent.iterdir()] == ["gateway.db"]
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_a_backup_leaves_the_log_that_a_loss_left(file: Path, tmp_path: Path) -> None:
    shelf = file.parent
    lost = tmp_path / "lost" / "gateway.db"
    lost.parent.mkdir()
    with closing(sqlite3.connect(file)) as writing:
        writing.execute("DELETE FROM journal")
        writing.commit()
        for one in shelf.iterdir():
            (lost.parent / one.name).write_bytes(one.read_bytes())
    before = {one.name: one.read_bytes() for one in lost.parent.iterdir() if not one.name.endswith("-shm")}
    assert before["gateway.db-wal"]
    backup_database(f"sqlite:///{lost}", tmp_path / "copy")
    assert {one.name: one.read_bytes() for one in lost.parent.iterdir() if not one.name.endswith("-shm")} == before
    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        assert copy.execute("SELECT count(*) FROM journal").fetchone() == (0,)


def test_elsewhere_files_are_read_beside_who_writes(file: Path) -> None:
    assert may_write(file.parent)
    assert unchanging(make_url(f"sqlite:///{file}")) is None
    assert unchanging(make_url("postgresql://somebody@nowhere/name")) is None
