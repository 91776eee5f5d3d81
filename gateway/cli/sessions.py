"""fixgw sessions: the FIX sessions as SQL has them."""

import json
from typing import Annotated, Any

import typer

from gateway.cli.database import DEFAULT_CONFIG, ConfigOption, reading
from gateway.cli.tables import Column, build_table, console
from gateway.cli.times import local_date_time, utc_text
from gateway.store.readers import load_sessions
from gateway.store.rows import SessionRow

# NextIn, NextOut: the gateway's side, the number it expects and the one it sends next.
_COLUMNS = (
    Column("Session", lambda row: str(row.session)),
    Column("State", lambda row: "disabled" if row.disabled else "logged on" if row.logged_on else "logged off"),
    Column("Epoch", lambda row: str(row.epoch), right=True, spare=True),
    Column("NextIn", lambda row: str(row.next_in), right=True),
    Column("NextOut", lambda row: str(row.next_out), right=True),
    Column("Last logon", lambda row: local_date_time(row.last_logon_at), spare=True),
    Column("Last received", lambda row: local_date_time(row.last_in_at)),
    Column("Last sent", lambda row: local_date_time(row.last_out_at), spare=True),
)
_TIMES = ("created_at", "last_logon_at", "last_logout_at", "last_in_at", "last_out_at")


def sessions(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, times in UTC.")] = False,
) -> None:
    r"""Show each FIX session: logged on or not, sequence numbers, last activity.

    \b
    fixgw sessions
    fixgw sessions --json
    """
    with reading(config) as connection:
        rows = load_sessions(connection)
    if as_json:
        for row in rows:
            typer.echo(json.dumps(_object(row)))
    elif rows:
        screen = console()
        screen.print(build_table(_COLUMNS, rows, screen.width, lambda row: "green" if row.logged_on else ""))
    else:
        typer.echo("no sessions yet")


def _object(row: SessionRow) -> dict[str, Any]:
    values = row._asdict()
    return values | {name: utc_text(values[name]) for name in _TIMES}
