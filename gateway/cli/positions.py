"""fixgw positions: what each account holds, what that cost, and what it earned."""

import json
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import typer

from gateway.cli.database import DEFAULT_CONFIG, ConfigOption, reading
from gateway.cli.tables import Column, build_table, console
from gateway.domain.money import avg_px, text_of
from gateway.store.positions import find_positions
from gateway.store.rows import PositionRow


def positions(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    account: Annotated[str, typer.Option(help="Only of this account.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    r"""Show positions at average cost, with realized profit and loss and fees. The gateway may be running or not.

    \b
    fixgw positions
    fixgw positions --account TRADING --json
    """
    with reading(config) as connection:
        rows = [row for row in find_positions(connection) if not account or row.account == account]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(_object(row)))
    elif rows:
        screen = console()
        screen.print(build_table(_COLUMNS, rows, screen.width))
    else:
        typer.echo("no positions")


def _average(row: PositionRow) -> str:
    return text_of(avg_px(Decimal(row.cost), Decimal(row.qty)))


def _fees(text: str) -> dict[str, str]:
    return msgspec.json.decode(text, type=dict[str, str])


_COLUMNS = (
    Column("Account", lambda row: str(row.account)),
    Column("Symbol", lambda row: str(row.symbol)),
    Column("Qty", lambda row: str(row.qty), right=True),
    Column("Average", _average, right=True),
    Column("Cost", lambda row: str(row.cost), right=True, spare=True),
    Column("Realized", lambda row: str(row.realized), right=True),
    Column("Fees", lambda row: ", ".join(f"{fee} {asset}" for asset, fee in _fees(row.fees).items())),
)


def _object(row: PositionRow) -> dict[str, Any]:
    values = row._asdict() | {"avg_px": _average(row)}
    return values | {name: _fees(values[name]) for name in ("fees", "fees_today")}
