"""The format of the wire log: records of what passed a front's connections, chained by hashes, in segments.

A segment is a file. It begins with its header and goes on with records, each made of (numbers big-endian):

    bytes   header                                    bytes   record
    8       b"FIXGWIRE"                               4       marker f1 57 1e 0d
    2       version of the format, 1                  4       length of the whole record
    8       number of the segment, from 1             8       number of the record, from 1, over all segments
    8       when it was begun, ns UTC                 8       when, ns UTC
    8       start of the front that wrote it, ns UTC  1       kind: see Kind
    8       number of its first record                1       flags: see MASKED, FRAGMENT
    32      hash of the last record before it         4       number of the connection, from 1 in each front
                                                      1 + n   length of the peer's address, the address
                                                      1 + n   length of the SessionID, the SessionID
                                                      n       data: bytes of the wire, or what happened, as UTF-8 text
                                                      32      hash: SHA-256 of the hash before and all of the above

Before a segment's first record the hash is SHA-256 of its header, which has the hash of the segment before (zeros in
the very first). So whatever is changed, left out or put in between shows at the next hash, and a record or a segment
that is missing shows by the numbers as well. What is cut off at the very end does not show: for that the last hash must
be kept elsewhere.

Data of IN and OUT records is one or more whole FIX messages that one read had completed, or, with FRAGMENT, bytes that
are no whole message. The time is that of this read, or of the write. Values of Password(554), NewPassword(925) and
RawData(96) are asterisks, as many as the value had bytes, and the record is MASKED; BodyLength(9) and CheckSum(10) are
left as they were on the wire. Bytes are those inside of TLS, and without a proxy's header.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from gateway.wire.framing import parse_stream

MASKED, FRAGMENT = 1, 2
HASH_BYTES = 32
NO_HASH = bytes(HASH_BYTES)
MARKER = b"\xf1\x57\x1e\x0d"
MAX_RECORD_BYTES = 64 << 20

_MAGIC, _VERSION = b"FIXGWIRE", 1
_HEADER = struct.Struct(f">8sHQQQQ{HASH_BYTES}s")
HEADER_BYTES = _HEADER.size
_HEAD = struct.Struct(">4sIQQBBI")
FRAME_BYTES = _HEAD.size + HASH_BYTES
"""Of a record beside its labels and data."""
SMALLEST_RECORD = FRAME_BYTES + 2
_sha256 = hashlib.sha256


class Kind(IntEnum):
    """What a record tells. Those about a connection carry its number and, once it is known, its session."""

    IN = 1
    """Bytes from the client."""
    OUT = 2
    """Bytes handed to the client's socket, perhaps not taken by the client: see the reason of CLOSED."""
    OPENED = 3
    """A client is connected, its TLS handshake done."""
    LOGON = 4
    """Its Logon was let in, and went on to the engine."""
    REFUSED = 5
    """The connection was ended, or not begun, because of who or what it was. Its last record."""
    CLOSED = 6
    """The connection ended. Its last record."""
    STARTED = 7
    """The front, and with it the numbers of connections."""
    STOPPED = 8
    """The front, as it should. Without it, it was killed, and what came last may be missing."""
    LOST = 9
    """Records were dropped, since they could not be written: how many, and when."""


class FormatError(ValueError):
    """The bytes are no header or no record. The text says why."""


class TornError(FormatError):
    """The bytes end before the record does."""


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """number, started_at, first_record: see the format. previous: the last hash before the segment."""

    number: int
    created_at: int
    started_at: int
    first_record: int
    previous: bytes

    def encode(self) -> bytes:
        """As in the file."""
        return _HEADER.pack(
            _MAGIC, _VERSION, self.number, self.created_at, self.started_at, self.first_record, self.previous
        )

    @property
    def hash(self) -> bytes:
        """What the first record's hash begins with."""
        return hashlib.sha256(self.encode()).digest()


