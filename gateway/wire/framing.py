"""Where FIX messages begin and end in a stream of bytes. The only place that knows.

BeginString(8) and BodyLength(9) come first; BodyLength counts the bytes after its own delimiter up to CheckSum(10),
which ends the message and is the sum of all bytes before it modulo 256, as three digits.
Source: FIX Session Layer, "message format".
"""

import re

from gateway.wire.raw import PLAIN_FIELDS, RawFormatError

TRAILER_BYTES = 7
"""`10=` with three digits and the delimiter."""

_MAX_BODY_DIGITS = 7  # a stated length beyond 10 MB is garbage, not a message to wait for
_BEGIN = b"8=FIX"
_HEAD = re.compile(rb"8=FIXT?\.\d\.\d\x019=(\d{1,%d})\x01" % _MAX_BODY_DIGITS)
_HEAD_SO_FAR = re.compile(rb"8=FIX(?:T?(?:\.(?:\d(?:\.(?:\d(?:\x01(?:9(?:=\d{0,%d})?)?)?)?)?)?)?)?" % _MAX_BODY_DIGITS)
_PLAIN = re.compile(rb"%b35=([^\x01]*+)\x01%b10=\d{3}\x01" % (_HEAD.pattern, PLAIN_FIELDS)).fullmatch
_TRAILER = re.compile(rb"10=\d{3}\x01")
_TRAILER_SO_FAR = re.compile(rb"(?:1(?:0(?:=\d{0,3})?)?)?")


class FramingError(ValueError):
    """The bytes are no FIX message, or not one that is allowed here. The text never quotes the message."""


def checksum(text: bytes) -> str:
    """CheckSum(10) of these bytes: their sum modulo 256, three digits."""
    return f"{sum(text) % 256:03d}"


def framed(begin_string: bytes, body: bytes) -> bytes:
    """The complete message of a body that starts with MsgType(35) and ends with a delimiter."""
    text = b"8=%b\x019=%d\x01%b" % (begin_string, len(body), body)
    return b"%b10=%b\x01" % (text, checksum(text).encode())


def body_start(message: bytes) -> int:
    """Where the field after BodyLength(9) begins. Raises RawFormatError if the start is not that of a message."""
    head = _HEAD.match(message)
    if not head:
        raise RawFormatError("a message that does not start with 8=FIX and 9=", 0)
    return head.end()


def message_length(data: bytes, max_bytes: int) -> int | None:
    """Length in bytes of the message that `data` starts with, None while its first fields are incomplete.

    Raises FramingError for anything that cannot become a message of at most `max_bytes`.
    """
    head = _HEAD.match(data)
    if head is None:
        if _HEAD_SO_FAR.fullmatch(data) or _BEGIN.startswith(data):
            return None
        what = "BeginString(8) and BodyLength(9) are malformed"
        raise FramingError(what if data.startswith(_BEGIN) else "it does not start with BeginString(8)=FIX")
    length = head.end() + int(head[1]) + TRAILER_BYTES
    if length > max_bytes:
        raise FramingError(f"it is {length} bytes long by its BodyLength(9), at most {max_bytes} are allowed")
    return length


def check_intact(message: bytes) -> None:
    """Raises FramingError unless the message ends with the right CheckSum(10). Its length is taken as right."""
    body, trailer = message[:-TRAILER_BYTES], message[-TRAILER_BYTES:]
    if not _TRAILER.fullmatch(trailer) or not body.endswith(b"\x01"):
        raise FramingError("no CheckSum(10) where BodyLength(9) says it ends")
    if trailer[3:6] != checksum(body).encode():
        raise FramingError(f"its CheckSum(10) is {trailer[3:6].decode()}, computed {checksum(body)}")


def parse_stream(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Cuts the complete messages out of received bytes. Returns them and the bytes to keep for next time.

    What is no message is skipped: after a bad start or a BodyLength(9) that does not lead to a
    CheckSum(10), the search goes on at the next `8=FIX`. Whether the checksum is right is not looked at. A
    stated length is waited for, whatever comes meanwhile: a data field may hold what looks like messages.
    """
    messages: list[bytes] = []
    position, size = 0, len(buffer)
    while (begin := buffer.find(_BEGIN, position)) >= 0:
        position = begin + 1
        head = _HEAD.match(buffer, begin)
        if not head:
            if _HEAD_SO_FAR.fullmatch(buffer, begin):
                return messages, buffer[begin:]
            continue
        end_of_body = head.end() + int(head[1])
        if _TRAILER.match(buffer, end_of_body):
            position = end_of_body + TRAILER_BYTES
            messages.append(buffer[begin:position])
            if position == size:
                return messages, b""
        elif _TRAILER_SO_FAR.fullmatch(buffer, end_of_body):
            return messages, buffer[begin:]
    return messages, _started(buffer[position:])


def is_one_message(data: bytes) -> bool:
    """Whether parse_stream would find one message in these bytes, and nothing else."""
    head, end = _HEAD.match(data), len(data) - TRAILER_BYTES
    return head is not None and head.end() + int(head[1]) == end and _TRAILER.match(data, end) is not None


def plain_type(data: bytes) -> bytes | None:
    """MsgType(35) if these bytes are one whole message, raw.check_fields would pass it, and it has no data fields.

    One look for what most bytes are that a client sends.
    """
    found = _PLAIN(data)
    # 35= follows the delimiter of BodyLength(9).
    if found is None or int(found[1]) != len(data) - found.end(1) - 1 - TRAILER_BYTES:
        return None
    return found[2]


def _started(tail: bytes) -> bytes:
    """The end of `tail` that may be the start of a message."""
    for length in range(min(len(_BEGIN) - 1, len(tail)), 0, -1):
        if tail.endswith(_BEGIN[:length]):
            return tail[-length:]
    return b""


class Framer:
    """parse_stream for a connection: keeps what is incomplete, and cuts again only when enough has come."""

    def __init__(self, max_bytes: int) -> None:
        """max_bytes: the longest message allowed."""
        self._max_bytes = max_bytes
        self._kept = bytearray()
        self._needed = 0
        self.is_inside = False
        """A message has begun and is not complete."""

        self.skipped = 0
        """Bytes that belonged to no message, since the start."""

        self.problem = ""
        """Why nothing can follow: a message is longer than allowed."""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete, up to one that is too long; `problem` and `skipped` say the rest."""
        if self._kept:
            self._kept += data
            if len(self._kept) < self._needed:
                return []
            data = bytes(self._kept)
        elif len(data) <= self._max_bytes and is_one_message(data):
            return [data]  # as from a client that sends them singly; this spares half of the time
        messages, rest = parse_stream(data)
        self.skipped += len(data) - len(rest) - sum(map(len, messages))
        if rest or self._kept:
            self._kept = bytearray(rest)
            self.is_inside = bool(rest)
            try:
                self._needed = message_length(rest, self._max_bytes) or 0
            except FramingError as error:
                self.problem = str(error)
        if len(data) > self._max_bytes:
            for index, message in enumerate(messages):
                if len(message) > self._max_bytes:
                    self.problem = f"a message of {len(message)} bytes, at most {self._max_bytes} are allowed"
                    return messages[:index]
        return messages
