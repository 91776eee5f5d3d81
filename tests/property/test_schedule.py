"""Schedules at any instant, in zones with all kinds of clock changes, against what they must mean."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.domain.schedule import Schedule, daily, instant, weekly

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
# Lord Howe changes by half an hour, Samoa left out a whole day in 2011, Troll changes by two hours.
ZONES = ("UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia", "Antarctica/Troll")

zones = st.sampled_from(ZONES)
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]), st.sampled_from([0, 1, 59]))
weekdays = st.frozensets(st.integers(0, 6), min_size=1)
dailies = st.builds(daily, zones, times, times, weekdays)
weeklies = st.builds(weekly, zones, times, times, st.integers(0, 6), st.integers(0, 6))
schedules = dailies | weeklies
FIRST, LAST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
walls = st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None))
instants = st.integers(int(FIRST.timestamp()) * SECOND, int(LAST.timestamp()) * SECOND)


@given(zones, walls, st.integers(0, 3 * 86_400))
def test_what_is_later_on_the_wall_is_not_earlier_in_fact(zone: str, wall: datetime, seconds: int) -> None:
    later = wall + timedelta(seconds=seconds)
    place = ZoneInfo(zone)
    assert instant(wall.date(), wall.time(), place) <= instant(later.date(), later.time(), place)


@given(schedules, instants)
def test_between_two_boundaries_nothing_changes_and_at_one_something_does(schedule: Schedule, now: int) -> None:
    boundary = schedule.next_boundary(now)
    assert now < boundary <= now + 15 * DAY
    for other in (boundary - 1, now + (boundary - now) // 2):
        assert schedule.period_at(other) == schedule.period_at(now)
        assert schedule.epoch_begin(other) == schedule.epoch_begin(now)
    assert schedule.period_at(boundary) != schedule.period_at(now)


@given(schedules, instants)
def test_an_epoch_begins_at_the_end_of_each_period_and_nowhere_else(schedule: Schedule, now: int) -> None:
    begin = schedule.epoch_begin(now)
    assert begin <= now
    assert schedule.epoch_begin(begin) == begin
    assert schedule.epoch_begin(begin - 1) < begin
    ended = schedule.period_at(begin - 1)
    assert ended is not None
    assert ended.end == begin
    period = schedule.period_at(now)
    if period is not None:
        assert begin <= period.start <= now < period.end
        assert schedule.epoch_begin(period.end) == period.end


@given(schedules, instants)
def test_periods_never_overlap(schedule: Schedule, now: int) -> None:
    periods = list(schedule._periods(now))
    assert all(earlier.end <= later.start for earlier, later in pairwise(periods))
    assert all(period.end - period.start <= 7 * DAY + 25 * 3600 * SECOND for period in periods)


@given(dailies, instants)
def test_a_session_within_a_day_is_open_when_the_wall_clock_says_so(schedule: Schedule, now: int) -> None:
    assume(schedule.days == 0)
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now // 1000)).astimezone(ZoneInfo(schedule.zone))
    # Around a change of the clocks the wall clock alone does not tell.
    offsets = {(local + timedelta(hours=h)).utcoffset() for h in (-30, 0, 30)}
    assume(len(offsets) == 1)
    wall = local.replace(tzinfo=None).time()
    expected = local.weekday() in schedule.start_days and schedule.start <= wall < schedule.end
    assert (schedule.period_at(now) is not None) == expected


@given(st.integers(0, 86_399), instants)
def test_a_session_around_the_clock_is_always_open_and_begins_anew_once_a_day(seconds: int, now: int) -> None:
    at = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    schedule = daily("UTC", at, at, frozenset(range(7)))
    period = schedule.period_at(now)
    assert period is not None
    assert period.start == schedule.epoch_begin(now) == (now - seconds * SECOND) // DAY * DAY + seconds * SECOND
    assert schedule.next_boundary(now) == period.end == period.start + DAY


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-06", 23), ("2026-03-07", 22), ("2026-03-08", 23), ("2026-10-31", 24), ("2026-11-01", 23)],
)
def test_a_night_session_is_as_long_as_the_wall_clock_makes_it(day: str, hours: int) -> None:
    """New York: clocks go forward on 8 March 2026 and back on 1 November 2026, both at 2 in the morning."""
    schedule = daily("America/New_York", time(17), time(16), frozenset(range(7)))
    start = instant(date.fromisoformat(day), time(17), ZoneInfo("America/New_York"))
    period = schedule.period_at(start)
    assert period is not None
    assert (period.start, (period.end - period.start) // (3600 * SECOND)) == (start, hours)


def test_a_week_from_sunday_evening_to_friday_afternoon() -> None:
    schedule = weekly("America/New_York", time(18), time(17), 6, 4)
    inside, closed = ns("2026-03-11T12:00:00-04:00"), ns("2026-03-14T12:00:00-04:00")
    assert schedule.period_at(inside) == (ns("2026-03-08T18:00:00-04:00"), ns("2026-03-13T17:00:00-04:00"))
    assert schedule.period_at(closed) is None
    assert schedule.epoch_begin(closed) == ns("2026-03-13T17:00:00-04:00")
    assert schedule.next_boundary(closed) == ns("2026-03-15T18:00:00-04:00")


def test_what_the_clocks_skip_or_show_twice() -> None:
    zone = ZoneInfo("America/New_York")
    assert instant(date(2026, 3, 8), time(2, 30), zone) == ns("2026-03-08T03:00:00-04:00")
    assert instant(date(2026, 11, 1), time(1, 30), zone) == ns("2026-11-01T01:30:00-04:00")
    skipped = daily("America/New_York", time(2, 15), time(2, 45), frozenset(range(7)))
    assert skipped.period_at(ns("2026-03-08T03:00:00-04:00")) is None
    apia = ZoneInfo("Pacific/Apia")  # there was no 30 December 2011
    assert instant(date(2011, 12, 30), time(12), apia) == ns("2011-12-31T00:00:00+14:00")