class Record(NamedTuple):
    """One record, without its hash."""

    number: int
    at: int
    kind: Kind
    flags: int
    connection: int
    peer: str
    session: str
    data: bytes

    @property
    def is_masked(self) -> bool:
        """Whether something secret in it is asterisks."""
        return bool(self.flags & MASKED)

    @property
    def is_fragment(self) -> bool:
        """Whether the data is no whole message."""
        return bool(self.flags & FRAGMENT)

    @property
    def text(self) -> str:
        """What happened, of a record that is not IN or OUT."""
        return self.data.decode("utf-8", "replace")

    def messages(self) -> Iterator[tuple[bytes, bool]]:
        """The pieces of an IN or OUT record in their order, and whether each is a whole FIX message."""
        if self.is_fragment:
            yield self.data, False
            return
        messages, rest = parse_stream(self.data)
        if b"".join([*messages, rest]) != self.data:  # not written by us
            yield self.data, False
            return
        for message in messages:
            yield message, True
        if rest:
            yield rest, False


class Encoder:
    """Numbers and chains records."""

    def __init__(self, last_number: int, last_hash: bytes) -> None:
        """What the log has so far."""
        self.number = last_number
        self.hash = last_hash

    def begin_segment(self, header: SegmentHeader) -> bytes:
        """Its bytes."""
        self.hash = header.hash
        return header.encode()

    def encode(self, at: int, kind: int, flags: int, connection: int, labels: bytes, data: bytes) -> bytes:
        """The next record's bytes. labels: see labels()."""
        self.number += 1
        length = FRAME_BYTES + len(labels) + len(data)
        head = _HEAD.pack(MARKER, length, self.number, at, kind, flags, connection)
        body = b"%b%b%b" % (head, labels, data)
        self.hash = _sha256(self.hash + body).digest()
        return body + self.hash


def labels(peer: str, session: str) -> bytes:
    """The part of a record that is the same for a connection's records."""
    first, second = peer.encode()[:255], session.encode()[:255]
    return b"%c%b%c%b" % (len(first), first, len(second), second)


def decode_header(data: bytes) -> SegmentHeader:
    """Raises FormatError."""
    if len(data) < HEADER_BYTES:
        raise FormatError("its header is incomplete")
    magic, version, number, created_at, started_at, first_record, previous = _HEADER.unpack(data[:HEADER_BYTES])
    if magic != _MAGIC:
        raise FormatError("it does not begin as a segment does")
    if version != _VERSION:
        raise FormatError(f"its format is version {version}, known is {_VERSION}")
    return SegmentHeader(number, created_at, started_at, first_record, previous)


def decode_record(data: bytes, start: int) -> tuple[Record, int]:
    """The record at this place and its length, whatever its hash. Raises FormatError, TornError at the end."""
    if len(data) - start < _HEAD.size:
        raise TornError("an incomplete record")
    marker, length, number, at, kind, flags, connection = _HEAD.unpack_from(data, start)
    if marker != MARKER:
        raise FormatError("no record begins here")
    if not SMALLEST_RECORD <= length <= MAX_RECORD_BYTES:
        raise FormatError(f"a record cannot be {length} bytes long")
    end = start + length - HASH_BYTES
    if len(data) < end + HASH_BYTES:
        raise TornError("an incomplete record")
    peer, position = _label(data, start + _HEAD.size, end)
    session, position = _label(data, position, end)
    try:
        known = Kind(kind)
    except ValueError:
        raise FormatError(f"no kind of record has number {kind}") from None
    return Record(number, at, known, flags, connection, peer, session, data[position:end]), length


def hashes(data: bytes, start: int, length: int, previous: bytes) -> tuple[bytes, bytes]:
    """A record's hash as it stands there, and as it should be after this previous one."""
    end = start + length - HASH_BYTES
    return data[end : end + HASH_BYTES], hashlib.sha256(previous + data[start:end]).digest()


def _label(data: bytes, position: int, end: int) -> tuple[str, int]:
    after = position + 1 + (data[position] if position < end else 0)
    if after > end:
        raise FormatError("an address or a session goes beyond its record")
    return data[position + 1 : after].decode("utf-8", "replace"), after
