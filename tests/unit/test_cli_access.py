"""Who read the record is written down, before anything is shown."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import access
from gateway.cli import export as command
from gateway.cli.main import app
from gateway.control.peer import login_name
from gateway.store.database import open_database
from tests.fixtures.recorded import START, busy_day

CONFIG = """
environment = "sim"
deployment = "gw"
database.url = "sqlite:///{directory}/gateway.db"
engine.directory = "{directory}/run"
[compliance]
{compliance}
[[venue_accounts]]
name = "main"
[[accounts]]
name = "TRADING"
venue_account = "main"
[[sessions]]
target_comp_id = "DESK"
accounts = ["TRADING"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    database = open_database(f"sqlite:///{tmp_path}/gateway.db", "sim")
    busy_day(database)
    database.dispose()
    return written(tmp_path, "")


def written(directory: Path, compliance: str) -> Path:
    path = directory / "gateway.toml"
    path.write_text(CONFIG.format(directory=directory, compliance=compliance))
    return path


def fixgw(*arguments: object) -> Result:
    return CliRunner(env={"TZ": "UTC"}).invoke(app, [str(argument) for argument in arguments])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_command_that_reads_the_record_leaves_a_line(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "time", SimpleNamespace(time_ns=lambda: START * 2))
    key = tmp_path / "audit.key"
    fixgw("audit", "key", key)
    day = ("--config", config, "--date", "2026-07-25")
    for arguments in (
        ("messages", *day, "--tag", "11=A", "--session", "DESK"),
        ("order", "O1", "--config", config),
        ("export", "records", *day, "--into", tmp_path / "out", "--only", "orders"),
        ("export", "rts24", *day, "--into", tmp_path / "rts24"),
        ("audit", "verify", *day, "--public-key", f"{key}.pub"),
        ("wire", "--config", config, "--from", "2026-07-25"),
        ("orders", "--config", config, "--symbol", "BTCUSDT"),
        ("explain", "O1", "--config", config),
        ("positions", "--config", config),
        ("replay", "derive", *day),
    ):
        fixgw(*arguments)
    path = tmp_path / "run" / "access.jsonl"
    found = lines(path)
    assert [(line["command"], line["asked"]) for line in found] == [
        ("messages", {"date": "2026-07-25", "session": "DESK", "tags": ["11=A"]}),
        ("order", {"order_id": "O1"}),
        (
            "export",
            {
                "since": "2026-07-25T00:00:00.000000000Z",
                "until": "2026-07-26T00:00:00.000000000Z",
                "records": ["orders"],
                "format": "csv",
                "into": str(tmp_path / "out"),
            },
        ),
        ("export", found[3]["asked"]),
        ("audit verify", {"date": "2026-07-25"}),
        ("wire", {"since": "2026-07-25"}),
        ("orders", {"symbol": "BTCUSDT"}),
        ("explain", {"order_id": "O1"}),
        ("positions", {}),
        ("replay derive", {"date": "2026-07-25"}),
    ]
    assert found[3]["asked"]["records"] == ["rts24"]
    assert {(line["uid"], line["who"]) for line in found} == {(os.getuid(), login_name(os.getuid()))}
    assert found[0]["at"].endswith("Z")
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_down_is_not_shown(config: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for place in ("elsewhere", "link"):
        written(tmp_path, f'access_log = "{tmp_path / place}"')
        result = fixgw("messages", "--config", config)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "who reads the record is written there, so it is not shown" in result.stderr
    assert (tmp_path / "file").read_bytes() == b""


def test_who_became_another_user_is_named_as_well(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loginuid").write_text(str(os.getuid() + 4_000))
    monkeypatch.setattr(access, "_LOGIN_UID", tmp_path / "loginuid")
    fixgw("order", "O1", "--config", config)
    (tmp_path / "loginuid").write_text("4294967295")
    fixgw("order", "O1", "--config", config)
    found = lines(tmp_path / "run" / "access.jsonl")
    assert [line.get("logged_on_as") for line in found] == [login_name(os.getuid() + 4_000), None]
