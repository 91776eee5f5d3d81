"""`fixgw user`: users are made, changed, disabled and listed, and no password is shown or kept."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.front import UserFile
from gateway.front.passwords import is_password

CONFIG = """
environment = "sim"
deployment = "test"
front.users_file = "{directory}/users.json"
venue_accounts = [{{ name = "main" }}]
accounts = [{{ name = "A", venue_account = "main" }}]

[[sessions]]
target_comp_id = "DESK"
accounts = ["A"]

[sessions.logon]
method = "password"
users = ["ann"]

[[sessions]]
target_comp_id = "OTHER"
accounts = ["A"]
"""
FIRST, SECOND = "correct horse battery", "another horse, battery"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG.format(directory=tmp_path))
    return path


def fixgw(config: Path, *arguments: str, given: str = "", code: int = 0) -> str:
    result = CliRunner().invoke(app, ["user", *arguments, "--config", str(config)], input=given)
    assert result.exit_code == code, result.output
    assert not [secret for secret in (FIRST, SECOND) if secret in result.output]
    return result.output


def test_a_user_s_life(config: Path, tmp_path: Path) -> None:
    users = UserFile(tmp_path / "users.json")
    assert fixgw(config, "list") == f"no users in {users.path}; fixgw user add NAME makes one\n"
    assert "user ann added" in fixgw(config, "add", "ann", "--stdin", given=f"{FIRST}\n")
    assert "user bob added" in fixgw(config, "add", "bob", given=f"{FIRST}\n{FIRST}\n")  # asked for twice
    assert is_password(users.users()["ann"].hash, FIRST)
    assert "new password" in fixgw(config, "passwd", "ann", "--stdin", given=f"{SECOND}\n")
    assert is_password(users.users()["ann"].hash, SECOND)
    assert "disabled" in fixgw(config, "disable", "ann")
    assert users.users()["ann"].disabled
    listed = [line.split() for line in fixgw(config, "list").splitlines()]
    assert [(line[0], line[1], line[-1]) for line in listed] == [
        *(("User", "State", "Sessions"), ("ann", "disabled", "DESK"), ("bob", "active", "none"))
    ]
    assert "may log on again" in fixgw(config, "disable", "ann", "--undo")
    assert not users.users()["ann"].disabled
    assert FIRST not in users.path.read_text()


def test_mistakes_are_named(config: Path) -> None:
    assert "12 to 128 printable ASCII" in fixgw(config, "add", "ann", "--stdin", given="short\n", code=2)
    assert "there is no user 'ann'" in fixgw(config, "passwd", "ann", code=2)
    assert "there is no user 'ann'" in fixgw(config, "disable", "ann", code=2)
    assert "1 to 64 printable" in fixgw(config, "add", "a\nb", code=2)
    fixgw(config, "add", "ann", "--stdin", given=f"{FIRST}\n")
    assert "there already" in fixgw(config, "add", "ann", code=2)
