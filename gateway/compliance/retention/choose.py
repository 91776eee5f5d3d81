"""Which records of which days would go: the configuration, the seals, what is needed and what is held, put together."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from gateway.compliance.audit.keys import PublicKey
from gateway.compliance.retention.classes import CLASSES, TABLES
from gateway.compliance.retention.days import SealedDay, sealed_days
from gateway.compliance.retention.holds import all_holds, last_number, resolved, standing
from gateway.compliance.retention.ledger import Entry, Stage
from gateway.compliance.retention.needs import SLACK, NeedsOfDays, facts_of, key_of
from gateway.compliance.retention.select import Hold, Needs, why_kept
from gateway.engine.clock import DAY
from gateway.errors import ConfigError


@dataclass(slots=True)
class Chosen:
    """A class of a day. goes: by table, how many records are there that may go. kept: by table, the keys of the others.

    reasons: why these stay, and how many each.
    """

    record_class: str
    day: SealedDay
    goes: Counter[str] = field(default_factory=Counter)
    kept: dict[str, frozenset[int]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)


class Choice:
    """What may go as of now. Reads alone, on a connection that sees one moment."""

    def __init__(self, connection: Connection, keep_days: Mapping[str, int], now: int, key: PublicKey | None) -> None:
        """keep_days: by class; one that is not named stays. key: whose seals count; None: they are not looked at.

        Raises ConfigError where a seal cannot be believed.
        """
        self._connection = connection
        self._keep, self._now = keep_days, now
        self.hold_number = last_number(connection)
        self._holds = standing(all_holds(connection))
        self.days = [day for day in sealed_days(connection, key) if day.is_closed]

    def due(self, record_class: str) -> list[SealedDay]:
        """The days of the class that are older than it is kept, oldest first."""
        return [day for day in self.days if self._is_due(record_class, day)]

    def _is_due(self, record_class: str, day: SealedDay) -> bool:
        return record_class in self._keep and day.until <= self._now - self._keep[record_class] * DAY

    def choices(self, over: Collection[tuple[str, str]] = ()) -> Iterator[Chosen]:
        """Each day and class that is due and has records, but for the wire log; oldest day first.

        over: classes and days to leave out, since nothing is left of them.
        """
        needed: NeedsOfDays | None = None
        for day in self.days:
            names = [
                name
                for name, tables in CLASSES.items()
                if self._is_due(name, day) and any(table in day.ranges for table in tables)
            ]
            if names := [name for name in names if (name, day.day) not in over]:
                needed = needed or NeedsOfDays(self._connection)
                needs = needed.before(day.until, self._sealed())
                holds = resolved(self._connection, self._holds, day.since - SLACK, day.until + SLACK)
                for name in names:
                    yield self._choose(name, day, needs, holds)

    def is_held(self, day: SealedDay) -> bool:
        """Whether anything of the day is."""
        return any(hold.since < day.until and day.since < hold.until for hold in self._holds)

    def _sealed(self) -> dict[str, int]:
        reached: dict[str, int] = {}
        for day in self.days:
            reached |= {name: now.last for name, (_, now) in day.ranges.items()}
        return {name: reached[name] for name in TABLES if name in reached}

    def _choose(self, name: str, day: SealedDay, needs: Needs, holds: list[Hold]) -> Chosen:
        chosen = Chosen(name, day)
        for table in CLASSES[name]:
            kept: list[int] = []
            before, now = day.ranges.get(table, (None, None))
            if before is None or now is None:
                continue
            for record in facts_of(self._connection, table, before.last, now.last):
                if (why := why_kept(record, needs, holds)) is None:
                    chosen.goes[table] += 1
                else:
                    kept.append(record.key)
                    chosen.reasons[why] += 1
            chosen.kept[table] = frozenset(kept)
        return chosen


def check_present(connection: Connection, chosen: Chosen, before: Entry | None) -> None:
    """That nothing is missing but what an entry says has gone. Raises ConfigError: it must not be taken for deleted."""
    for table, keys in chosen.kept.items():
        first, last = chosen.day.ranges[table]
        gone = before.streams.get(table) if before is not None else None
        there = chosen.goes[table] + len(keys)
        if before is None or gone is None:
            is_whole = there == last.total - first.total
        else:
            is_whole = _count(connection, table, [key for key, _ in gone.locators()]) == gone.kept_count
            is_whole = is_whole and (before.stage is Stage.BEGUN or there == gone.kept_count)
        if not is_whole:
            raise ConfigError(
                f"{chosen.day.day}: records of {table} are missing or were put in, so nothing is deleted; "
                "fixgw audit verify names them"
            )


def _count(connection: Connection, table: str, keys: list[int]) -> int:
    key, there = key_of(table), 0
    for first in range(0, len(keys), 500):
        query = select(func.count()).where(key.in_(keys[first : first + 500]))
        there += connection.execute(query).scalar_one()
    return there
