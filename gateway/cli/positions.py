"""fixgw positions: what each account holds, what that cost, and what it earned; and setting it for a new day."""

import json
import time
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from gateway.cli.access import record_access
from gateway.cli.database import reading
from gateway.cli.exits import refuse
from gateway.cli.operate import operate
from gateway.cli.operate import show as show_answer
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.cli.positions_file import read_positions
from gateway.cli.tables import Column, build_table, console
from gateway.cli.times import utc_text
from gateway.config import load_config
from gateway.domain.money import avg_px, text_of, trim
from gateway.engine.clock import day_start, seconds_of_day
from gateway.errors import GatewayError
from gateway.store.positions import find_positions
from gateway.store.rows import PositionRow

positions = typer.Typer(
    help="What accounts hold, at average cost; and where that comes from at the start of a day.", no_args_is_help=False
)
AsJson = Annotated[bool, typer.Option("--json", help="The answer as a JSON object.")]
Reason = Annotated[str, typer.Option(help="Why; kept with who did it.")]


@positions.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV: account,symbol,quantity,average_cost.")],
    *,
    reason: Reason,
    intraday: Annotated[
        bool, typer.Option("--intraday", help="It says what is held now, executions of today included.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Set what accounts hold from a file, all of it or nothing. What the file does not name stays as it is.

    The first line names the columns: account, symbol (or the base asset: BTC for BTCUSDT), quantity in base units, and
    average_cost in quote currency. Taken again it changes nothing; what an account has traded today it may not set,
    except with --intraday.

    Example: fixgw positions import positions.csv --reason "start of day"
    """
    try:
        lines = read_positions(file, {account.name for account in load_config(config).accounts})
    except GatewayError as error:
        refuse(str(error))
    asked = {"file": file.name, "lines": [asdict(line) for line in lines], "intraday": intraday, "reason": reason}
    show_answer(operate(config, "positions.import", asked), as_json=as_json)


@positions.command("from-venue")
def from_venue(
    venue_account: Annotated[str, typer.Argument(help="As the configuration names it.")],
    *,
    reason: Reason,
    account: Annotated[str, typer.Option(help="Whose they are, where several accounts trade through it.")] = "",
    asset: Annotated[list[str] | None, typer.Option(help="Only this one; may be given several times.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Set positions to what the venue account has of each base asset: BTC is held in BTCUSDT, with USDT as currency.

    What an account held already keeps its average cost, what is new is taken at the reference price. No order may be
    open meanwhile.

    Example: fixgw positions from-venue main --reason "first day"
    """
    asked = {"venue_account": venue_account, "account": account, "assets": asset or [], "reason": reason}
    show_answer(operate(config, "positions.from-venue", asked), as_json=as_json)


@positions.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    account: Annotated[str, typer.Option(help="Only of this account.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, times in UTC.")] = False,
) -> None:
    r"""Show positions at average cost, with realized profit and loss and fees. The gateway may be running or not.

    \b
    fixgw positions
    fixgw positions --account TRADING --json
    """
    if context.invoked_subcommand is not None:
        return
    with reading(config) as connection:
        record_access(config, "positions", account=account)
        rows = [row for row in find_positions(connection) if not account or row.account == account]
    if account and not rows and account not in (known := sorted(one.name for one in load_config(config).accounts)):
        refuse(f"no account {account!r}; there are: {', '.join(known)}")
    if as_json:
        today = day_start(time.time_ns(), seconds_of_day(load_config(config).engine.day_end))
        for row in rows:
            typer.echo(json.dumps(_object(row, today)))
    elif rows:
        screen = console()
        screen.print(build_table(_COLUMNS, rows, screen.width))
    else:
        typer.echo("no positions")


def _average(row: PositionRow) -> str:
    return text_of(avg_px(Decimal(row.cost), Decimal(row.qty)))


def _fees(text: str) -> dict[str, str]:
    return msgspec.json.decode(text, type=dict[str, str])


def _short(number: str) -> str:
    """Without zeros at its end, which the arithmetic leaves there."""
    return text_of(trim(Decimal(number)))


_COLUMNS = (
    Column("Account", lambda row: str(row.account)),
    Column("Symbol", lambda row: str(row.symbol)),
    Column("Qty", lambda row: _short(row.qty), right=True),
    Column("Average", lambda row: _short(_average(row)), right=True),
    Column("Cost", lambda row: _short(row.cost), right=True, spare=True),
    Column("Realized", lambda row: _short(row.realized), right=True),
    Column("Fees", lambda row: ", ".join(f"{_short(fee)} {asset}" for asset, fee in _fees(row.fees).items())),
)


_NOTHING_YET = {"realized_today": "0", "fees_today": "{}", "bought_today": "0", "paid_today": "0"}


def _object(row: PositionRow, today: int) -> dict[str, Any]:
    """today: when the trading day began; a position that nothing moved since is stored with a day before."""
    values = row._asdict() | {"avg_px": _average(row), "day": utc_text(today)}
    if row.day != today:
        values |= _NOTHING_YET
    return values | {name: _fees(values[name]) for name in ("fees", "fees_today")}
