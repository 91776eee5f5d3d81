"""The bytes of one direction of a connection, cut at FIX messages, without their secrets, however they come in.

In a whole message the values of the secret fields are masked, and what looks like such a field inside of another's
value (a Logon with `|` for the delimiter in it). Bytes that are no whole message cannot be taken apart, so there
everything is masked from the first thing on that looks like a secret's tag, up to the next whole message. To see
such a tag also when it comes in pieces, the last bytes are held back until more come or the stream ends.
"""

import re
from typing import NamedTuple

from gateway.wire.framing import FramingError, is_one_message, message_length, parse_stream
from gateway.wire.raw import mask_secrets, to_bytes, to_text

_IN_A_VALUE = re.compile(rb"(?<![0-9])(0*(?:96|554|925)=)([^\x01]+)")
# Lax on purpose, and quick, since hostile clients send megabytes. At most _LONGEST_HINT bytes.
_IN_BROKEN_BYTES = re.compile(rb"(?:554|925|96)[^\x01=0-9]{0,8}=")
_WORD = b"passw"
_LONGEST_HINT = 12
_ALL_BUT_SOH = bytes(1 if code == 1 else ord("*") for code in range(256))


class Piece(NamedTuple):
    """Bytes to record: whole messages, or a fragment."""

    data: bytes
    is_fragment: bool
    is_masked: bool


class MaskedStream:
    """Takes the bytes as they come, and gives back pieces as long as the bytes together."""

    def __init__(self, max_message_bytes: int) -> None:
        """max_message_bytes: what claims to become a longer message is not waited for."""
        self._max = max_message_bytes
        self._held = bytearray()
        self._needed = 0
        self._broken = b""  # of the bytes that are no message, the last, held back
        self._hiding = False  # all that is no message is masked

    def feed(self, data: bytes) -> list[Piece]:
        """What can be recorded now."""
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return []
            data = bytes(self._held)
        elif not self._broken and not self._hiding and is_one_message(data):
            return [_whole(data)]  # as most are
        messages, rest = parse_stream(data)
        if not rest and not self._broken and not self._hiding and sum(map(len, messages)) == len(data):
            self._held.clear()
            return [_whole(data)]
        return self._cut(data, messages, rest)

    def end(self) -> list[Piece]:
        """What was held back."""
        pieces: list[Piece] = []
        self._add_broken(pieces, bytes(self._held))
        self._held.clear()
        self._let_broken_go(pieces)
        return pieces

    def skip(self) -> None:
        """Bytes that should follow here are lost, so that the next may be the rest of a password."""
        self._held.clear()
        self._needed, self._broken, self._hiding = 0, b"", True

    def _cut(self, data: bytes, messages: list[bytes], rest: bytes) -> list[Piece]:
        pieces: list[Piece] = []
        position = 0
        for message in messages:
            # Equal bytes further to the front would have been taken for the message.
            begin = data.index(message, position)
            self._add_broken(pieces, data[position:begin])
            self._let_broken_go(pieces)
            self._hiding = False
            pieces.append(_whole(message))
            position = begin + len(message)
        self._add_broken(pieces, data[position : len(data) - len(rest)])
        self._hold(pieces, rest)
        return pieces

    def _hold(self, pieces: list[Piece], rest: bytes) -> None:
        self._held = bytearray(rest)
        try:
            self._needed = message_length(rest, self._max) or 0
        except FramingError:
            self._held.clear()
            self._add_broken(pieces, rest)

    def _add_broken(self, pieces: list[Piece], data: bytes) -> None:
        if not data:
            return
        if self._hiding:
            pieces.append(_fragment(_stars(data)))
            return
        data = self._broken + data
        self._broken = b""
        secret = _secret_start(data)
        if secret >= 0:
            self._hiding = True
            pieces.append(_fragment(data[:secret] + _stars(data[secret:]), masked=True))
            return
        cut = max(len(data) - _LONGEST_HINT, 0)
        self._broken = data[cut:]
        if cut:
            pieces.append(_fragment(data[:cut], masked=False))

    def _let_broken_go(self, pieces: list[Piece]) -> None:
        if self._broken:
            pieces.append(_fragment(self._broken, masked=False))
            self._broken = b""


def _whole(data: bytes) -> Piece:
    """Of one message, or of several without a hint of secrets."""
    if b"554=" not in data and b"925=" not in data and b"96=" not in data:
        return Piece(data, False, False)
    masked = b"".join(mask_message(message) for message in parse_stream(data)[0])
    return Piece(masked, is_fragment=False, is_masked=masked != data)


def mask_message(message: bytes) -> bytes:
    """A whole message, as long as before. What may stand in the value of another field is masked as well."""
    masked = to_bytes(mask_secrets(to_text(message)))
    return _IN_A_VALUE.sub(lambda found: found[1] + b"*" * len(found[2]), masked)


def _secret_start(data: bytes) -> int:
    """Behind the first thing in broken bytes that looks like a secret's tag; -1: there is none."""
    found = _IN_BROKEN_BYTES.search(data)
    word = data.lower().find(_WORD)
    ends = [found.end()] if found else []
    ends += [word + len(_WORD)] if word >= 0 else []
    return min(ends, default=-1)


def _fragment(data: bytes, *, masked: bool = True) -> Piece:
    return Piece(data, is_fragment=True, is_masked=masked)


def _stars(data: bytes) -> bytes:
    return data.translate(_ALL_BUT_SOH)
