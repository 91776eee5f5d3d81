"""What is not in the database any more since it was archived: commands say so rather than show less."""

from collections.abc import Collection

import typer
from sqlalchemy import Connection

from gateway.cli.exits import refuse
from gateway.compliance.derive.window import Window
from gateway.compliance.retention.ledger import archived_days, day_since
from gateway.domain.events import OrderReceived
from gateway.engine.clock import DAY
from gateway.store.queries import OrderStory


def refuse_archived(connection: Connection, classes: Collection[str], window: Window, what: str) -> None:
    """End the program with one line where days of the window lack records of these classes. what: would lack them."""
    archived = {name: _in(days, window) for name, days in archived_days(connection).items() if name in classes}
    for name, days in sorted(archived.items()):
        if days:
            refuse(f"{name} {_span(days)} are archived, and {what} would lack them; choose other days")


def say_archived(connection: Connection, record_class: str, window: Window) -> None:
    """A line beside the output where days of the window are archived."""
    days = _in(archived_days(connection).get(record_class, []), window)
    if days:
        typer.echo(f"{record_class} {_span(days)} are archived, and not shown: see fixgw retention show", err=True)


PARTS = ("orders", "messages", "decisions", "venue_traffic")
"""The classes of records that tell of an order."""


def missing_of(connection: Connection, story: OrderStory, wanted: Collection[str] = PARTS) -> str:
    """Which parts of an order's story are archived, as a sentence; empty: none is.

    An order that is in use keeps all its records, and what ended keeps none, so a part is there or it is not.
    """
    window = Window(story.order.received_at // DAY * DAY, story.order.updated_at + 1)
    parts = {
        "orders": [event for _, event in story.events if isinstance(event, OrderReceived)],
        "messages": story.messages,
        "decisions": story.decisions,
        "venue_traffic": story.venue_calls,
    }
    archived = archived_days(connection)
    missing = [
        f"{name} {_span(days)}"
        for name, part in parts.items()
        if name in wanted and not part and (days := _in(archived.get(name, []), window))
    ]
    return f"Archived, and not shown here: {', '.join(missing)}." if missing else ""


def _in(days: Collection[str], window: Window) -> list[str]:
    return [day for day in days if day_since(day) < window.until and window.since < day_since(day) + DAY]


def _span(days: list[str]) -> str:
    return f"of {days[0]}" if len(days) == 1 else f"of {len(days)} days from {days[0]} to {days[-1]}"
