"""A span of time as it is asked for on the command line: a UTC day, or from one moment to another."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from gateway.cli.exits import refuse
from gateway.compliance.derive.window import Window

DateOption = Annotated[str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="One day, in UTC.")]
FromOption = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="From here on: 2026-01-31 or 2026-01-31T09:30, in UTC.")
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to here, exclusive; as --from.")]


def asked_window(date: str | None, since: str | None, until: str | None) -> Window:
    """What the options say; nothing said: everything. Ends the program with one line for what cannot be meant."""
    if date is not None and (since is not None or until is not None):
        refuse("give --date, or --from and --to, not both")
    if date is not None:
        day = _moment(date)
        return Window(_ns(day), _ns(day + timedelta(days=1)))
    all_time = Window()
    window = Window(
        all_time.since if since is None else _ns(_moment(since)),
        all_time.until if until is None else _ns(_moment(until)),
    )
    if window.since >= window.until:
        refuse("--from must be before --to")
    return window


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        refuse(f"not a time: {text!r}; write 2026-01-31 or 2026-01-31T09:30:00")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
