"""fixgw sessions: the FIX sessions as SQL has them."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.database import DEFAULT_CONFIG, ConfigOption, reading
from gateway.cli.times import local_date_time, utc_text
from gateway.store.readers import load_sessions
from gateway.store.rows import SessionRow

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
        Console().print(_table(rows))
    else:
        typer.echo("no sessions yet")


def _table(rows: list[SessionRow]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Session", "State"):
        table.add_column(name, overflow="fold")
    # The gateway's side: the number it expects next, and the one it sends next.
    for name in ("Epoch", "NextIn", "NextOut"):
        table.add_column(name, justify="right")
    for name in ("Last logon", "Last received", "Last sent"):
        table.add_column(name)
    for row in rows:
        table.add_row(
            row.session,
            "logged on" if row.logged_on else "logged off",
            str(row.epoch),
            str(row.next_in),
            str(row.next_out),
            *(local_date_time(at) for at in (row.last_logon_at, row.last_in_at, row.last_out_at)),
            style="green" if row.logged_on else "",
        )
    return table


def _object(row: SessionRow) -> dict[str, Any]:
    values = row._asdict()
    return values | {name: utc_text(values[name]) for name in _TIMES}
