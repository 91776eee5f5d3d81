"""The first message of a connection: a Logon, complete, intact and harmless, or nothing goes further."""

from collections import Counter
from dataclasses import dataclass

from gateway.wire.framing import FramingError, body_start, check_intact, framed, message_length
from gateway.wire.raw import RawFormatError, check_fields, mask_secrets, split_fields, to_bytes, to_text
from gateway.wire.tags import (
    BEGIN_STRING,
    MSG_DIRECTION,
    MSG_SEQ_NUM,
    REF_MSG_TYPE,
    SENDER_COMP_ID,
    TARGET_COMP_ID,
)

_SHOWN_CHARACTERS = 64
_MAY_REPEAT = frozenset({REF_MSG_TYPE, MSG_DIRECTION})  # in the group of NoMsgTypes(384)
_MAX_NUMBER_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Logon:
    """A complete first message, and what follows it."""

    message: bytes
    rest: bytes
    fields: dict[int, str]
    """By tag; none that matters is there twice."""

    @property
    def session(self) -> tuple[str, str, str]:
        """BeginString(8), SenderCompID(49), TargetCompID(56); empty where absent."""
        return self.value(BEGIN_STRING), self.value(SENDER_COMP_ID), self.value(TARGET_COMP_ID)

    def value(self, tag: int) -> str:
        """The field's value, empty when it is absent."""
        return self.fields.get(tag, "")

    @property
    def number(self) -> str:
        """MsgSeqNum(34), 0 where it is none."""
        value = self.value(MSG_SEQ_NUM)
        return value if value.isascii() and value.isdigit() and len(value) <= _MAX_NUMBER_DIGITS else "0"

    def masked(self) -> bytes:
        """The message with its secrets masked, for those who need not know them."""
        start = body_start(self.message)
        body = to_bytes(mask_secrets(to_text(self.message)))[start:-7]
        return framed(self.value(BEGIN_STRING).encode(), body)


def take_logon(data: bytes, max_bytes: int) -> Logon | None:
    """The Logon that `data` starts with, None while it is incomplete.

    Raises FramingError with the reason when the first message is anything but an intact Logon whose data fields end
    where their lengths say (the session engine would crash on others), or has a field twice: who reads the first and
    who reads the second would see different clients.
    """
    length = message_length(data, max_bytes)
    if length is None:
        return None
    start = body_start(data)
    if not b"35=A\x01".startswith(data[start : start + 5]):
        raise FramingError("its MsgType(35) is not A (Logon)")
    if len(data) < length:
        return None
    message = data[:length]
    check_intact(message)
    try:
        check_fields(message)
        fields = split_fields(to_text(message))
    except RawFormatError as error:
        raise FramingError(str(error)) from None
    counts = Counter(tag for tag, _ in fields if tag not in _MAY_REPEAT)
    twice = next((tag for tag, count in counts.items() if count > 1), None)
    if twice is not None:
        raise FramingError(f"it has tag {twice} twice")
    return Logon(message, data[length:], dict(fields))


def shown(value: str, absent: str = "-") -> str:
    """A client's value for log lines: printable ASCII only, cut to a bounded length."""
    return "".join(c if "!" <= c <= "~" else "?" for c in value[:_SHOWN_CHARACTERS]) or absent
