"""Where a FIX message ends, and whether the first one is a Logon: nothing else of FIX is known here.

FIX Session Layer, "message format": BeginString(8), BodyLength(9) and MsgType(35) come first, in this order;
BodyLength counts the bytes after its own SOH up to CheckSum(10); CheckSum is the sum of all bytes before it
modulo 256, as three digits.
"""

import re
from dataclasses import dataclass

_BEGIN = b"8=FIX"
_HEADER = re.compile(rb"8=FIXT?\.[0-9]\.[0-9]\x019=([0-9]{1,9})\x01")
_MAX_HEADER_BYTES = 24
_TRAILER = re.compile(rb"10=([0-9]{3})\x01")
_TRAILER_BYTES = 7
_SHOWN_COMP_ID_CHARACTERS = 64


class FramingError(ValueError):
    """The bytes are no FIX message, or not the one that is allowed here. The text never quotes the message."""


@dataclass(frozen=True, slots=True)
class Logon:
    """A complete first message, and what follows it."""

    message: bytes
    rest: bytes
    sender_comp_id: str
    """For log lines: printable ASCII only, cut to a bounded length."""


def message_length(data: bytes, max_bytes: int) -> int | None:
    """Length in bytes of the FIX message that `data` starts with, None while its first fields are incomplete.

    Raises FramingError for anything that cannot become a message of at most `max_bytes`.
    """
    header = _HEADER.match(data)
    if header is None:
        if not data.startswith(_BEGIN[: len(data)]):
            raise FramingError("it does not start with BeginString(8)=FIX")
        if len(data) >= _MAX_HEADER_BYTES:
            raise FramingError("BeginString(8) and BodyLength(9) are malformed")
        return None
    length = header.end() + int(header[1]) + _TRAILER_BYTES
    if length > max_bytes:
        raise FramingError(f"it is {length} bytes long by its BodyLength(9), at most {max_bytes} are allowed")
    return length


def take_logon(data: bytes, max_bytes: int) -> Logon | None:
    """The Logon that `data` starts with, None while it is incomplete.

    Raises FramingError with the reason when the first message is anything but an intact Logon.
    """
    length = message_length(data, max_bytes)
    if length is None:
        return None
    body_start = data.index(b"\x01", data.index(b"\x01") + 1) + 1
    msg_type = data[body_start : body_start + 5]
    if not b"35=A\x01".startswith(msg_type):
        raise FramingError("its MsgType(35) is not A (Logon)")
    if len(data) < length:
        return None
    message = data[:length]
    _check_trailer(message)
    return Logon(message, data[length:], _sender_comp_id(message))


def _check_trailer(message: bytes) -> None:
    body, trailer = message[:-_TRAILER_BYTES], message[-_TRAILER_BYTES:]
    stated = _TRAILER.fullmatch(trailer)
    if stated is None or not body.endswith(b"\x01"):
        raise FramingError("no CheckSum(10) where BodyLength(9) says it ends")
    if int(stated[1]) != sum(body) % 256:
        raise FramingError(f"its CheckSum(10) is {int(stated[1]):03d}, computed {sum(body) % 256:03d}")


def _sender_comp_id(message: bytes) -> str:
    start = message.find(b"\x0149=")
    if start < 0:
        return "-"
    value = message[start + 4 : message.index(b"\x01", start + 4)][:_SHOWN_COMP_ID_CHARACTERS]
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E else "?" for byte in value)
