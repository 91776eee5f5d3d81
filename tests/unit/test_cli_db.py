"""`fixgw db upgrade`, the command that an older database's refusal names."""

import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.errors import ConfigError
from gateway.store.database import open_database

CONFIG = Path(__file__).parents[2] / "config" / "sandbox.toml"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example configuration, whose database is relative to the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "var" / "gateway.db"


def test_an_older_database_is_upgraded(sandbox: Path) -> None:
    url = f"sqlite:///{sandbox}"
    open_database(url, "sim", "sandbox").dispose()
    with sqlite3.connect(sandbox) as connection:
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        for column in ("seen_report_id", "proven_report_id", "off_reason"):
            connection.execute(f"ALTER TABLE sessions DROP COLUMN {column}")
        connection.execute("DROP TABLE breaks")
    connection.close()
    with pytest.raises(ConfigError, match="fixgw db upgrade"):
        open_database(url, "sim", "sandbox")

    result = CliRunner().invoke(app, ["db", "upgrade", "--config", str(CONFIG)])
    assert result.exit_code == 0, result.output
    open_database(url, "sim", "sandbox").dispose()
    with sqlite3.connect(sandbox) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] == version
    connection.close()


@pytest.mark.usefixtures("sandbox")
def test_a_database_that_is_not_there_is_not_made() -> None:
    result = CliRunner().invoke(app, ["db", "upgrade", "--config", str(CONFIG)])
    assert result.exit_code == 2
    assert "nothing there yet" in result.output
