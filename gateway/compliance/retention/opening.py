"""Archived days, and what the database still has of them, made a file of their own that the reading commands take.

Each archive is verified first: its files' hashes, its signatures, its seals, which must be the database's own, and
the signed entry that names it. What the database has is held against the same seals. Orders, limits and sessions are
as the database has them now: other commands verify these.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Table, insert, select, union

from gateway.compliance.audit.comparison import Finding
from gateway.compliance.audit.keys import PublicKey
from gateway.compliance.audit.seals import Seal, stored_seals
from gateway.compliance.audit.streams import STREAMS
from gateway.compliance.derive.window import Window
from gateway.compliance.retention.archive import read_records
from gateway.compliance.retention.check import check_archive
from gateway.compliance.retention.classes import CLASSES
from gateway.compliance.retention.days import SealedDay, sealed_days
from gateway.compliance.retention.ledger import BadEntry, Entry, day_since, entries
from gateway.compliance.retention.opened import IN_A_FILE, OpenedDay, days_of, stamp, write_days
from gateway.compliance.retention.sealed_rows import from_archive, from_database, sealed_rows
from gateway.engine.clock import DAY
from gateway.errors import ConfigError
from gateway.store.dialects import one_moment
from gateway.store.new_file import new_file
from gateway.store.tables import executions, journal, limits, messages, meta, orders, reports, sessions

_ROWS_AT_ONCE = 2000
_ORDERS_AT_ONCE = 500
_OF_THE_DAY = (executions.name,)
"""Sealed tables that are never archived, of which the day's rows belong to its story."""


