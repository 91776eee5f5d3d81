"""When a FIX session is open: from a time of day to a time of day, in a time zone, on days of the week. Pure.

Times of day are the zone's wall clock, so a session that crosses a change of the clocks is an hour shorter or longer.
A time that the clocks skip is the moment at which they jump; of one that comes twice the first is meant. So what is
later on the wall is never earlier in fact, and periods never overlap.

The numbers of a session belong to an epoch. One begins at each end of a period, so that what happens while the session
is closed waits for the next period, under its numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

_SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_AROUND = 16
"""A period starts at least once a week and lasts a week at most; and one can vanish where the clocks jump."""


class Period(NamedTuple):
    """From start, included, to end, excluded: nanoseconds UTC."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """zone: the IANA name. start_days: the weekdays on which it opens, Monday is 0.

    days: how many days after its start's date a period ends, 0 to 7. Where that is more than 1, or periods would
    overlap, there must be one start day alone.
    """

    zone: str
    start: time
    end: time
    start_days: frozenset[int] = frozenset(range(7))
    days: int = 0

    def period_at(self, now: int) -> Period | None:
        """The period that holds this instant; None while the session is closed."""
        return next((p for p in self._periods(now) if p.start <= now < p.end), None)

    def next_boundary(self, now: int) -> int:
        """The first instant after this one at which a period starts or ends."""
        return min(instant for period in self._periods(now) for instant in period if instant > now)

    def epoch_begin(self, now: int) -> int:
        """The last end of a period up to this instant: numbers that are older belong to an epoch that is over."""
        return max(period.end for period in self._periods(now) if period.end <= now)

    def _periods(self, now: int) -> Iterator[Period]:
        """Those around the instant, in order, without the empty ones."""
        zone = ZoneInfo(self.zone)
        today = (_EPOCH + timedelta(seconds=now // _SECOND)).astimezone(zone).date()
        for offset in range(-_DAYS_AROUND, _DAYS_AROUND + 1):
            day = today + timedelta(days=offset)
            if day.weekday() in self.start_days:
                period = Period(instant(day, self.start, zone), instant(day + timedelta(self.days), self.end, zone))
                if period.start < period.end:
                    yield period


def daily(zone: str, start: time, end: time, start_days: frozenset[int]) -> Schedule:
    """One period a day; it ends on the next where its end is not after its start."""
    return Schedule(zone, start, end, start_days, 0 if end > start else 1)


def weekly(zone: str, start: time, end: time, start_day: int, end_day: int) -> Schedule:
    """One period a week, up to a whole one."""
    days = (end_day - start_day) % 7
    return Schedule(zone, start, end, frozenset({start_day}), days if days or end > start else 7)


def instant(day: date, at: time, zone: ZoneInfo) -> int:
    """When the zone's wall clock first shows this, or jumps over it; nanoseconds UTC."""
    wall = datetime.combine(day, at)
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != wall:
        moment = _jump(wall, zone)
    return (moment - _EPOCH) // timedelta(seconds=1) * _SECOND


def _jump(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the clocks jump over this time."""
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)  # by the offset of after the jump: too early
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after
