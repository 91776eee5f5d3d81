"""Whatever bytes come, however cut: all are recorded as they were, but for secrets, which never are."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.wire.framing import framed
from gateway.wire.masked_stream import MaskedStream, Piece
from gateway.wire.records import FRAGMENT, MASKED, NO_HASH, Encoder, Kind, Record, decode_record, hashes, labels

SECRET = b"Xq7-s3cret-9Zk"
MAX_BYTES = 4096


def logon(*fields: bytes) -> bytes:
    return framed(b"FIX.4.4", b"35=A\x0149=DESK\x01" + b"".join(field + b"\x01" for field in fields))


SECRET_FIELDS = [
    b"554=" + SECRET,
    b"925=" + SECRET,
    b"0554=" + SECRET,
    b"95=%d\x0196=%b" % (len(SECRET), SECRET),
    b"95=%d\x0196=a\x01%b" % (len(SECRET) + 2, SECRET),
    b"95=9999\x0196=" + SECRET,
    b"354=20\x01355=x\x01554=" + SECRET,
    b"58=553=ann|554=%b|" % SECRET,
    b"58=one\x01554",
    b"no field\x01554=" + SECRET,
]
secretive = st.lists(st.sampled_from(SECRET_FIELDS), min_size=1, max_size=3).map(lambda fields: logon(*fields))
HEARTBEAT = framed(b"FIX.4.4", b"35=0\x0149=DESK\x0134=2\x01")
ORDER = framed(b"FIX.4.4", b"35=D\x0111=196=\x01354=8\x01355=10=000\x01x\x0110000=1\x01")


def spoiled(message: bytes, how: int) -> bytes:
    """As a broken client may send it; the secret is still in one piece, and its tag before it."""
    _, _, body = message.partition(b"\x0135=")
    at = message.index(SECRET) + len(SECRET)
    return [
        message[:at],  # half of it
        message[:-4] + b"\xff\xff\x01",
        b"8=FIX.4.4\x019=5\x0135=" + body,
        b"8=FIX.4.4\x019=900\x0135=" + body,
        b"8=FIX.4.4\x019=x\x0135=" + body,
        message[5:],
        message.replace(b"\x01", b"|"),
        b"GET /?554=" + SECRET,
        b"8=FIX.4.4\x019=9999999\x0135=" + body,
        b"Password: " + SECRET,
    ][how]


broken = st.builds(spoiled, secretive.filter(lambda message: SECRET in message), st.integers(0, 9))
parts = st.one_of(
    secretive, broken, st.binary(max_size=20), st.sampled_from([HEARTBEAT, ORDER, b"8=FIX", b"55", b"96"])
)
streams = st.lists(parts, max_size=5).map(b"".join)


def fed(stream: bytes, cuts: list[int]) -> list[Piece]:
    masked = MaskedStream(MAX_BYTES)
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    pieces = []
    for begin, end in pairwise(places):
        pieces += masked.feed(stream[begin:end])
    return pieces + masked.end()


every_byte = list(range(3000))


@given(streams, st.lists(st.integers(0, 2000), max_size=12))
@example(logon(SECRET_FIELDS[0]), every_byte)
@example(b"x554=" + SECRET, every_byte)
@example(spoiled(logon(SECRET_FIELDS[0]), 2) + HEARTBEAT, every_byte)
def test_all_is_recorded_but_secrets(stream: bytes, cuts: list[int]) -> None:
    pieces = fed(stream, cuts)
    recorded = b"".join(piece.data for piece in pieces)
    assert len(recorded) == len(stream)
    assert SECRET not in recorded
    assert all(a == b or a == ord("*") for a, b in zip(recorded, stream, strict=True))
    position = 0
    for piece in pieces:
        original = stream[position : position + len(piece.data)]
        assert piece.is_masked or piece.data == original
        position += len(piece.data)


@given(streams)
def test_a_secret_is_in_no_sequence_of_records_that_misses_some(stream: bytes) -> None:
    """Nor is its end, when the bytes before it were lost."""
    for cut in range(len(stream)):
        masked = MaskedStream(MAX_BYTES)
        masked.feed(stream[:cut])
        masked.skip()
        after = b"".join(piece.data for piece in [*masked.feed(stream[cut:]), *masked.end()])
        assert SECRET[-6:] not in after


@given(st.lists(st.sampled_from([HEARTBEAT, ORDER, logon(b"553=ann")]), max_size=8), st.lists(st.integers(0, 2000)))
def test_messages_are_recorded_whole_and_unmasked(messages: list[bytes], cuts: list[int]) -> None:
    pieces = fed(b"".join(messages), cuts)
    assert not any(piece.is_fragment or piece.is_masked for piece in pieces)
    records = [Record(1, 1, Kind.IN, 0, 1, "", "", piece.data) for piece in pieces]
    assert [message for record in records for message in record.messages()] == [(m, True) for m in messages]


@given(
    st.integers(0, 2**63),
    st.sampled_from(list(Kind)),
    st.integers(0, 3),
    st.integers(0, 2**32 - 1),
    st.text(max_size=60),
    st.text(max_size=60),
    st.binary(max_size=300),
)
def test_a_record_comes_back(
    at: int, kind: Kind, flags: int, connection: int, peer: str, session: str, data: bytes
) -> None:
    encoder = Encoder(6, NO_HASH)
    encoded = encoder.encode(at, kind, flags, connection, labels(peer, session), data)
    record, length = decode_record(b"before" + encoded, 6)
    assert record == Record(7, at, kind, flags, connection, peer, session, data)
    assert length == len(encoded)
    assert (record.is_masked, record.is_fragment) == (bool(flags & MASKED), bool(flags & FRAGMENT))
    stands, expected = hashes(encoded, 0, length, NO_HASH)
    assert stands == expected == encoder.hash
