"""fixgw limits: which limits orders are checked by, who set them, and how much of them is used."""

import json
import time
from typing import Annotated, Any

import typer

from gateway.cli.database import DEFAULT_CONFIG, ConfigOption, reading
from gateway.cli.tables import Column, build_table, console
from gateway.cli.times import local_date_time, utc_text
from gateway.config import load_config
from gateway.domain.book import Book
from gateway.domain.money import text_of
from gateway.domain.risk import RuleBook
from gateway.domain.risk.control import Reads
from gateway.domain.risk.controls import CONTROLS
from gateway.domain.totals import Scope, Total, Totals, session_name, worst_of
from gateway.engine.clock import day_start, seconds_of_day
from gateway.store import readers
from gateway.store.limits import limit_of, load_limits
from gateway.store.rows import LimitRow

limits = typer.Typer(help="Which limits orders are checked by, who set them, and how much of them is used.")

AccountOption = Annotated[str, typer.Option(help="Only what applies to this account.")]
SessionOption = Annotated[str, typer.Option(help="Only what applies to this client, by its CompID.")]
SymbolOption = Annotated[str, typer.Option(help="Only what applies to this symbol.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line, times in UTC.")]


def _scope(row: LimitRow) -> str:
    named = zip(("account", "session", "symbol"), (row.account, row.session, row.symbol), strict=True)
    return " ".join(f"{name}={part}" for name, part in named if part) or "firm"


def _value(row: LimitRow) -> str:
    return "none" if row.value is None else row.value


_SET_BY = (
    Column("Until", lambda row: "" if row.valid_to is None else local_date_time(row.valid_to), spare=True),
    Column("Who", lambda row: str(row.who)),
    Column("Why", lambda row: str(row.why)),
    Column("When", lambda row: local_date_time(row.at)),
)
_LIMIT = (
    Column("Limit", lambda row: str(row.code)),
    Column("Scope", _scope),
    Column("Value", _value, right=True),
    Column("Warn at", lambda row: "" if row.warn_percent is None else f"{row.warn_percent}%", right=True),
)


@limits.command()
def show(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    account: AccountOption = "",
    session: SessionOption = "",
    symbol: SymbolOption = "",
    used: Annotated[bool, typer.Option("--used", help="Read open orders too, and say how much is used.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the limits in force now. The gateway may be running or not."""
    now = time.time_ns()
    with reading(config) as connection:
        rows = _in_force(load_limits(connection), now)
        figures: dict[int, str] = {}
        if used:
            today = day_start(now, seconds_of_day(load_config(config).engine.day_end))
            book = Book(RuleBook([limit_of(row) for row in rows]), today)
            for position, event in readers.load_open_events(connection, today):
                book.fold(position, event)
            for (key, holder, of), qty in readers.load_positions(connection, today).items():
                book.risk.totals.hold(holder, of, qty, session_name(key))
            figures = {row.limit_id: _used(row, book.risk.totals) for row in rows}
    rows = [r for r in rows if _fits(r.account, account) and _fits(r.session, session) and _fits(r.symbol, symbol)]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(_object(row) | ({"used": figures[row.limit_id]} if used else {})))
    elif rows:
        columns = (*_LIMIT, *([Column("Used", lambda row: figures[row.limit_id])] if used else []), *_SET_BY)
        screen = console()
        screen.print(build_table(columns, rows, screen.width))
    else:
        typer.echo("no limits")


@limits.command()
def history(
    code: Annotated[str, typer.Argument(metavar="[LIMIT]", help="Such as MAX_POSITION; left out: every limit.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    account: AccountOption = "",
    session: SessionOption = "",
    symbol: SymbolOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show every version that limits ever had, oldest first."""
    with reading(config) as connection:
        rows = load_limits(connection)
    rows = [r for r in rows if not code or r.code == code.upper()]
    rows = [r for r in rows if _fits(r.account, account) and _fits(r.session, session) and _fits(r.symbol, symbol)]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(_object(row)))
    elif rows:
        screen = console()
        columns = (Column("Version", lambda row: str(row.limit_id), right=True), *_LIMIT, _FROM, *_SET_BY)
        screen.print(build_table(columns, rows, screen.width))
    else:
        typer.echo("no limits")


_FROM = Column("From", lambda row: local_date_time(row.valid_from), spare=True)


def _in_force(rows: list[LimitRow], now: int) -> list[LimitRow]:
    """Of each limit and scope the newest version that is valid, in the order in which orders meet them."""
    newest: dict[tuple[str, ...], LimitRow] = {}
    for row in rows:
        if row.valid_from <= now and (row.valid_to is None or now < row.valid_to):
            newest[row.code, row.account, row.session, row.symbol] = row
    order = list(CONTROLS)
    return sorted((r for r in newest.values() if r.value is not None), key=lambda r: (order.index(r.code), r[2:5]))


def _fits(part: str, asked: str) -> bool:
    """Whether a limit with this part of its scope applies to what was asked for."""
    return not asked or not part or part == asked


def _used(row: LimitRow, totals: Totals) -> str:
    """How much of a limit is used, where that can be said without an order."""
    scope = Scope(row.account, row.session, row.symbol)
    if CONTROLS[row.code].reads is Reads.SCOPE:
        total = totals.total(scope)
        by_code = {
            "MAX_OPEN_ORDERS": f"{total.open_orders}",
            "MAX_ORDERS_PER_DAY": f"{total.orders_today}",
            "CANCEL_RATIO": f"{total.cancels_today} of {total.orders_today}",
        }
        return by_code.get(row.code, "")
    if row.code != "MAX_POSITION":
        return ""
    if row.symbol:
        return _could_become(totals.total(scope))
    each = totals.by_symbol(scope)
    return ", ".join(f"{symbol} {_could_become(total)}" for symbol, total in each.items())


def _could_become(total: Total) -> str:
    worst = worst_of(total.position, total.open_buy, total.open_sell)
    return f"{text_of(worst)} (holds {text_of(total.position)})"


def _object(row: LimitRow) -> dict[str, Any]:
    values = row._asdict()
    return values | {name: utc_text(values[name]) for name in ("valid_from", "valid_to", "at")}
