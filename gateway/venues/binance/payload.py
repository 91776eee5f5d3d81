"""What every reader of the venue's JSON shares: one error, exact numbers."""

import re
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

import msgspec

from gateway.domain.money import parse_decimal, subtract
from gateway.domain.venue_reports import CloseReason

Raw = bytes | msgspec.Raw

_T = TypeVar("_T")
_SHOWN = 200
_LONGEST_NUMBER = 64
_WITH_EXPONENT = re.compile(r"-?\d{1,20}(?:\.\d{0,20})?[eE][+-]?\d{1,2}", re.ASCII)

_NS_PER_MS = 1_000_000
_MAX_MS = 1 << 43  # the year 2248: what lies beyond is no time in milliseconds

CLOSED_STATUS = {
    "FILLED": CloseReason.FILLED,
    "CANCELED": CloseReason.CANCELED,
    "EXPIRED": CloseReason.EXPIRED,
    "EXPIRED_IN_MATCH": CloseReason.EXPIRED,
    "REJECTED": CloseReason.REJECTED,
}
"""Order statuses that end an order."""

OPEN_STATUS = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", "PENDING_NEW"})


class PayloadError(ValueError):
    """The venue sent what nobody can read as what it should be. The text shows its beginning."""


def decode(decoder: "msgspec.json.Decoder[_T]", raw: Raw) -> _T:
    """Decode or raise PayloadError."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"{error}: {shown(bytes(raw))}") from None


def shown(raw: bytes) -> str:
    """The beginning of a payload, for a person to read."""
    return raw[:_SHOWN].decode("utf-8", "replace")


@lru_cache(maxsize=8192)
def number(text: str) -> Decimal:
    """An exact number without the venue's trailing zeros. Raises PayloadError.

    With an exponent (`0E-8`) a number is as exact as without, and no reason to lose a fill, though none is documented.
    Cached, since quantities and prices repeat; the cache is bounded and parse_decimal bounds the text.
    """
    if len(text) > _LONGEST_NUMBER:  # an error is not cached, so that nothing large is kept
        raise PayloadError(f"not a number: {text[:_LONGEST_NUMBER]}…")
    if "E" in text.upper() and _WITH_EXPONENT.fullmatch(text) is not None:
        text = format(Decimal(text), "f")
    trimmed = text.rstrip("0").rstrip(".") if "." in text else text
    try:
        return parse_decimal(trimmed or "0")
    except ValueError as error:
        raise PayloadError(str(error)) from None


def count_of(text: str) -> Decimal:
    """A quantity or price, which is never negative. Raises PayloadError."""
    value = number(text)
    if value < 0:
        raise PayloadError(f"negative where only zero or more makes sense: {text!r}")
    return value


def time_ns(ms: int) -> int:
    """The venue's milliseconds as nanoseconds UTC. Raises PayloadError."""
    if not 0 <= ms < _MAX_MS:
        raise PayloadError(f"not a time in milliseconds: {ms}")
    return ms * _NS_PER_MS


def traded_figure(text: str) -> Decimal:
    """A trade's quantity or price. Raises PayloadError."""
    value = number(text)
    if value <= 0:
        raise PayloadError(f"a trade's quantity or price must be above zero: {text!r}")
    return value


def less_prevented(qty: str, prevented: str) -> Decimal:
    """An order's quantity without what self-trade prevention took off it. Raises PayloadError."""
    left = subtract(count_of(qty), count_of(prevented))
    if left < 0:
        raise PayloadError(f"more was prevented ({prevented}) than was ordered ({qty})")
    return left
