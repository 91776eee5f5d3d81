"""Time as the engine sees it: integer nanoseconds UTC, handed in so that tests can set it."""

import time
from typing import Protocol

NANOSECONDS = 1_000_000_000
DAY = 86_400 * NANOSECONDS


class Clock(Protocol):
    """A source of the current time."""

    def now(self) -> int:
        """Nanoseconds UTC."""


class SystemClock:
    """The host's clock."""

    def now(self) -> int:
        """Nanoseconds UTC."""
        return time.time_ns()


def is_due(when: int, now: int, longest: int) -> bool:
    """Whether it is time for what was put off until `when`, by at most `longest` nanoseconds.

    What lies further ahead was put off by a clock that was set back since: it has waited long enough, too.
    """
    return when <= now or when > now + longest


def wait_for(when: int, now: int, longest: int) -> float:
    """Seconds until that is due."""
    return 0.0 if is_due(when, now, longest) else (when - now) / NANOSECONDS


def day_start(now: int, day_end_seconds: int) -> int:
    """When the trading day that holds `now` began; days end day_end_seconds after midnight UTC."""
    offset = day_end_seconds * NANOSECONDS
    return (now - offset) // DAY * DAY + offset


def day_close(now: int, day_end_seconds: int) -> int:
    """When the trading day that holds `now` ends."""
    return day_start(now, day_end_seconds) + DAY


def seconds_of_day(text: str) -> int:
    """HH:MM:SS after midnight."""
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return hours * 3600 + minutes * 60 + seconds
