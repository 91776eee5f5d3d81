"""fixgw limits: which limits orders are checked by, who set them, and how much of them is used."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.database import reading
from gateway.cli.exits import refuse
from gateway.cli.operate import operate
from gateway.cli.operate import show as show_answer
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.cli.tables import Column, build_table, console
from gateway.cli.times import local_date_time, utc_text
from gateway.config import load_config
from gateway.domain.book import Book
from gateway.domain.money import text_of, trim
from gateway.domain.risk import BadLimitError, RuleBook, parsing
from gateway.domain.risk.control import Reads
from gateway.domain.risk.controls import CONTROLS
from gateway.domain.session_names import session_name
from gateway.domain.totals import Scope, Total, Totals, worst_of
from gateway.engine.clock import day_start, seconds_of_day
from gateway.store import readers
from gateway.store.limits import limit_of, load_limits
from gateway.store.positions import load_ledger
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
    Column("Why", lambda row: str(row.why), spare=True),
    Column("When", lambda row: local_date_time(row.at), spare=True),
)
_LIMIT = (
    Column("Limit", lambda row: str(row.code)),
    Column("Scope", _scope),
    Column("Value", _value, right=True),
    Column("Warn at", lambda row: "" if row.warn_percent is None else f"{row.warn_percent}%", right=True, spare=True),
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
    r"""Show the limits in force now. The gateway may be running or not.

    \b
    fixgw limits show
    fixgw limits show --used --account TRADING
    """
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
            load_ledger(connection, book.risk.ledger, today)
            for holder, of, held in book.risk.ledger.items():
                book.risk.totals.hold(holder, of, held.given)
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
    r"""Show every version that limits ever had, oldest first.

    \b
    fixgw limits history
    fixgw limits history MAX_POSITION --account TRADING
    """
    with reading(config) as connection:
        rows = load_limits(connection)
    if code.upper() not in ("", *CONTROLS):
        refuse(f"{code}: no such limit; fixgw limits kinds lists them")
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


@limits.command("set")
def set_(
    limit: Annotated[str, typer.Argument(help="Such as MAX_POSITION; fixgw limits kinds lists them.")],
    value: Annotated[str, typer.Argument(help="As in the configuration, such as 2.5 or 20/1s.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with who did it.")],
    account: Annotated[str, typer.Option(help="Of this account; left out: any.")] = "",
    session: Annotated[str, typer.Option(help="Of this client, by its CompID; left out: any.")] = "",
    symbol: Annotated[str, typer.Option(help="In this symbol; left out: in each.")] = "",
    warn_at: Annotated[int | None, typer.Option(min=1, max=100, help="Percent of it whose use is alerted.")] = None,
    lasts: Annotated[str | None, typer.Option("--for", help="Such as 30m or 8h; then it ends by itself.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as a JSON object.")] = False,
) -> None:
    """Set a limit of the running engine, in force from the next order on. Without a scope it is the whole firm's.

    Example: fixgw limits set MAX_POSITION 5 --account TRADING --symbol BTCUSDT --for 2h --reason "month end"
    """
    _ask(config, limit, value, reason, Scope(account, session, symbol), lasts, as_json=as_json, warn_at=warn_at)


@limits.command()
def remove(
    limit: Annotated[str, typer.Argument(help="Such as MAX_POSITION.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with who did it.")],
    account: Annotated[str, typer.Option(help="Of this account.")] = "",
    session: Annotated[str, typer.Option(help="Of this client, by its CompID.")] = "",
    symbol: Annotated[str, typer.Option(help="In this symbol.")] = "",
    lasts: Annotated[str | None, typer.Option("--for", help="Such as 30m or 8h; then it comes back.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as a JSON object.")] = False,
) -> None:
    """Take a limit of exactly this scope away, for good or for a time. Its history stays.

    Example: fixgw limits remove MARKET_HOURS --account TRADING --for 1h --reason "a late close"
    """
    _ask(config, limit, None, reason, Scope(account, session, symbol), lasts, as_json=as_json)


@limits.command()
def kinds() -> None:
    """List every limit there is, and how it is written.

    Example: fixgw limits kinds
    """
    screen = console()
    screen.print(build_table(_KINDS, CONTROLS.values(), screen.width))


def _ask(
    config: Path,
    limit: str,
    value: str | None,
    reason: str,
    scope: Scope,
    lasts: str | None,
    *,
    as_json: bool,
    warn_at: int | None = None,
) -> None:
    try:
        valid_to = None if lasts is None else time.time_ns() + parsing.window(lasts)
    except BadLimitError as error:
        refuse(f"--for: {error}")
    asked = {"limit": limit, "reason": reason, "warn_percent": warn_at, "valid_to": valid_to, **scope._asdict()}
    command = "limits.set" if value is not None else "limits.remove"
    show_answer(operate(config, command, asked if value is None else asked | {"value": value}), as_json=as_json)


_KINDS = (Column("Limit", lambda control: str(control.code)), Column("Value", lambda control: str(control.about)))
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
    return f"{text_of(trim(worst))} (holds {text_of(trim(total.position))})"


def _object(row: LimitRow) -> dict[str, Any]:
    values = row._asdict()
    return values | {name: utc_text(values[name]) for name in ("valid_from", "valid_to", "at")}
