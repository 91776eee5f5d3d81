"""A span of time as it is asked for on the command line: a UTC day, or from one moment to another."""

from datetime import UTC, datetime, timedelta
from datetime import date as date_type
from typing import Annotated

import typer

from gateway.cli.exits import refuse
from gateway.compliance.derive.window import Window

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400 * 1_000_000_000  # ns

DateOption = Annotated[str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="One day, in UTC.")]
FromOption = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="From here on: 2026-01-31 or 2026-01-31T09:30, in UTC.")
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to here, exclusive; as --from.")]


def asked_window(date: str | None, since: str | None, until: str | None) -> Window:
    """What the options say; nothing said: everything. Ends the program with one line for what cannot be meant."""
    if date is not None and (since is not None or until is not None):
        refuse("give --date, or --from and --to, not both")
    all_time = Window()
    if date is not None:
        first = _begin(date, _ns(_day(date)))
        return Window(first, min(first + _DAY, all_time.until))
    window = Window(
        all_time.since if since is None else _begin(since, _ns(_moment(since))),
        all_time.until if until is None else min(_ns(_moment(until)), all_time.until),
    )
    if window.since >= window.until:
        refuse("--from must be before --to")
    return window


def _day(text: str) -> datetime:
    try:
        day = date_type.fromisoformat(text)
    except ValueError:
        refuse(f"not a day: {text!r}; write 2026-01-31")
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        refuse(f"not a time: {text!r}; write 2026-01-31 or 2026-01-31T09:30:00")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _begin(text: str, nanoseconds: int) -> int:
    """What is before all records begins with them; what is after the last that there can be is a typing error."""
    all_time = Window()
    if nanoseconds >= all_time.until:
        refuse(f"no record can be of {text}")
    return max(nanoseconds, all_time.since)


def _ns(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
