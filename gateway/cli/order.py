"""fixgw order: one order's story."""

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gateway.cli.database import DEFAULT_CONFIG, EXIT_UNUSABLE, ConfigOption, reading
from gateway.cli.orders import order_object, orders_table
from gateway.cli.story import Entry, entries
from gateway.cli.tables import console
from gateway.cli.times import duration, local_date_time, local_time_exact, utc_text
from gateway.store.queries import OrderStory, find_order_ids, order_story


def order(
    order_id: Annotated[str, typer.Argument(metavar="ID", help="OrderID(37), or ClOrdID(11) of it or a request.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, times in UTC.")] = False,
) -> None:
    r"""Tell one order's story in time order: FIX in and out, decisions with their figures, events, venue calls.

    \b
    fixgw order O4
    fixgw order 0131093000-a1b2-1
    fixgw order O4 --json
    """
    with reading(config) as connection:
        found = find_order_ids(connection, order_id)
        story = order_story(connection, found[0]) if found else None
    if story is None:
        typer.echo(f"no order has the OrderID or ClOrdID {order_id!r}; fixgw orders lists them", err=True)
        raise typer.Exit(EXIT_UNUSABLE)
    if as_json:
        typer.echo(json.dumps(_object(story)))
        return
    screen = console()
    if len(found) > 1:
        screen.print(f"{order_id} was used more than once; this is the newest, also: {', '.join(found[1:])}")
    screen.print(orders_table([story.order], screen.width))
    screen.print(f"\nreceived {local_date_time(story.order.received_at)}, times are local, + since the line before\n")
    screen.print(_table(entries(story)))


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
        previous = entry.at
    return table


def _object(story: OrderStory) -> dict[str, object]:
    told = []
    previous: int | None = None
    for entry in entries(story):
        since = None if previous is None else (entry.at - previous) // 1000
        told.append({"at": utc_text(entry.at), "since_previous_us": since, "kind": entry.kind, **entry.details})
        previous = entry.at
    return {"order": order_object(story.order), "story": told}
