"""`fixgw halts`: where trading is stopped."""

import json
from typing import Annotated

import typer

from gateway.cli.database import reading
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.cli.tables import Column, build_table, console
from gateway.cli.times import local_date_time, utc_text
from gateway.control.peer import login_name
from gateway.domain.halts import HaltScope, TradingState
from gateway.store.readers import load_halts
from gateway.store.rows import HaltRow


def _armed_by(row: HaltRow) -> str:
    """Who has asked for it to be armed; a second user has to, soon after."""
    return "" if row.armed_by_uid < 0 else f"{login_name(row.armed_by_uid)} {local_date_time(row.armed_at)}"


_COLUMNS = (
    Column("State", lambda row: str(row.state).upper()),
    Column("Scope", lambda row: str(HaltScope(*row[: len(HaltScope._fields)]))),
    Column("Since", lambda row: local_date_time(row.at)),
    Column("By", lambda row: str(row.who)),
    Column("Reason", lambda row: str(row.reason)),
    Column("Armed by", _armed_by, spare=True),
)


def halts(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, times in UTC.")] = False,
) -> None:
    r"""Show where trading is stopped or reduced, since when, by whom and why.

    \b
    fixgw halts
    fixgw halts --json
    """
    with reading(config) as connection:
        rows = [row for row in load_halts(connection) if row.state != TradingState.ACTIVE]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row._asdict() | {"at": utc_text(row.at), "armed_at": utc_text(row.armed_at or None)}))
    elif rows:
        screen = console()
        screen.print(build_table(_COLUMNS, rows, screen.width, lambda _: "red"))
    else:
        typer.echo("all is active")
