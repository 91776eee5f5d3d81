"""What a file of opened archives has: which days of which classes, and where each came from."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, insert, inspect, select

from gateway.compliance.derive.window import Window
from gateway.compliance.retention.classes import CLASSES, WIRE_LOG
from gateway.compliance.retention.ledger import day_of, day_since
from gateway.engine.clock import DAY
from gateway.store.database import ONLY_READ
from gateway.store.tables import meta

WHAT_IT_IS = "a file of archived days, made by fixgw retention open"

IN_A_FILE = tuple(name for name in CLASSES if name != WIRE_LOG)
"""The classes that a file can have."""

_metadata = MetaData()

# A row for each day and class that is in the file whole, also where there was nothing.
_days = Table(
    "opened_days",
    _metadata,
    Column("day", Text, primary_key=True),
    Column("record_class", Text, primary_key=True),
    Column("archive", Text, nullable=False),  # its name; empty: from the gateway's database
    Column("manifest", Text, nullable=False),  # SHA-256 of the archive's; empty: likewise
    Column("entry", BigInteger),  # of `archives`, which names the archive
    Column("records", BigInteger, nullable=False),
)


class OpenedDay(NamedTuple):
    """A class of a day. archive, manifest, entry: empty and None where it is from the gateway's database."""

    day: str
    record_class: str
    archive: str
    manifest: str
    entry: int | None
    records: int


def stamp(connection: Connection) -> None:
    """Make of a database that is being filled one that no gateway runs on."""
    _metadata.create_all(connection)
    connection.execute(insert(meta).values(key=ONLY_READ, value=WHAT_IT_IS))


def write_days(connection: Connection, days: Iterable[OpenedDay]) -> None:
    """Say what there is."""
    connection.execute(insert(_days), [day._asdict() for day in days])


def is_opened(connection: Connection) -> bool:
    """Whether this is such a file."""
    found = connection.execute(select(meta.c.value).where(meta.c.key == ONLY_READ)).scalar()
    return found == WHAT_IT_IS and inspect(connection).has_table(_days.name)


def opened_days(connection: Connection) -> list[OpenedDay]:
    """What there is, by day and class."""
    query = select(_days).order_by(_days.c.day, _days.c.record_class)
    return [OpenedDay(*row) for row in connection.execute(query)]


def whole_days(connection: Connection, classes: Iterable[str]) -> list[str]:
    """The days of which the file has all of these classes."""
    wanted = set(classes)
    there: dict[str, set[str]] = {}
    for one in opened_days(connection):
        there.setdefault(one.day, set()).add(one.record_class)
    return sorted(day for day, names in there.items() if wanted <= names)


def spans_of(connection: Connection, classes: Iterable[str]) -> list[Window]:
    """The days of which the file has all of these classes; those that follow one another are one span."""
    spans: list[Window] = []
    for day in whole_days(connection, classes):
        since = day_since(day)
        if spans and spans[-1].until == since:
            spans[-1] = Window(spans[-1].since, since + DAY)
        else:
            spans.append(Window(since, since + DAY))
    return spans


def has_ends(window: Window) -> bool:
    """Whether it begins and ends."""
    return window.since > Window().since and window.until < Window().until


def days_of(window: Window) -> list[str]:
    """The UTC days that a window with two ends touches."""
    return [day_of(at) for at in range(window.since // DAY * DAY, window.until, DAY)]


def lacking(connection: Connection, record_class: str, window: Window) -> list[str]:
    """The window's days of which the file does not have this class; of one without two ends those of other classes."""
    days = opened_days(connection)
    known, there = {one.day for one in days}, {one.day for one in days if one.record_class == record_class}
    asked = days_of(window) if has_ends(window) else [day for day in sorted(known) if _touches(day, window)]
    return [day for day in asked if day not in there]


def _touches(day: str, window: Window) -> bool:
    return day_since(day) < window.until and window.since < day_since(day) + DAY
