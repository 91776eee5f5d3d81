"""`fixgw user`: who may log on with a password."""

import getpass
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from gateway.cli.exits import refuse
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.cli.tables import Column, build_table, console
from gateway.config import Config, load_config
from gateway.errors import ConfigError
from gateway.front import UserFile, UserFileError, hash_password

user = typer.Typer(no_args_is_help=True, help="Users who log on with a password. The gateway may be running.")

_T = TypeVar("_T")
Name = Annotated[str, typer.Argument(help="Username(553).")]
FromInput = Annotated[bool, typer.Option("--stdin", help="Read the password from standard input, for scripts.")]


@user.callback()
def main() -> None:
    """Users who log on with a password. A running gateway uses what is changed from the next Logon on."""


@user.command()
def add(name: Name, *, config: ConfigOption = DEFAULT_CONFIG, stdin: FromInput = False) -> None:
    r"""Add a user; the password is asked for. Sessions name their users in their logon table.

    \b
    fixgw user add ann
    pass show desk/ann | fixgw user add ann --stdin
    """
    if not name.isascii() or not name.isprintable() or not name.strip() or len(name) > 64:
        refuse(f"{name!r}: a name has 1 to 64 printable ASCII characters")
    users = _users(config)
    if name in _try(users.users):
        refuse(f"user {name!r} is there already; fixgw user passwd gives it another password")
    hashed = _ask(stdin=stdin)
    _try(lambda: users.add(name, hashed))
    typer.echo(f"user {name} added to {users.path}")


@user.command()
def passwd(name: Name, *, config: ConfigOption = DEFAULT_CONFIG, stdin: FromInput = False) -> None:
    """Give a user another password.

    Example: fixgw user passwd ann
    """
    users = _users(config)
    if name not in _try(users.users):
        refuse(f"there is no user {name!r}")
    hashed = _ask(stdin=stdin)
    _try(lambda: users.set_hash(name, hashed))
    typer.echo(f"user {name} has a new password")


@user.command()
def disable(
    name: Name,
    *,
    config: ConfigOption = DEFAULT_CONFIG,
    undo: Annotated[bool, typer.Option("--undo", help="Let the user in again.")] = False,
) -> None:
    r"""Refuse a user's Logons from now on. A session that is logged on goes on.

    \b
    fixgw user disable ann
    fixgw user disable ann --undo
    """
    users = _users(config)
    _try(lambda: users.disable(name, disabled=not undo))
    typer.echo(f"user {name} {'may log on again' if undo else 'is disabled'}")


@user.command(name="list")
def list_users(*, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show the users and the sessions that they may use.

    Example: fixgw user list
    """
    loaded = _load(config)
    users = _try(UserFile(loaded.front.users_file).users)
    if not users:
        typer.echo(f"no users in {loaded.front.users_file}; fixgw user add NAME makes one")
        return
    sessions = {
        name: [s.target_comp_id for s in loaded.sessions if s.logon is not None and name in s.logon.names]
        for name in users
    }
    columns = (
        Column("User", str),
        Column("State", lambda name: "disabled" if users[name].disabled else "active"),
        Column("Password set", lambda name: users[name].changed_at),
        Column("Sessions", lambda name: ", ".join(sessions[name]) or "none"),
    )
    screen = console()
    screen.print(build_table(columns, users, screen.width))


def _ask(*, stdin: bool) -> str:
    password = sys.stdin.readline().rstrip("\n") if stdin else _asked_twice()
    try:
        return hash_password(password)
    except ValueError as error:
        refuse(str(error))


def _asked_twice() -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # else it goes on where it cannot hide what is typed
        try:
            while (password := getpass.getpass("Password: ")) != getpass.getpass("The same again: "):
                typer.echo("the two are not the same", err=True)
        except getpass.GetPassWarning:
            refuse("there is no terminal to ask for the password: give it as a line of standard input, with --stdin")
    return password


def _load(config: Path) -> Config:
    return _try(lambda: load_config(config))


def _users(config: Path) -> UserFile:
    return UserFile(_load(config).front.users_file)


def _try(action: Callable[[], _T]) -> _T:
    try:
        return action()
    except (ConfigError, UserFileError) as error:
        refuse(str(error))
