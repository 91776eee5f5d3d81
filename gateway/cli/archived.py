"""What a database does not have, since it was archived, or since a file of opened archives has some days alone:
commands say so rather than show less.
"""

from collections.abc import Collection

import typer
from sqlalchemy import Connection, exists, select

from gateway.cli.exits import refuse
from gateway.compliance.derive.window import Window
from gateway.compliance.retention.ledger import archived_days, day_of, day_since
from gateway.compliance.retention.opened import has_ends, is_opened, lacking, spans_of, whole_days
from gateway.domain.events import OrderReceived
from gateway.domain.wording import counted
from gateway.engine.clock import DAY
from gateway.store.queries import OrderStory
from gateway.store.tables import journal, orders


def refuse_archived(connection: Connection, classes: Collection[str], window: Window, what: str) -> None:
    """End the program with one line where days of the window lack records of these classes. what: would lack them."""
    for name in sorted(classes):
        if is_opened(connection):
            if days := lacking(connection, name, window):
                refuse(f"{name} {_span(days)} are not in this file, and {what} would lack them; choose other days")
        elif days := _in(archived_days(connection).get(name, []), window):
            refuse(
                f"{name} {_span(days)} are archived, and {what} would lack them; choose other days, or make a file "
                "that has them: fixgw retention open"
            )


def refuse_begun_before(connection: Connection, window: Window, what: str) -> None:
    """Likewise where orders of the window began on days that a file of opened archives does not have."""
    if not is_opened(connection):
        return
    spans = spans_of(connection, ("orders",))
    query = select(orders).where(orders.c.received_at < window.until, orders.c.updated_at >= window.since)
    told = query.where(exists().where(journal.c.order_id == orders.c.order_id)).order_by(orders.c.received_at)
    begun = [
        row.order_id
        for row in connection.execute(told)
        if not any(s.since <= row.received_at and min(row.updated_at, window.until - 1) < s.until for s in spans)
    ]
    if begun:
        some = ", ".join(begun[:5]) + (" …" if len(begun) > 5 else "")
        refuse(
            f"this file does not have all days of {counted(len(begun), 'order')} ({some}), and {what} would lack them; "
            "open these days too"
        )


def say_archived(connection: Connection, record_class: str, window: Window) -> None:
    """A line beside the output where days of the window are archived."""
    if is_opened(connection):
        _say_opened(connection, record_class, window)
        return
    days = _in(archived_days(connection).get(record_class, []), window)
    if days:
        there = "fixgw retention open makes a file that has them"
        typer.echo(f"{record_class} {_span(days)} are archived, and not shown: {there}", err=True)


def _say_opened(connection: Connection, record_class: str, window: Window) -> None:
    if has_ends(window):
        if days := lacking(connection, record_class, window):
            typer.echo(f"{record_class} {_span(days)} are not in this file, and not shown", err=True)
    else:
        days = whole_days(connection, [record_class])
        typer.echo(f"this file has {record_class} {_span(days) if days else 'of no day'}, and no others", err=True)


PARTS = ("orders", "messages", "decisions", "venue_traffic")
"""The classes of records that tell of an order."""


def may_lack(connection: Connection) -> bool:
    """Whether there are orders of which other records are not here."""
    return is_opened(connection) or bool(archived_days(connection))


def missing_of(connection: Connection, story: OrderStory, wanted: Collection[str] = PARTS) -> str:
    """Which parts of an order's story are archived, or not in this file, as a sentence; empty: none is.

    In the gateway's database an order that is in use keeps all its records, and what ended keeps none, so a part is
    there or it is not.
    """
    window = Window(story.order.received_at // DAY * DAY, story.order.updated_at + 1)
    if is_opened(connection):
        spans = {name: _span(days) for name in wanted if (days := lacking(connection, name, window))}
        if len(spans) == len(PARTS) and len(set(spans.values())) == 1:
            told = f"this order's story goes from {day_of(window.since)} to {day_of(window.until)}"
            return f"Not in this file: records {next(iter(spans.values()))}; {told}."
        return f"Not in this file: {_listed(spans)}." if spans else ""
    parts = {
        "orders": [event for _, event in story.events if isinstance(event, OrderReceived)],
        "messages": story.messages,
        "decisions": story.decisions,
        "venue_traffic": story.venue_calls,
    }
    archived = archived_days(connection)
    missing = {
        name: _span(days)
        for name, part in parts.items()
        if name in wanted and not part and (days := _in(archived.get(name, []), window))
    }
    if not missing:
        return ""
    return f"Archived, and not shown here: {_listed(missing)}; fixgw retention open makes a file that has them."


def _listed(spans: dict[str, str]) -> str:
    return ", ".join(f"{name} {span}" for name, span in spans.items())


def _in(days: Collection[str], window: Window) -> list[str]:
    return [day for day in days if day_since(day) < window.until and window.since < day_since(day) + DAY]


def _span(days: list[str]) -> str:
    return f"of {days[0]}" if len(days) == 1 else f"of {len(days)} days from {days[0]} to {days[-1]}"
