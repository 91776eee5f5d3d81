"""fixgw orders: the orders as SQL has them."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import Row

from gateway.cli.access import record_reading
from gateway.cli.database import reading, session_named
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption, LimitOption, OpenedOption
from gateway.cli.tables import Column, build_table, console
from gateway.cli.times import local_time, utc_text
from gateway.domain.money import text_of, trim
from gateway.domain.session_names import session_name
from gateway.domain.values import OrdStatus, OrdType, Side
from gateway.store.queries import OrderFilter, find_orders

_STYLES = {OrdStatus.FILLED: "green", OrdStatus.PARTIALLY_FILLED: "green", OrdStatus.REJECTED: "red"}


def orders(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    database: OpenedOption = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only orders that can still execute.")] = False,
    session: Annotated[str | None, typer.Option(help="Only this client's, by its CompID, such as DESK.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol, such as BTCUSDT.")] = None,
    limit: LimitOption = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, times in UTC.")] = False,
) -> None:
    r"""List orders, newest first. The gateway may be running or not.

    \b
    fixgw orders
    fixgw orders --open --symbol BTCUSDT
    fixgw orders --session DESK --json
    """
    with reading(config, database) as connection:
        record_reading(connection, config, "orders", database, only_open=only_open, session=session, symbol=symbol)
        key = None if session is None else session_named(connection, session)
        rows = find_orders(connection, OrderFilter(session=key, symbol=symbol, is_open=only_open or None, limit=limit))
    if as_json:
        for row in rows:
            typer.echo(json.dumps(order_object(row)))
    elif rows:
        screen = console()
        screen.print(orders_table(rows, screen.width))
    else:
        typer.echo("no orders")


def orders_table(rows: Sequence[Row[Any]], width: int) -> Table:
    """A line an order."""
    return build_table(_COLUMNS, rows, width, _style)


def _status(row: Row[Any]) -> str:
    # Unknown: the venue may or may not have it; a query will settle that.
    return _words(OrdStatus(row.ord_status).name) + (", outcome unknown" if row.is_unknown else "")


def _style(row: Row[Any]) -> str:
    return "red" if row.is_unknown else _STYLES.get(OrdStatus(row.ord_status), "")


def order_object(row: Row[Any]) -> dict[str, Any]:
    """For programs: the row with decimals as text, times as UTC text and enumerations by name."""
    values: dict[str, Any] = {}
    for name, value in row._mapping.items():  # noqa: SLF001 - SQLAlchemy's public name
        values[name] = text_of(value) if isinstance(value, Decimal) else value
    values["side"], values["ord_type"] = Side(row.side).name, OrdType(row.ord_type).name
    values["ord_status"] = OrdStatus(row.ord_status).name
    return values | {name: utc_text(values[name]) for name in ("received_at", "updated_at")}


def _words(name: str) -> str:
    """PARTIALLY_FILLED as FIX writes it: PartiallyFilled."""
    return "".join(part.capitalize() for part in name.split("_"))


def _number(value: Decimal | None) -> str:
    return "-" if value is None else text_of(trim(value))


_COLUMNS = (
    Column("OrderID", lambda row: str(row.order_id)),
    Column("ClOrdID", lambda row: str(row.cl_ord_id)),
    Column("Client", lambda row: session_name(row.session), spare=True),
    Column("Symbol", lambda row: str(row.symbol)),
    Column("Side", lambda row: _words(Side(row.side).name)),
    Column("Type", lambda row: _words(OrdType(row.ord_type).name), spare=True),
    Column("Qty", lambda row: _number(row.order_qty), right=True),
    Column("Price", lambda row: _number(row.price if row.price is not None else row.stop_px), right=True),
    Column("CumQty", lambda row: _number(row.cum_qty), right=True),
    Column("Leaves", lambda row: _number(row.leaves_qty), right=True),
    Column("AvgPx", lambda row: _number(row.avg_px), right=True, spare=True),
    Column("Status", _status),
    Column("Updated", lambda row: local_time(row.updated_at), spare=True),
)
