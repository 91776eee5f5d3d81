"""Limits as people write them, turned into values. Each function raises BadLimitError saying what is allowed."""

import re
from decimal import Decimal
from typing import NamedTuple

from gateway.domain.money import ZERO, multiply, parse_decimal, text_of
from gateway.domain.risk.limit import BadLimitError

_HUNDREDTH = Decimal("0.01")
_SECOND = 1_000_000_000
_UNITS = {"ms": _SECOND // 1000, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND}
_WINDOW = re.compile(r"(\d{1,6})(ms|s|m|h)", re.ASCII)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)


class Rate(NamedTuple):
    """So many in so long. window: nanoseconds."""

    times: int
    window: int

    def __str__(self) -> str:
        return f"{self.times}/{window_text(self.window)}"


def amount(text: str) -> Decimal:
    """A number above zero."""
    try:
        value = parse_decimal(text)
    except ValueError as error:
        raise BadLimitError(str(error)) from None
    if value <= ZERO:
        raise BadLimitError(f"{text} is not above zero")
    return value


def count(text: str) -> int:
    """A whole number, zero included."""
    if _COUNT.fullmatch(text) is None:
        raise BadLimitError(f"{text!r} is not a whole number below a billion")
    return int(text)


def window(text: str) -> int:
    """A time in nanoseconds: 500ms, 2s, 5m, 1h."""
    found = _WINDOW.fullmatch(text)
    if found is None or not int(found[1]):
        raise BadLimitError(f"{text!r} is not a time such as 500ms, 2s, 5m or 1h")
    return int(found[1]) * _UNITS[found[2]]


def window_text(nanoseconds: int) -> str:
    """The time in the largest unit that holds it exactly."""
    unit, length = next((u, n) for u, n in reversed(_UNITS.items()) if nanoseconds % n == 0)
    return f"{nanoseconds // length}{unit}"


def rate(text: str) -> Rate:
    """So many in a time: 20/1s."""
    number, slash, length = text.partition("/")
    if not slash or not count(number):
        raise BadLimitError(f"{text!r} is not a number in a time such as 20/1s")
    return Rate(count(number), window(length))


def flag(text: str) -> bool:
    """`yes`, and nothing else: what is not wanted is left out or removed."""
    if text != "yes":
        raise BadLimitError(f"{text!r} is not yes (to lift it, remove the limit)")
    return True


def part_of_amount(value: Decimal, percent: int) -> Decimal:
    """So many percent of it."""
    return multiply(value, multiply(Decimal(percent), _HUNDREDTH))


def part_of_count(value: int, percent: int) -> Decimal:
    """So many percent of it."""
    return part_of_amount(Decimal(value), percent)


def shown(value: object) -> str:
    """A limit's value as denials show it."""
    return text_of(value) if isinstance(value, Decimal) else str(value)
