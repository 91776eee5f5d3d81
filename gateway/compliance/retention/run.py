"""Archiving: a class of a day is written, read back and verified; then it is written down what goes, and it goes.

Every step can be the last one of a process that is killed. What the next run finds is either an unfinished directory,
which it makes anew; or a whole archive, of which nothing was deleted yet; or an entry that says what was to go, and an
archive that has it. It never deletes but for an entry, and never without verifying the archive in the same run.
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from gateway.compliance.audit.comparison import Finding
from gateway.compliance.audit.keys import SealingKey
from gateway.compliance.audit.seals import Reached
from gateway.compliance.retention.archive import (
    UNFINISHED,
    WireSegments,
    archive_name,
    read_records,
    sync_directory,
    write_archive,
)
from gateway.compliance.retention.check import Checked, check_archive
from gateway.compliance.retention.choose import Choice, Chosen, check_present
from gateway.compliance.retention.classes import WIRE_LOG
from gateway.compliance.retention.days import SealedDay
from gateway.compliance.retention.delete import Deleting
from gateway.compliance.retention.ledger import Entry, Gone, Stage, in_force, nothing_left, write_entry
from gateway.compliance.retention.wire_days import segments_of, wire_files
from gateway.errors import ConfigError
from gateway.store.dialects import one_moment
from gateway.wire.segments import segment_number

Step = Callable[[str], None]
"""Hears the name of each step that was taken: for tests, which kill the process there."""


class Archived(NamedTuple):
    """A class of a day that went. records: that were deleted, or segments of the wire log."""

    name: str
    day: str
    record_class: str
    records: int
    kept: int


class Who(NamedTuple):
    """Who has it done."""

    uid: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Archiving:
    """What a run needs. to: where archives go, the same directory each time."""

    database: Engine
    reading: Engine  # SQLite's writer would keep the gateway waiting for as long as it reads
    key: SealingKey
    keep_days: dict[str, int]
    to: Path
    wire_directory: Path
    who: Who
    now: Callable[[], int] = time.time_ns
    step: Step = lambda _name: None

    def run(self) -> Iterator[Archived]:
        """Archive and delete whatever is due, the oldest day first.

        Raises ConfigError, OSError, and SQLAlchemy's errors.
        """
        self.to.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(self.to):
            yield from self._run()

    def _run(self) -> Iterator[Archived]:
        for leftover in self.to.glob(".unpacked-*"):
            shutil.rmtree(leftover)
        choice, chosen = self._choose()
        for one in chosen:
            yield from self._records(choice, one)
        if WIRE_LOG in self.keep_days:
            for day in choice.due(WIRE_LOG):
                if choice.is_held(day):
                    break
                yield from self._wire(choice, day)

    def _choose(self) -> tuple[Choice, list[Chosen]]:
        """As of one moment, which is let go before anything is written: a long look would keep the database growing."""
        with one_moment(self.reading) as connection:
            before = in_force(connection, self.key.public)
            choice = Choice(connection, self.keep_days, self.now(), self.key.public)
            chosen = []
            for one in choice.choices(nothing_left(before.values())):
                entry = before.get((one.record_class, one.day.day))
                check_present(connection, one, entry)
                if one.goes.total() or (entry is not None and entry.stage is Stage.BEGUN):
                    chosen.append(one)
        return choice, chosen

    def _records(self, choice: Choice, chosen: Chosen) -> Iterator[Archived]:
        name = chosen.record_class
        checked = self._archive(chosen.day, name, None)
        path = self.to / archive_name(chosen.day, name)
        streams = {
            table: _gone(*chosen.day.ranges[table]).with_kept(read_records(path, table), keys)
            for table, keys in chosen.kept.items()
        }
        entry = self._entry(chosen.day, name, checked, Stage.BEGUN)._replace(streams=streams)
        deleting = Deleting(self.database, self.reading, choice.hold_number, self.step)
        deleting.write(lambda connection: write_entry(connection, self.key, entry))
        self.step("begun")
        records = sum(deleting.records(table, gone, chosen.kept[table]) for table, gone in streams.items())
        self.step("deleted")

        def end(connection: Connection) -> None:
            write_entry(connection, self.key, entry._replace(stage=Stage.DONE, at=self.now()))
            for table, gone in streams.items():
                deleting.digests(connection, table, gone)

        deleting.write(end)
        self.step("done")
        yield Archived(entry.name, entry.day, name, records, sum(gone.kept_count for gone in streams.values()))

    def _wire(self, choice: Choice, day: SealedDay) -> Iterator[Archived]:
        files = wire_files(self.wire_directory, day)
        begun = self._before(day, WIRE_LOG)
        if begun is not None and begun.wire is not None and begun.stage is Stage.BEGUN:
            files = [path for path in files if segment_number(path) <= begun.wire.segment]
            checked, wire = self._verified(self.to / begun.name, begun.manifest), begun.wire
        elif files and begun is None:
            segments = segments_of(self.wire_directory, files, day, choice.days[-1].wire)
            checked, wire = self._archive(day, WIRE_LOG, segments), segments.end
        else:
            return
        entry = self._entry(day, WIRE_LOG, checked, Stage.BEGUN)._replace(wire=wire)
        deleting = Deleting(self.database, self.reading, choice.hold_number, self.step)
        if begun is None:
            deleting.write(lambda connection: write_entry(connection, self.key, entry))
        self.step("begun")
        for path in files:  # the oldest first: what is left always follows from what went
            path.unlink()
            self.step("segment")
        sync_directory(self.wire_directory)
        self.step("deleted")
        done = entry._replace(stage=Stage.DONE, at=self.now())
        deleting.write(lambda connection: write_entry(connection, self.key, done))
        self.step("done")
        yield Archived(entry.name, entry.day, WIRE_LOG, len(files), 0)

    def _archive(self, day: SealedDay, record_class: str, wire: WireSegments | None) -> Checked:
        """The verified archive, written if it is not there."""
        path = self.to / archive_name(day, record_class)
        before = self._before(day, record_class)
        if before is not None:
            return self._verified(self.to / before.name, before.manifest)
        if not path.exists():
            part = path.with_name(path.name + UNFINISHED)
            shutil.rmtree(part, ignore_errors=True)  # of a run that did not finish it
            with one_moment(self.reading) as connection:
                write_archive(connection, part, day, record_class, self.key, wire)
            self.step("written")
            checked = self._verified(part, None)
            self.step("verified")
            part.rename(path)
            sync_directory(self.to)
            self.step("named")
            return checked
        checked = self._verified(path, None)
        if not _is_of(checked, day, wire):
            raise ConfigError(
                f"{path} has other records of that day, perhaps of another database; name another directory"
            )
        return checked

    def _verified(self, path: Path, manifest: str | None) -> Checked:
        if not path.is_dir():
            raise ConfigError(
                f"{path} is missing: this day was archived there, or to another directory; name that one, nothing "
                "is deleted without its archive"
            )
        findings: list[Finding] = []
        checked = check_archive(path, self.key.public, findings.append)
        if findings:
            raise ConfigError(f"{findings[0]}; nothing was deleted")
        if manifest is not None and checked.manifest != manifest:
            raise ConfigError(f"{path} is not the archive that was written then; nothing was deleted")
        return checked

    def _before(self, day: SealedDay, record_class: str) -> Entry | None:
        with self.reading.connect() as connection:
            return in_force(connection, self.key.public).get((record_class, day.day))

    def _entry(self, day: SealedDay, record_class: str, checked: Checked, stage: Stage) -> Entry:
        name = archive_name(day, record_class)
        return Entry(
            number=0,
            at=self.now(),
            day=day.day,
            record_class=record_class,
            stage=stage,
            name=name,
            manifest=checked.manifest,
            streams={},
            wire=None,
            who=self.who.name,
            uid=self.who.uid,
        )


def _is_of(checked: Checked, day: SealedDay, wire: WireSegments | None) -> bool:
    """Whether an archive that no entry names, as a run that was cut short leaves it, is of these very records."""
    if wire is not None:
        said = checked.fields["wire"] or {}
        return (said.get("record"), said.get("hash")) == (wire.end.record, wire.end.hash.hex())
    return all(
        (said["after"], said["last"], said["hash"]) == (before.last, now.last, now.hash.hex())
        for table, said in checked.fields["streams"].items()
        for before, now in [day.ranges.get(table, (Reached(), Reached()))]
    )


def _gone(before: Reached, now: Reached) -> Gone:
    return Gone(before.last, now.last, now.total, now.hash, now.total - before.total)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One run at a time. Raises ConfigError."""
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{directory}: another run archives there") from error
        yield
