"""Single values of a client's message: validated, bounded and exact, or refused with tag, value and what is allowed."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache

from gateway.domain.money import parse_decimal
from gateway.domain.values import OrdRejReason
from gateway.fix.safe_text import shown
from gateway.wire.field_names import NAMES

Values = Mapping[int, str]

MAX_ID = 64
MAX_SYMBOL = 32

_SYMBOL = re.compile(rf"[A-Z0-9._/-]{{1,{MAX_SYMBOL}}}", re.ASCII)
_TIMESTAMP = re.compile(r"(\d{4})(\d\d)(\d\d)-([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d{1,9}))?", re.ASCII)
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)

_EPOCH = date(1970, 1, 1).toordinal()
_LAST_YEAR = 2261  # nanoseconds since 1970 leave 63 bits in 2262
_NS = 1_000_000_000
_DAY_NS = 86_400 * _NS


class FieldRefused(Exception):  # noqa: N818 - it is an answer to a client, not a failure of ours
    """A field that cannot be accepted. `missing`: it is not there at all."""

    def __init__(
        self, tag: int, text: str, reason: OrdRejReason = OrdRejReason.OTHER, *, missing: bool = False
    ) -> None:
        super().__init__(text)
        self.tag = tag
        self.text = text
        self.reason = reason
        self.missing = missing


def label(tag: int) -> str:
    """A field as messages name it: `Price(44)`; the number alone for one that has no name here."""
    name = NAMES.get(tag)
    return f"{name}({tag})" if name else f"tag {tag}"


def client_id(values: Values, tag: int) -> str:
    """An id of the client's, "" where absent: at most 64 printable ASCII characters, `=` and blanks among them."""
    value = values.get(tag, "")
    if len(value) <= MAX_ID and value.isascii() and value.isprintable():
        return value
    allowed = f"1 to {MAX_ID} printable ASCII characters"
    raise FieldRefused(tag, f"{label(tag)}='{shown(value)}' has {len(value)} characters; allowed: {allowed}")


def required_id(values: Values, tag: int) -> str:
    """As client_id, and it must be there."""
    value = client_id(values, tag)
    if not value:
        raise FieldRefused(tag, f"{label(tag)} is missing", missing=True)
    return value


def symbol(values: Values, tag: int) -> str:
    """Symbol(55) as given: at most 32 of A-Z 0-9 . _ / -"""
    value = values.get(tag, "")
    if _SYMBOL.fullmatch(value) is None:
        text = f"UNKNOWN_SYMBOL symbol='{shown(value)}' allowed: 1 to {MAX_SYMBOL} of A-Z 0-9 . _ / -"
        raise FieldRefused(tag, text, OrdRejReason.UNKNOWN_SYMBOL)
    return value


def number(values: Values, tag: int) -> Decimal | None:
    """A Price or Qty, exact; None where absent."""
    value = values.get(tag)
    if value is None:
        return None
    try:
        return parse_decimal(value)
    except ValueError:
        allowed = "allowed: digits and a point, at most 20 before and after it"
        text = f"{label(tag)}='{shown(value)}' is not a decimal number; {allowed}"
        raise FieldRefused(tag, text, OrdRejReason.OTHER) from None


def is_yes(values: Values, tag: int) -> bool:
    """A Boolean that is Y. Anything else is N, its default."""
    return values.get(tag) == "Y"


def timestamp(value: str, tag: int) -> int:
    """A UTCTimestamp as nanoseconds since 1970, with up to nine decimals of a second.

    A leap second (:60) is the next minute's start. Raises FieldRefused for what is no time between 1970 and 2261.
    """
    match = _TIMESTAMP.fullmatch(value)
    days = _days(match[1], match[2], match[3]) if match is not None else None
    if match is None or days is None:
        raise FieldRefused(
            tag, f"{label(tag)}='{shown(value)}' is not a time; allowed: YYYYMMDD-HH:MM:SS[.sss] UTC, to {_LAST_YEAR}"
        )
    seconds = int(match[4]) * 3600 + int(match[5]) * 60 + int(match[6])
    return days * _DAY_NS + seconds * _NS + int((match[7] or "0").ljust(9, "0"))


def end_of_day(value: str, tag: int) -> int:
    """A LocalMktDate's end, the following midnight UTC (the market's own day is UTC), in nanoseconds since 1970."""
    match = _DATE.fullmatch(value)
    days = _days(match[1], match[2], match[3]) if match is not None else None
    if days is None:
        raise FieldRefused(tag, f"{label(tag)}='{shown(value)}' is not a date; allowed: YYYYMMDD, 1970 to {_LAST_YEAR}")
    return (days + 1) * _DAY_NS


@lru_cache(maxsize=64)
def _days(year: str, month: str, day: str) -> int | None:
    if not 1970 <= int(year) <= _LAST_YEAR:
        return None
    try:
        return date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:
        return None
