"""The time that is looked at, and where it lies in tables that are numbered in time order."""

from typing import NamedTuple

from sqlalchemy import Column, Connection, func, select

_FOREVER = 1 << 62
SLACK = 600 * 1_000_000_000
"""Numbers are given in the order of commits, times when something came in: they are this far apart at most (ns)."""


class Window(NamedTuple):
    """since <= at < until, nanoseconds UTC."""

    since: int = 0
    until: int = _FOREVER

    def holds(self, at: int) -> bool:
        """Whether it is looked at."""
        return self.since <= at < self.until


def rows_of(
    connection: Connection, number: "Column[int]", at: "Column[int]", window: Window, slack: int = SLACK
) -> tuple[int, int]:
    """The first and the last number between which all rows of the window are, and few others; (1, 0): none."""
    low = connection.execute(select(func.min(number))).scalar()
    high = connection.execute(select(func.max(number))).scalar()
    if low is None or high is None:
        return 1, 0
    first = low if window.since == 0 else _first_at(connection, number, at, window.since - slack, low, high)
    last = high if window.until == _FOREVER else _first_at(connection, number, at, window.until + slack, low, high) - 1
    return first, last


def _first_at(
    connection: Connection, number: "Column[int]", at: "Column[int]", moment: int, low: int, high: int
) -> int:
    """The first number whose row is not before the moment; numbers may have gaps. Neither column needs an index."""
    high += 1
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(select(number, at).where(number >= middle).order_by(number).limit(1)).first()
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0] + 1
    return low
