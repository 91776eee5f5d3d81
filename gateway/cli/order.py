"""fixgw order: one order's story."""

import json
import re
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection, Row, select

from gateway.cli.access import record_reading
from gateway.cli.archived import may_lack, missing_of
from gateway.cli.database import reading
from gateway.cli.exits import refuse
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption, ImportedOption
from gateway.cli.order_page import order_page
from gateway.cli.orders import order_object, orders_table
from gateway.cli.redacted import redacted
from gateway.cli.story import Entry, entries, entries_of_messages
from gateway.cli.tables import console
from gateway.cli.times import duration, local_date_time, local_time_exact, utc_text
from gateway.compliance.export.columns import Redaction
from gateway.compliance.search import messages_about
from gateway.config import load_config
from gateway.errors import GatewayError
from gateway.store.limits import load_limits
from gateway.store.queries import find_order_ids, find_order_ids_by_row, order_story
from gateway.store.tables import meta
from gateway.wire.readable import printable
from gateway.wire.tags import CL_ORD_ID, ORDER_ID, SENDER_COMP_ID, TARGET_COMP_ID


def order(
    order_id: Annotated[str, typer.Argument(metavar="ID", help="OrderID(37), or ClOrdID(11) of it or a request.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    database: ImportedOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, times in UTC.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page to hand on, with times in UTC.")
    ] = None,
) -> None:
    r"""Tell one order's story in time order: FIX in and out, checks with their figures, states, venue calls.

    An imported database has messages alone: the story is what names the order, one of its ids, or theirs. A file of
    opened archives has some days: what it lacks of the story is said.

    \b
    fixgw order O4
    fixgw order 0131093000-a1b2-1
    fixgw order O4 --json
    fixgw order O4 --html order-O4.html
    """
    hidden = _hidden(config, database) if html is not None else frozenset[int]()
    with reading(config, database) as connection:
        record_reading(connection, config, "order", database, order_id=order_id, html=html)
        found = find_order_ids(connection, order_id)
        if not found and may_lack(connection):
            found = find_order_ids_by_row(connection, order_id)
        story = order_story(connection, found[0]) if found else None
        missing = missing_of(connection, story) if story is not None else ""
        if story is not None:
            told = entries(story, {row.limit_id: row for row in load_limits(connection)}, hidden)
        else:
            found_rows = messages_about(connection, order_id) if database is not None else []
            told = list(entries_of_messages(found_rows, hidden))
        origin = _origin(connection)
    if not told and not missing:
        refuse(f"no order has the OrderID or ClOrdID {order_id!r}; fixgw orders lists them")
    row = story.order if story is not None else None
    if html is not None:
        _write(html, order_id, origin, missing, row, told, hidden)
    elif as_json:
        typer.echo(json.dumps(_object(row, told) | ({"archived": missing} if missing else {})))
    else:
        _print(order_id, found, row, told)
        if missing:
            typer.echo(missing)


def _print(name: str, found: list[str], row: Row[Any] | None, told: list[Entry]) -> None:
    screen = console()
    if len(found) > 1:
        screen.print(f"{name} was used more than once; this is the newest, also: {', '.join(found[1:])}")
    if row is not None:
        screen.print(orders_table([row], screen.width))
    received = told[0].at if row is None else row.received_at
    screen.print(f"\nreceived {local_date_time(received)}, times are local, + since the line before\n")
    screen.print(_table(told))


def _table(story: list[Entry]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    previous = story[0].at if story else 0
    for entry in story:
        since = Text(f"+{duration(entry.at - previous)}" if entry.at > previous else "", style="dim")
        text = Text(entry.text, style=entry.style)
        table.add_row(Text(local_time_exact(entry.at), style="dim"), since, f"{entry.kind:<9}", text)
        if entry.kind == "decision":  # of a message the text has what matters
            for note in entry.notes:
                table.add_row("", "", "", Text(f"  {note}", style="dim"))
        previous = entry.at
    return table


def _object(row: Row[Any] | None, story: list[Entry]) -> dict[str, object]:
    told = []
    previous: int | None = None
    for entry in story:
        since = None if previous is None else (entry.at - previous) // 1000
        one = {"at": utc_text(entry.at), "since_previous_us": since, "kind": entry.kind, **entry.details}
        told.append(one | ({"checks": list(entry.notes)} if entry.kind == "decision" else {}))
        previous = entry.at
    return {"order": None if row is None else order_object(row), "story": told}


def _hidden(config: Path, imported: Path | None) -> frozenset[int]:
    """Tags whose values are not handed on. Beside an imported database there need not be a configuration."""
    if imported is not None and not config.exists():
        return frozenset()
    try:
        return Redaction(load_config(config).compliance.redact).tags
    except GatewayError as error:
        refuse(str(error))


def _write(
    path: Path,
    name: str,
    origin: str,
    missing: str,
    row: Row[Any] | None,
    told: list[Entry],
    hidden: frozenset[int],
) -> None:
    title = f"Order {printable(name if row is None else row.order_id)}"
    about = f"Recorded by a FIX gateway ({origin}); written {utc_text(time.time_ns())}. All times are UTC. {missing}"
    summary = {} if row is None else _summary(row)
    if hidden:
        title = "Order" if {ORDER_ID, CL_ORD_ID} & hidden else title
        about = f"{about} Left out: the values of tags {', '.join(map(str, sorted(hidden)))}, and what quotes them."
        summary = {label: value for label, value in summary.items() if not _is_hidden(label, hidden)}
        told = [redacted(entry, hidden) for entry in told]
    try:
        path.touch(mode=0o600)  # a new one is its owner's alone, as the database is
        path.write_text(order_page(title, about, summary, told), encoding="utf-8")
    except OSError as error:
        refuse(f"{path}: {error.strerror}")
    typer.echo(f"written to {path}")


def _summary(row: Row[Any]) -> dict[str, str]:
    """The order's terms and state by FIX's names."""
    names = {
        "OrderID(37)": "order_id",
        "ClOrdID(11), first": "first_cl_ord_id",
        "ClOrdID(11), last": "cl_ord_id",
        "Session": "session",
        "Account(1)": "account",
        "Symbol(55)": "symbol",
        "Side(54)": "side",
        "OrdType(40)": "ord_type",
        "OrderQty(38)": "order_qty",
        "Price(44)": "price",
        "StopPx(99)": "stop_px",
        "OrdStatus(39)": "ord_status",
        "CumQty(14)": "cum_qty",
        "LeavesQty(151)": "leaves_qty",
        "AvgPx(6)": "avg_px",
        "Received": "received_at",
        "Last change": "updated_at",
        "Text(58)": "text",
    }
    values = order_object(row)
    for moment in ("received_at", "updated_at"):  # the page says that they are UTC, and a line may break at the space
        values[moment] = values[moment].replace("T", " ").removesuffix("Z")
    return {name: printable(str(values[key])) for name, key in names.items() if values[key] not in (None, "")}


def _is_hidden(label: str, hidden: frozenset[int]) -> bool:
    tag = re.search(r"\((\d+)\)", label)
    return (
        int(tag[1]) in hidden if tag else label == "Session" and not hidden.isdisjoint({SENDER_COMP_ID, TARGET_COMP_ID})
    )


def _origin(connection: Connection) -> str:
    known = {row.key: row.value for row in connection.execute(select(meta))}
    return ", ".join(f"{key} {known[key]}" for key in ("environment", "deployment", "instance") if known.get(key))
