"""Each command's help, at 80 columns: it gives an example that the command takes, and shows no markup."""

import gc
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from gateway.cli.main import app

ROOT: Any = get_command(app)
STARTED_BY_RUN = ("engine", "front", "watchdog")


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command that has none below it, by its path."""
    for name in ROOT.list_commands(None):
        if name in STARTED_BY_RUN:
            continue
        command = ROOT.get_command(None, name)
        below = getattr(command, "commands", {})
        if not below:
            yield (name,), command
        for sub, leaf in below.items():
            yield (name, sub), leaf


COMMANDS = dict(commands())


def test_garbage_is_collected_again_once_a_command_is_loaded() -> None:
    gc.disable()  # as __main__.py does
    try:
        ROOT.get_command(None, "halts")
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.enable()


def examples(command: Any) -> Iterator[list[str]]:
    """The words of the command lines in a command's help, without the first and without comments."""
    for line in command.help.splitlines():
        at = line.find("fixgw ")
        if line.startswith(("Example: ", "fixgw ", "  fixgw ")):
            yield shlex.split(line[at:], comments=True)[1:]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_help_gives_an_example(path: tuple[str, ...]) -> None:
    given = list(examples(COMMANDS[path]))
    assert [words for words in given if words[: len(path)] == list(path)], COMMANDS[path].help


def test_brackets_of_an_option_s_help_are_shown() -> None:
    shown = " ".join(CliRunner(env={"COLUMNS": "400", "TERM": "dumb"}).invoke(app, ["sim", "--help"]).output.split())
    assert "[[account]] tables" in shown
    assert "perhaps [account.balances] such as" in shown


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_example_is_taken_as_it_is_written(path: tuple[str, ...]) -> None:
    for words in examples(COMMANDS[path]):
        named = tuple(words[:2]) if tuple(words[:2]) in COMMANDS else tuple(words[:1])
        command = COMMANDS.get(named) or ROOT.get_command(None, words[0])
        command.make_context(" ".join(named), words[len(named) :])


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_help_shows_no_markup_and_keeps_brackets(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"}).output
    assert "\\b" not in shown
    if path == ("export", "records"):
        assert "[compliance] redact" in shown


def test_commands_stand_in_groups() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output
    for group in ("Start", "Orders", "Risk", "Sessions and messages", "Operate", "Compliance"):
        assert f"─ {group} ─" in shown
    assert "watchdog" not in shown


def test_a_typing_error_is_told_what_may_be_meant() -> None:
    shown = CliRunner().invoke(app, ["ordrs"], env={"COLUMNS": "80"})
    assert shown.exit_code == 2
    assert "no command 'ordrs'; did you mean orders" in shown.output
