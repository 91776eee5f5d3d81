"""The first message of a connection: a Logon, complete, intact and harmless, or nothing goes further."""

from dataclasses import dataclass

from gateway.wire.framing import FramingError, body_start, check_intact, message_length
from gateway.wire.raw import RawFormatError, check_fields

_SHOWN_COMP_ID_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Logon:
    """A complete first message, and what follows it."""

    message: bytes
    rest: bytes
    sender_comp_id: str
    """For log lines: printable ASCII only, cut to a bounded length."""


def take_logon(data: bytes, max_bytes: int) -> Logon | None:
    """The Logon that `data` starts with, None while it is incomplete.

    Raises FramingError with the reason when the first message is anything but an intact Logon whose data fields end
    where their lengths say (the session engine would crash on others).
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
    except RawFormatError as error:
        raise FramingError(str(error)) from None
    return Logon(message, data[length:], _sender_comp_id(message))


def _sender_comp_id(message: bytes) -> str:
    start = message.find(b"\x0149=")
    if start < 0:
        return "-"
    value = message[start + 4 : message.index(b"\x01", start + 4)][:_SHOWN_COMP_ID_CHARACTERS]
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E else "?" for byte in value)
