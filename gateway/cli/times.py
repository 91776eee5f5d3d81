"""Times as people read them. Everything stored is nanoseconds UTC; what is printed is local time."""

from datetime import UTC, datetime


def local_time(nanoseconds: int) -> str:
    """`17:40:34.123`."""
    return f"{_local(nanoseconds):%H:%M:%S}.{nanoseconds // 1_000_000 % 1000:03d}"


def local_time_exact(nanoseconds: int) -> str:
    """`17:40:34.123456`."""
    return f"{_local(nanoseconds):%H:%M:%S}.{nanoseconds // 1000 % 1_000_000:06d}"


def local_date_time(nanoseconds: int | None) -> str:
    """`2026-01-31 17:40:34`, "never" for None."""
    return "never" if nanoseconds is None else f"{_local(nanoseconds):%Y-%m-%d %H:%M:%S}"


def local_date_time_exact(nanoseconds: int) -> str:
    """`2026-01-31 17:40:34.123456`."""
    return f"{_local(nanoseconds):%Y-%m-%d} {local_time_exact(nanoseconds)}"


def utc_text(nanoseconds: int | None) -> str | None:
    """`2026-01-31T17:40:34.123456789Z`, for programs."""
    if nanoseconds is None:
        return None
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 1_000_000_000:09d}Z"


def duration(nanoseconds: int) -> str:
    """`0.4 ms`, `120 ms`, `3.2 s`."""
    milliseconds = nanoseconds / 1_000_000
    if milliseconds < 100:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else f"{milliseconds / 1000:.1f} s"


def _local(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).astimezone()
