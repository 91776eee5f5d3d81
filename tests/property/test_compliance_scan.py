"""Messages are found in any log, whatever stands between them and in whatever pieces it comes."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.compliance.logs.scan import BODY_LENGTH, CHECKSUM, Found, Scanner
from gateway.wire.framing import checksum, framed

_DELIMITERS = st.sampled_from([b"\x01", b"|", b"^A"])
_MAX = 300  # so that the limit is met too

# Anything but what would itself begin a message.
garbage = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"",
            b"\n",
            b"\r\n",
            b"20260131-17:40:34.123 : ",
            b"<20260131-17:40:34, FIX.4.4:A->B, incoming> (",
            b")\n",
            b"108=",
        ]
    ),
).filter(lambda text: b"8=FIX" not in text)
values = st.binary(max_size=20).map(lambda value: bytes(set(value) - set(b"\x01|^\r\n")) or b"x")
bodies = st.lists(st.tuples(st.integers(11, 99), values), max_size=6).map(
    lambda fields: b"35=D\x01" + b"".join(b"%d=%b\x01" % field for field in fields)
)
messages = bodies.map(lambda body: framed(b"FIX.4.4", body))
_PIECES = b"8=FIX.4.4| 8=FIX.4.4~ 8=FIXT.1.1^A 9=5| 9=5~ 9=200| 9=999999999| 35=0| |10=000| 10=123 ^A10=001^A ~10=161~"
fixish = st.lists(
    st.sampled_from([*_PIECES.replace(b"~", b"\x01").split(b" "), b"\n", b"1", b"x" * 40]) | st.binary(max_size=4),
    max_size=30,
).map(b"".join)


def scanned(pieces: list[bytes]) -> list[Found]:
    scanner = Scanner(_MAX)
    return [found for piece in pieces for found in scanner.feed(piece)] + scanner.finish()


def cut(log: bytes, at: list[int]) -> list[bytes]:
    borders = sorted({0, len(log), *(place % (len(log) + 1) for place in at)})
    return [log[start:end] for start, end in pairwise(borders)]


@given(fixish | st.binary(max_size=100), st.lists(st.integers(0, 10_000), max_size=40))
@example(b"8=FIX.4.4|9=999999999|35=0|", [3])
@example(b"8=FIX.4.4\x019=5\x0135=0\x0110=161\x018=FIX.4.4\x019=5\x0135=0\x0110=1611", [25])
def test_pieces_make_no_difference_and_nothing_raises(log: bytes, at: list[int]) -> None:
    whole = scanned([log])
    assert scanned(cut(log, at)) == whole
    assert scanned([log[n : n + 1] for n in range(len(log))]) == whole


@given(st.lists(st.tuples(garbage, messages, _DELIMITERS), max_size=6), garbage)
def test_every_message_is_found_between_any_garbage(parts: list[tuple[bytes, bytes, bytes]], end: bytes) -> None:
    log, places = b"", []
    for before, message, delimiter in parts:
        # A digit in front would make another tag of it, 108=FIX.
        log += before + (b" " if before[-1:].isdigit() else b"")
        places.append(len(log))
        log += message.replace(b"\x01", delimiter)
    log += end
    found = scanned([log])
    assert [(one.offset, one.raw, one.faults) for one in found] == [
        (place, message, ()) for place, (_, message, _) in zip(places, parts, strict=True)
    ]


@given(messages, _DELIMITERS, st.sampled_from([b"9=1", b"9=250", b"9=x", b""]))
def test_a_message_with_a_wrong_length_is_found_and_named(message: bytes, delimiter: bytes, length: bytes) -> None:
    head, _, rest = message.split(b"\x01", 2)
    wrong = b"\x01".join([head, *([length] if length else []), rest]).replace(b"\x01", delimiter)
    good = framed(b"FIX.4.4", b"35=0\x01").replace(b"\x01", delimiter)
    first, second = scanned([wrong + b"\n" + good + b"\n"])
    assert first.raw == wrong.replace(delimiter, b"\x01")
    assert BODY_LENGTH in {fault.kind for fault in first.faults}
    assert not second.faults


@given(messages, _DELIMITERS, st.integers(0, 255))
def test_a_wrong_checksum_is_named_and_a_right_one_is_not(message: bytes, delimiter: bytes, stated: int) -> None:
    text = message[:-7] + b"10=%03d\x01" % stated
    (found,) = scanned([text.replace(b"\x01", delimiter)])
    assert found.raw == text
    assert ([fault.kind for fault in found.faults] == [CHECKSUM]) == (text != message)


@given(messages, messages)
def test_a_data_field_may_hold_a_message(inner: bytes, outer: bytes) -> None:
    body = outer[outer.index(b"35=") : -7] + b"95=%d\x0196=%b\x01" % (len(inner), inner)
    message = framed(b"FIX.4.4", body)
    if len(message) <= _MAX:
        (found,) = scanned([b"\n" + message + b"\n"])
        assert (found.raw, found.faults) == (message, ())


@given(messages, messages, st.sampled_from([b"\n", b""]), _DELIMITERS)
def test_a_message_without_an_end_does_not_hide_the_next(
    cut_off: bytes, whole: bytes, between: bytes, delimiter: bytes
) -> None:
    log = (cut_off[:-7] + between + whole).replace(b"\x01", delimiter)
    first, second = scanned([log])
    assert (first.is_complete, first.raw) == (False, cut_off[:-7])
    assert (second.raw, second.faults) == (whole, ())


def test_what_stands_before_it_on_its_line_is_kept() -> None:
    message = framed(b"FIX.4.4", b"35=0\x01")
    log = b"line one\n20260131-17:40:34.123 : " + message + b"\r\nin: " + message + message
    assert [found.before for found in scanned([log])] == [b"20260131-17:40:34.123 : ", b"in: ", b""]


@given(messages, messages)
def test_a_length_that_leads_to_the_end_of_the_next_message_is_not_believed(first: bytes, second: bytes) -> None:
    head, length, rest = first.split(b"\x01", 2)
    reaching = int(length[2:]) + 7 + len(second) - 7
    wrong = b"\x01".join([head, b"9=%d" % reaching, rest])
    if len(wrong + second) <= _MAX and checksum((wrong + second)[:-7]) != second[-4:-1].decode():  # that would be proof
        found = scanned([wrong + second])
        assert [one.raw for one in found] == [wrong, second]
        assert BODY_LENGTH in {fault.kind for fault in found[0].faults}
