"""What may go on to the engine. A message that would crash the session engine, or that it would ask for again and
again, is not forwarded as it came.

Its header goes without a body instead: the engine answers with a Reject(3), since required fields are missing, the
number is consumed, and the client does not send the message again for ever. A session-level message without its body
could still do something (a Logout would log out, a SequenceReset reset), so for those the connection ends.
"""

from gateway.wire.framing import FramingError, body_start, check_intact, framed, plain_type
from gateway.wire.raw import RawFormatError, check_fields, leading_fields
from gateway.wire.tags import (
    BEGIN_STRING,
    MSG_SEQ_NUM,
    MSG_TYPE,
    ORIG_SENDING_TIME,
    POSS_DUP_FLAG,
    POSS_RESEND,
    SENDER_COMP_ID,
    SENDING_TIME,
    TARGET_COMP_ID,
)

_KEPT = (
    MSG_TYPE,
    SENDER_COMP_ID,
    TARGET_COMP_ID,
    MSG_SEQ_NUM,
    SENDING_TIME,
    POSS_DUP_FLAG,
    POSS_RESEND,
    ORIG_SENDING_TIME,
)
_LOGON = b"\x0135=A\x01"
_LOGON_TYPE = b"A"
_ADMINISTRATIVE = frozenset({b"0", b"1", b"2", b"3", b"4", b"5", b"A"})


class Unanswerable(Exception):  # noqa: N818  # reads as what is the case
    """The message can neither be forwarded nor be answered: the connection must end. The text says why."""


def screen(message: bytes) -> tuple[bytes, str]:
    """What to forward of a framed message: itself, its header, or nothing; and the reason if not itself.

    Raises Unanswerable, also for another Logon on the same connection: QuickFIX would reset the numbers (141=Y) while
    reports leave on another thread, and a report would go out under the number that the answer must have.
    """
    if _LOGON in message and message.find(_LOGON) == body_start(message) - 1:
        raise Unanswerable("another Logon on the same connection")
    try:
        check_fields(message)
    except RawFormatError as error:
        reason = str(error)
    else:
        return message, ""
    try:
        check_intact(message)
    except FramingError as error:
        # FIX: a garbled message is ignored; the gap in the numbers brings it again.
        return b"", f"{reason}, and {error}"
    return _header_alone(message, reason), reason


def is_usual(data: bytes, longest: int) -> bool:
    """Whether these bytes are one whole message, at most so long, that screen() would let through as it is.

    Most are, and one look at them takes a third of the time. False says nothing.
    """
    msg_type = plain_type(data)
    return msg_type is not None and msg_type != _LOGON_TYPE and len(data) <= longest


def _header_alone(message: bytes, reason: str) -> bytes:
    header = leading_fields(message)
    msg_type = header.get(MSG_TYPE, b"")
    if msg_type in _ADMINISTRATIVE or not header.get(MSG_SEQ_NUM, b"").isdigit():
        raise Unanswerable(f"a message that can be neither forwarded nor answered: {reason}")
    body = b"".join(b"%d=%b\x01" % (tag, header[tag]) for tag in _KEPT if tag in header)
    return framed(header[BEGIN_STRING], body)
