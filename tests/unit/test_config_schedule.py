"""A session's schedule as the configuration has it: what it means, and what is refused."""

from datetime import time
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.config_schedule import ScheduleConfig
from gateway.domain.schedule import Schedule


def read(**given: Any) -> ScheduleConfig:
    return ScheduleConfig.model_validate({"time_zone": "UTC", "start": "08:00:00", "end": "17:00:00", **given})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Schedule("UTC", time(8), time(17), frozenset(range(7)), 0)),
        ({"end": "08:00:00"}, Schedule("UTC", time(8), time(8), frozenset(range(7)), 1)),
        ({"end": "07:59:59", "days": ["sun", "mon"]}, Schedule("UTC", time(8), time(7, 59, 59), frozenset({0, 6}), 1)),
        ({"start_day": "sun", "end_day": "fri"}, Schedule("UTC", time(8), time(17), frozenset({6}), 5)),
        ({"start_day": "mon", "end_day": "mon"}, Schedule("UTC", time(8), time(17), frozenset({0}), 0)),
        (
            {"start_day": "mon", "end_day": "mon", "end": "08:00:00"},
            Schedule("UTC", time(8), time(8), frozenset({0}), 7),
        ),
    ],
)
def test_what_it_means(given: dict[str, Any], expected: Schedule) -> None:
    assert read(**given).schedule() == expected


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"time_zone": "New York"}, "no such time zone; an IANA name is wanted"),
        ({"time_zone": "../UTC"}, "no such time zone"),
        ({"time_zone": ""}, "no such time zone"),
        ({"start": "8:00"}, "should match pattern"),
        ({"days": []}, "at least 1 item"),
        ({"days": ["sunday"]}, "'mon', 'tue'"),
        ({"start_day": "mon"}, "start_day and end_day belong together"),
        ({"start_day": "mon", "end_day": "fri", "days": ["mon"]}, "not both"),
    ],
)
def test_what_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        read(**given)
