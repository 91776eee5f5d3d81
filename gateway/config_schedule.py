"""When a FIX session is open, as the configuration says it."""

from datetime import time
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from gateway.config_section import Section
from gateway.domain.schedule import Schedule, daily, weekly

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$")]

_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class ScheduleConfig(Section):
    """start, end: HH:MM:SS by the clocks of time_zone (an IANA name); equal ones: around the clock.

    days: on which it opens; every day when left out. start_day and end_day instead: one period a week.
    At each end the client is logged out and both sequence numbers begin at 1.
    """

    time_zone: str
    start: TimeOfDay
    end: TimeOfDay
    days: Annotated[tuple[Weekday, ...], Field(min_length=1)] | None = None
    start_day: Weekday | None = None
    end_day: Weekday | None = None

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (LookupError, ValueError, OSError):
            raise ValueError("no such time zone; an IANA name is wanted, such as America/New_York or UTC") from None
        return value

    @model_validator(mode="after")
    def _daily_or_weekly(self) -> Self:
        if (self.start_day is None) != (self.end_day is None):
            raise ValueError("start_day and end_day belong together")
        if self.start_day is not None and self.days is not None:
            raise ValueError("give days, or start_day and end_day, not both")
        return self

    def schedule(self) -> Schedule:
        """What the engine goes by."""
        start, end = time.fromisoformat(self.start), time.fromisoformat(self.end)
        if self.start_day is not None and self.end_day is not None:
            return weekly(self.time_zone, start, end, _WEEKDAYS.index(self.start_day), _WEEKDAYS.index(self.end_day))
        days = frozenset(_WEEKDAYS.index(day) for day in self.days or _WEEKDAYS)
        return daily(self.time_zone, start, end, days)
