"""Refusing a client: why, what it is told, and how much of it is logged."""

import time

from gateway.front.logon import Logon
from gateway.wire.framing import framed

NOT_AUTHORIZED = "not authorized"
"""What a client is told whose password or signature is wrong, whatever is wrong with it."""


class Refused(Exception):  # noqa: N818  # reads as what is the case
    """The client may not go on. The text says why, for our log; `answer` is what the client is told, if anything.

    level: of the line in our log.
    """

    def __init__(self, reason: str, answer: str = "", level: str = "WARNING") -> None:
        super().__init__(reason)
        self.answer, self.level = answer, level


def rejection(begin_string: bytes, ours: bytes, client: bytes, logon_number: bytes, text: str, now: bytes) -> bytes:
    """A Reject(3) of a Logon that the engine has not seen and will not see.

    Not a Logout(5): QuickFIX's initiator counts that as the session's next message whatever its MsgSeqNum(34) is, and
    would never ask for the report that has the number (*measured*). A Reject numbered 0 it shows, and counts nothing.
    """
    header = b"35=3\x0149=%b\x0156=%b\x0134=0\x0152=%b\x01" % (ours, client, now)
    body = b"45=%b\x01372=A\x0158=%b\x01" % (logon_number, text.encode("ascii", "replace"))
    return framed(begin_string, header + body)


def rejection_of(logon: Logon, text: str) -> bytes:
    """The Reject(3) of this Logon, made now."""
    begin_string, client, ours = (part.encode() for part in logon.session)
    now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime()).encode()
    return rejection(begin_string, ours, client, logon.number.encode(), text, now)


class LineBudget:
    """Lets a flood of refusals have so many log lines and no more; the rest is counted."""

    def __init__(self, lines: int, seconds: float) -> None:
        self._lines, self._seconds = lines, seconds
        self._window_start, self._used, self._withheld = float("-inf"), 0, 0

    def take(self, now: float) -> tuple[bool, int]:
        """Whether a line may be written now, and how many were withheld before it and never told."""
        if now - self._window_start >= self._seconds:
            withheld, self._withheld = self._withheld, 0
            self._window_start, self._used = now, 1
            return True, withheld
        if self._used < self._lines:
            self._used += 1
            return True, 0
        self._withheld += 1
        return False, 0
