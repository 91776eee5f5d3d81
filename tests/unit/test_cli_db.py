"""`fixgw db upgrade`, the command that an older database's refusal names."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.errors import ConfigError
from gateway.store.database import open_database
from gateway.store.schema import CURRENT_REVISION, alembic_config

CONFIG = Path(__file__).parents[2] / "config" / "sandbox.toml"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example configuration, whose database is relative to the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "var" / "gateway.db"


def test_an_older_database_is_upgraded(sandbox: Path) -> None:
    url = f"sqlite:///{sandbox}"
    sandbox.parent.mkdir()
    older = create_engine(url)
    config = alembic_config()
    with older.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO meta VALUES ('environment', 'sim'), ('deployment', 'sandbox')"))
    older.dispose()
    with pytest.raises(ConfigError, match="fixgw db upgrade"):
        open_database(url, "sim", "sandbox")

    result = CliRunner().invoke(app, ["db", "upgrade", "--config", str(CONFIG)])
    assert result.exit_code == 0, result.output
    open_database(url, "sim", "sandbox").dispose()
    with closing(sqlite3.connect(sandbox)) as upgraded:
        assert upgraded.execute("SELECT version_num FROM alembic_version").fetchone()[0] == CURRENT_REVISION


@pytest.mark.usefixtures("sandbox")
def test_a_database_that_is_not_there_is_not_made() -> None:
    result = CliRunner().invoke(app, ["db", "upgrade", "--config", str(CONFIG)])
    assert result.exit_code == 2
    assert "nothing there yet" in result.output
