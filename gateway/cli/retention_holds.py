"""fixgw retention hold: records that nobody may delete, by whose word and why."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.cli.access import record_access
from gateway.cli.database import reading, session_named
from gateway.cli.exits import refuse
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.cli.tables import Column, build_table, console
from gateway.cli.times import utc_text
from gateway.cli.window import DateOption, FromOption, ToOption, asked_window
from gateway.compliance.derive.window import Window
from gateway.compliance.retention.holds import HoldRow, add_hold, all_holds, refuse_unknown, release_hold, standing
from gateway.config import Config, load_config
from gateway.control.peer import login_name
from gateway.errors import GatewayError
from gateway.store.database import open_existing

ReasonOption = Annotated[str, typer.Option(help="Why; it is recorded.")]

_HELP = """Legal holds: what they are about is never deleted.

Example: fixgw retention hold list
"""

hold = typer.Typer(no_args_is_help=True, help=_HELP)


@hold.callback(help=_HELP)
def main() -> None:
    """Stands for the group."""


@hold.command()
def add(
    reason: ReasonOption,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    date: DateOption = None,
    since: FromOption = None,
    until: ToOption = None,
    account: Annotated[str, typer.Option(help="Only what concerns this account.")] = "",
    session: Annotated[str | None, typer.Option(help="Only what concerns this client, by its CompID.")] = None,
    order: Annotated[str, typer.Option(help="Only what concerns this order, by its OrderID(37).")] = "",
) -> None:
    r"""Hold records of this time; of any time where none is given.

    A record that names neither order nor session is held too, since nobody can tell what it is about; so is the wire
    log, from the first held day on.

    \b
    fixgw retention hold add --from 2026-01-01 --to 2026-02-01 --account TRADING --reason "case 17"
    """
    window = asked_window(date, since, until)
    _needs(reason)
    asked_for = {"date": date, "since": since, "until": until, "account": account, "session": session, "order": order}
    record_access(config, "retention hold add", **asked_for)
    configured = {a.name for a in _load(config).accounts}
    with _writing(config) as connection:
        key = "" if session is None else session_named(connection, session)
        refuse_unknown(connection, account, order, configured)
        asked = (account, key, order, os.getuid(), login_name(os.getuid()), reason)
        row = add_hold(connection, HoldRow(0, time.time_ns(), "", 0, window.since, window.until, *asked))
    typer.echo(f"hold {row.number} stands: {_about(row)}, {_span(row)}")


@hold.command()
def release(
    number: Annotated[int, typer.Argument(help="As hold list shows it.")],
    reason: ReasonOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End a hold. What it was about can go with the next archive, if no other hold keeps it.

    Example: fixgw retention hold release 1 --reason "case 17 is closed"
    """
    _needs(reason)
    record_access(config, "retention hold release", number=number)
    with _writing(config) as connection:
        release_hold(connection, number, time.time_ns(), os.getuid(), login_name(os.getuid()), reason)
    typer.echo(f"hold {number} is released")


@hold.command("list")
def list_holds(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    every: Annotated[bool, typer.Option("--all", help="Released ones too, and who released them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a hold or release.")] = False,
) -> None:
    """Show the holds that stand. Example: fixgw retention hold list --all"""
    with reading(config) as connection:
        rows = all_holds(connection)
    if not every:
        rows = standing(rows)
    if as_json:
        for row in rows:
            times = {name: utc_text(getattr(row, name)) for name in ("at",)}
            spans = {"since": None if row.since == Window().since else utc_text(row.since)}
            spans["until"] = None if row.until == Window().until else utc_text(row.until)
            typer.echo(json.dumps({**row._asdict(), **times, **spans}))
        return
    columns = [
        Column("HOLD", lambda row: str(row.hold), right=True),
        Column("WHAT", lambda row: "released" if row.action == "release" else _about(row)),
        Column("TIME", _span),
        Column("SINCE", lambda row: (utc_text(row.at) or "")[:19]),
        Column("WHO", lambda row: str(row.who)),
        Column("WHY", lambda row: str(row.reason)),
    ]
    screen = console()
    screen.print(build_table(columns, rows, screen.width) if rows else "no holds")


def _needs(reason: str) -> None:
    if not reason.strip():
        refuse("--reason: it is empty; a hold is kept with why it was made, or released")


def _load(config: Path) -> Config:
    try:
        return load_config(config)
    except GatewayError as error:
        refuse(str(error))


def _about(row: HoldRow) -> str:
    named = {"account": row.account, "session": row.session, "order": row.order_id}
    return " ".join(f"{name}={value}" for name, value in named.items() if value) or "everything"


def _span(row: HoldRow) -> str:
    all_time = Window()
    since = "" if row.since == all_time.since else f"from {(utc_text(row.since) or '')[:19]}"
    until = "" if row.until == all_time.until else f"to {(utc_text(row.until) or '')[:19]}"
    return f"{since} {until}".strip() or "any time"


@contextmanager
def _writing(config: Path) -> Iterator[Connection]:
    """One transaction. Ends the program with one line for what cannot be done."""
    try:
        database = open_existing(load_config(config).database.url)
        try:
            with database.begin() as connection:
                yield connection
        finally:
            database.dispose()
    except (GatewayError, DBAPIError) as error:
        refuse(" ".join(str(error).split()))
