"""What a log line says of the message on it: when, and which way it went.

Engines write a time in front (QuickFIX C++, J, n: `20260131-17:40:34.123 : `, go: `2026/01/31 17:40:34.123456 `), in
UTC unless it names an offset. Few write the direction.
"""

import re
from calendar import timegm
from functools import lru_cache
from typing import Literal

Direction = Literal["in", "out"]

_TIME = re.compile(
    rb"(\d{4})[-/]?(\d\d)[-/]?(\d\d)[-T ]+(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(?:Z|([+-])(\d\d):?(\d\d)(?!\d))?"
)
_SECONDS_BYTES = 17  # of a FIX timestamp: 20260131-17:40:34
_IN = re.compile(rb"\b(?:incoming|inbound|received|receiving|recv|rcvd|in)\b|<[-=<]*\s*$", re.IGNORECASE)
_OUT = re.compile(rb"\b(?:outgoing|outbound|sent|sending|send|out)\b|[-=>]*>\s*$", re.IGNORECASE)
_NS = 1_000_000_000
_LATEST_YEAR = 2261  # nanoseconds beyond it do not fit 64 bits


def line_time(before: bytes) -> int | None:
    """Nanoseconds UTC of the first time in the text before a message; None where there is none."""
    match = _TIME.search(before)
    if match is None:
        return None
    seconds = _seconds(b"%b%b%b-%b:%b:%b" % match.group(1, 2, 3, 4, 5, 6))
    if seconds is None:
        return None
    if match[8]:
        offset = int(match[9]) * 3600 + int(match[10]) * 60
        seconds += -offset if match[8] == b"+" else offset
    return seconds * _NS + _fraction(match[7] or b"")


def fix_time(value: str) -> int | None:
    """Nanoseconds UTC of a UTCTimestamp such as SendingTime(52); None for what is none."""
    text = value.encode("utf-8", "replace")
    seconds = _seconds(text[:_SECONDS_BYTES])
    fraction = text[_SECONDS_BYTES + 1 :]
    if seconds is None or not fraction:
        return None if seconds is None or len(text) > _SECONDS_BYTES else seconds * _NS
    if text[_SECONDS_BYTES : _SECONDS_BYTES + 1] != b"." or not fraction.isdigit():
        return None
    return seconds * _NS + _fraction(fraction)


def line_direction(before: bytes) -> Direction | None:
    """Which way the text before a message says that it went, as the log's owner sees it."""
    is_in, is_out = _IN.search(before) is not None, _OUT.search(before) is not None
    if is_in == is_out:
        return None
    return "in" if is_in else "out"


@lru_cache(maxsize=1024)
def _seconds(text: bytes) -> int | None:
    """Of `20260131-17:40:34`."""
    if len(text) != _SECONDS_BYTES or text[8:9] != b"-" or text[11:12] + text[14:15] != b"::":
        return None
    parts = text[:4], text[4:6], text[6:8], text[9:11], text[12:14], text[15:17]
    if not all(part.isdigit() for part in parts):
        return None
    year, month, day, hour, minute, second = map(int, parts)
    if not (1970 <= year <= _LATEST_YEAR and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    if not (hour <= 23 and minute <= 59 and second <= 60):  # 60: a leap second
        return None
    return timegm((year, month, day, hour, minute, second))


def _fraction(digits: bytes) -> int:
    return int(digits[:9].ljust(9, b"0")) if digits else 0
