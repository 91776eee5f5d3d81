"""A FIX message as a value, and the way to and from bytes.

Text is UTF-8 with surrogateescape, so that any byte the other side sends survives a round trip through str.
"""

import time
from collections.abc import Sequence
from decimal import Decimal

import simplefix

from gateway.wire.raw import split_leniently, to_text
from gateway.wire.readable import readable

Value = str | bytes | int | Decimal
Fields = Sequence[tuple[int, Value]]

# Standard header fields (FIX 4.4, "Standard Message Header"): engines refuse them after the first body field.
_HEADER_TAGS = frozenset({34, 43, 49, 50, 52, 56, 57, 97, 115, 116, 122, 128, 129, 142, 143, 144, 145, 347, 369, 1128})


class FixMessage:
    """One message as it was on the wire. Decoded on first use.

    raw: its bytes. at: when it was received or sent, nanoseconds UTC.
    """

    __slots__ = ("_fields", "at", "raw")

    def __init__(self, raw: bytes, at: int | None = None) -> None:
        self.raw = raw
        self.at = time.time_ns() if at is None else at
        self._fields: list[tuple[int, str]] | None = None

    @property
    def fields(self) -> list[tuple[int, str]]:
        """All fields in their order on the wire. A piece without a numeric tag appears whole under tag 0."""
        if self._fields is None:
            self._fields = split_leniently(self.text)
        return self._fields

    @property
    def text(self) -> str:
        """The whole message, fields ended by SOH."""
        return to_text(self.raw)

    @property
    def type(self) -> str:
        """MsgType(35), empty if missing."""
        return self.get(35) or ""

    @property
    def seq(self) -> int:
        """MsgSeqNum(34); 0 if missing or no number."""
        value = self.get(34) or ""
        return int(value) if value.isascii() and value.isdigit() else 0

    def get(self, tag: int) -> str | None:
        """The first field with this tag, None if there is none."""
        for name, value in self.fields:
            if name == tag:
                return value
        return None

    def all(self, tag: int) -> list[str]:
        """Every field with this tag, as in repeating groups."""
        return [value for name, value in self.fields if name == tag]

    def decimal(self, tag: int) -> Decimal:
        """The field as an exact number. Raises KeyError if missing, decimal.InvalidOperation if no number."""
        return Decimal(self[tag])

    def __getitem__(self, tag: int) -> str:
        value = self.get(tag)
        if value is None:
            raise KeyError(f"tag {tag} is not in {self!r}")
        return value

    def __contains__(self, tag: int) -> bool:
        return self.get(tag) is not None

    def __repr__(self) -> str:
        return readable(self.text)


def encode(begin_string: str, msg_type: str, header: Fields, fields: Fields) -> bytes:
    """A complete message; BodyLength(9) and CheckSum(10) are computed.

    Header fields found in `fields` are moved to the header and replace those in `header`.
    Raises TypeError for a float: prices and quantities are text, int or Decimal.
    """
    own_header = [pair for pair in fields if pair[0] in _HEADER_TAGS]
    replaced = {tag for tag, _ in own_header}
    message = simplefix.FixMessage()
    message.append_pair(8, begin_string)
    message.append_pair(35, msg_type)
    for tag, value in [pair for pair in header if pair[0] not in replaced] + own_header:
        message.append_pair(tag, _wire_value(value))
    for tag, value in fields:
        if tag not in _HEADER_TAGS:
            message.append_pair(tag, _wire_value(value))
    return bytes(message.encode())


def utc_timestamp(nanoseconds: int) -> str:
    """UTCTimestamp with milliseconds, as in SendingTime(52)."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1_000_000:03d}"


def _wire_value(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, Decimal):
        value = format(value, "f")  # FIX has no exponents
    elif isinstance(value, float):
        raise TypeError(f"{value!r} is a float; give text, int or Decimal, which are exact")
    return str(value).encode("utf-8", "surrogateescape")
