"""`fixgw user`: users are made, changed, disabled and listed, and no password is shown or kept."""

import getpass
import subprocess
import sys
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


def test_a_user_s_life(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users = UserFile(tmp_path / "users.json")
    assert fixgw(config, "list") == f"no users in {users.path}; fixgw user add NAME makes one\n"
    assert "user ann added" in fixgw(config, "add", "ann", "--stdin", given=f"{FIRST}\n")
    typed = iter((SECOND, FIRST, FIRST, FIRST))  # until it is the same twice
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: next(typed))
    assert fixgw(config, "add", "bob").startswith("the two are not the same\nuser bob added")
    assert is_password(users.users()["bob"].hash, FIRST)
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


def test_without_a_terminal_a_password_is_not_asked_for(config: Path) -> None:
    for given in ("", f"{FIRST}\n{FIRST}\n"):
        command = [sys.executable, "-m", "gateway", "user", "add", "ann", "--config", str(config)]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, start_new_session=True)
        assert (done.returncode, done.stdout) == (2, "")
        said = "there is no terminal to ask for the password: give it as a line of standard input, with --stdin\n"
        assert done.stderr == said
    assert fixgw(config, "list").startswith("no users in ")
