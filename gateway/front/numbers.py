"""The numbers of what a client has sent, to know how much of it lies beyond a gap.

The session engine keeps what comes beyond a gap in MsgSeqNum(34) in memory until the gap is filled, however much that
is. It does not tell what it keeps, but which number it waits for; the rest is reckoned here.
"""

import re

_NUMBER = re.compile(rb"\x0134=(\d{1,9})(?=\x01)").search
# What a field takes in the engine's memory beside its bytes, since it is an object there (*measured*).
_FIELD_BYTES = 130


def kept_bytes(message: bytes) -> int:
    """What it takes in the engine's memory, about."""
    return len(message) + _FIELD_BYTES * message.count(b"\x01")


class SentNumbers:
    """Of one connection."""

    def __init__(self, most_bytes: int) -> None:
        """most_bytes: that may lie beyond a gap."""
        self._most_bytes = most_bytes
        self._highest = 0
        self._highest_then = 0  # when the engine last told what it waits for
        self._expected = 0  # by the engine; 0: there is no gap
        self._sizes: dict[int, int] = {}  # since there is a gap, by number
        self.beyond = 0
        """Bytes that the engine keeps until the gap is filled, about."""

    @property
    def is_full(self) -> bool:
        """More lies beyond a gap than may."""
        return self.beyond > self._most_bytes

    def sent(self, message: bytes) -> None:
        """A message went to the engine."""
        found = _NUMBER(message)
        if found is None:
            return
        number = int(found[1])
        while (found := _NUMBER(message, found.end())) is not None:  # the engine knows which one counts
            number = max(number, int(found[1]))
        self._highest = max(number, self._highest)
        if 0 < self._expected <= number:
            size = kept_bytes(message)
            self.beyond += size - self._sizes.get(number, 0)
            self._sizes[number] = size

    def expects(self, number: int) -> bool:
        """The engine has asked for something again, and waits for this number. Returns whether there is a gap still.

        There is none once it has taken all that had been sent when it last said so.
        """
        if number > (self._highest_then if self._expected else self._highest):
            self._expected, self.beyond = 0, 0
            self._sizes.clear()
            return False
        for taken in [sent for sent in self._sizes if sent < number]:
            self.beyond -= self._sizes.pop(taken)
        self._expected, self._highest_then = number, self._highest
        return True