class Part(NamedTuple):
    """A class of a day. entry: of its archive; None: the database has it all."""

    day: SealedDay
    record_class: str
    entry: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What it needs. archives: the directory that they are in. told: hears of each part that is in the file."""

    reading: Engine
    key: PublicKey
    archives: Path
    into: Path
    told: Callable[[OpenedDay], None] = lambda _: None

    def run(self, windows: Sequence[Window], classes: Collection[str] = IN_A_FILE) -> list[OpenedDay]:
        """Make the file of the days that these windows touch; none given: of all days of which something is archived.

        Raises ConfigError, with the archive's or the day's name, OSError, and SQLAlchemy's errors; no file is left.
        """
        with one_moment(self.reading) as connection:
            days, parts = self._plan(connection, windows, classes)
            about = {row.key: row.value for row in connection.execute(select(meta))}
        for part in parts:
            if part.entry is not None:
                self._verify(part, part.entry)
        with new_file(self.into, f"{about['environment']} archive") as database:
            with database.begin() as connection:
                stamp(connection)
                connection.execute(meta.delete().where(meta.c.key.in_(("deployment", "instance"))))
                kept = [{"key": key, "value": about[key]} for key in ("deployment", "instance") if key in about]
                connection.execute(insert(meta), kept)
            done = [self._bring(database, part) for part in parts]
            there = {(one.day, one.record_class) for one in done}
            done += [
                OpenedDay(day, name, "", "", None, 0) for day in days for name in classes if (day, name) not in there
            ]
            self._bring_what_stays(database, parts)
            with database.begin() as connection:
                write_days(connection, done)
        return sorted(done)

    # --- which

    def _plan(
        self, connection: Connection, windows: Sequence[Window], classes: Collection[str]
    ) -> tuple[list[str], list[Part]]:
        """The days, and what there is of them."""
        archived: dict[tuple[str, str], Entry] = {}
        for entry in entries(connection, self.key):
            if isinstance(entry, BadEntry):
                raise ConfigError(f"archives {entry.number}: {entry.text}; fixgw audit verify says more")
            archived[entry.day, entry.record_class] = entry
        sealed = {day.day: day for day in sealed_days(connection, self.key) if day.is_closed}
        known = sorted({day for day, name in archived if name in classes})
        days = sorted(set(known) if not windows else {day for one in windows for day in _days(one, known)})
        if not known or not set(known) & set(days):
            raise ConfigError(
                "nothing of these days is archived; what there is of them is in the gateway's own database"
            )
        newest = max(sealed, default="none")
        if days[-1] > newest:
            raise ConfigError(f"{days[-1]} is not sealed to its end yet; the newest day that is: {newest}")
        if gone := sorted(set(known) & set(days) - sealed.keys()):
            raise ConfigError(f"the seals of {gone[0]} are missing; fixgw audit verify says more")
        return days, [
            Part(sealed[day], name, archived.get((day, name)))
            for day in days
            for name in IN_A_FILE
            if name in classes and day in sealed and any(table in sealed[day].ranges for table in CLASSES[name])
        ]

    def _verify(self, part: Part, entry: Entry) -> None:
        path = self.archives / entry.name
        if not path.is_dir():
            raise ConfigError(
                f"{path} is missing: entry {entry.number} of archives says that {part.record_class} of {entry.day} are "
                "in it; name the directory that has it, or leave this class out by naming the others with --only"
            )
        findings: list[Finding] = []
        checked = check_archive(path, self.key, findings.append)
        if findings:
            raise ConfigError(f"{findings[0]}; nothing was opened")
        if checked.manifest != entry.manifest:
            raise ConfigError(f"{path} is not the archive that entry {entry.number} of archives names")

    # --- into the file

    def _bring(self, database: Engine, part: Part) -> OpenedDay:
        count = sum(
            self._bring_table(database, part, name) for name in CLASSES[part.record_class] if name in part.day.ranges
        )
        day, entry = part.day.day, part.entry
        done = OpenedDay(day, part.record_class, "", "", None, count)
        if entry is not None:
            done = done._replace(archive=entry.name, manifest=entry.manifest, entry=entry.number)
        self.told(done)
        return done

    def _bring_table(self, database: Engine, part: Part, name: str) -> int:
        with one_moment(self.reading) as connection:
            seals = _seals_of(connection, part.day)
            if part.entry is None:
                source, where = from_database(connection, STREAMS[name]), f"the database, {part.day.day}"
            else:
                path = self.archives / part.entry.name
                source, where = from_archive(read_records(path, name)), f"archive {path.name}"
            return _insert(database, STREAMS[name].table, sealed_rows(name, part.day, seals, source, where))

    def _bring_what_stays(self, database: Engine, parts: Iterable[Part]) -> None:
        """What is never archived: executions of the days, orders that anything here is about, limits, sessions."""
        for day in {part.day.day: part.day for part in parts}.values():
            for name in _OF_THE_DAY:
                if name in day.ranges:
                    self._bring_table(database, Part(day, "", None), name)
        with one_moment(self.reading) as connection:
            for table in (limits, sessions):
                _insert(database, table, (row._asdict() for row in connection.execute(select(table))))
        with one_moment(database) as named:
            query = union(*(select(table.c.order_id) for table in (journal, messages, reports))).order_by("order_id")
            order_ids = named.execute(query.execution_options(yield_per=_ORDERS_AT_ONCE)).scalars()
            with one_moment(self.reading) as connection:
                _insert(database, orders, _orders(connection, order_ids))


def _days(window: Window, archived: Sequence[str]) -> list[str]:
    """The window's days; an end that is not said is where what is archived ends."""
    if not archived:
        return []
    since = max(window.since, day_since(archived[0])) if window.since == Window().since else window.since
    until = min(window.until, day_since(archived[-1]) + DAY) if window.until == Window().until else window.until
    return days_of(Window(since, until))


def _seals_of(connection: Connection, day: SealedDay) -> list[Seal]:
    return [seal for seal in stored_seals(connection) if day.first_seal <= seal.number <= day.last_seal]


def _orders(connection: Connection, order_ids: Iterator[str | None]) -> Iterator[dict[str, Any]]:
    while some := list(islice(order_ids, _ORDERS_AT_ONCE)):
        query = select(orders).where(orders.c.order_id.in_([one for one in some if one]))
        yield from (row._asdict() for row in connection.execute(query))


def _insert(database: Engine, table: Table, rows: Iterator[dict[str, Any]]) -> int:
    count = 0
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        with database.begin() as connection:
            connection.execute(insert(table), some)
        count += len(some)
    return count
