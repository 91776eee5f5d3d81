"""SendingTime(52) of a Logon against our clock."""

import re
from datetime import UTC, datetime

from gateway.engine.clock import NANOSECONDS

_TIME = re.compile(r"(\d{8}-\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_ALLOWED_S = 120
"""QuickFIX, whose own limit this is, hangs up on a Logon beyond it and says nothing, to nobody (*measured*)."""


def nanoseconds(text: str) -> int | None:
    """UTC nanoseconds of a UTCTimestamp, None if it is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        second = datetime.strptime(found[1], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(second.timestamp()) * NANOSECONDS + int((found[2] or "").ljust(9, "0"))


def off_by(text: str, now: int) -> str:
    """Why the session engine may have hung up on a Logon of this SendingTime(52); empty where that is not why."""
    sent_at = nanoseconds(text)
    seconds = 0 if sent_at is None else (now - sent_at) // NANOSECONDS
    if abs(seconds) <= _ALLOWED_S:
        return ""
    side = "behind" if seconds > 0 else "ahead of"
    return f": its SendingTime(52) is {abs(seconds)} s {side} our clock, and {_ALLOWED_S} s are taken"
