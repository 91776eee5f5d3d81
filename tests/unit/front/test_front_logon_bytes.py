"""Framing of the first message: any bytes, in any pieces."""

import contextlib

import pytest
import simplefix
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.front.logon import take_logon
from gateway.wire.framing import FramingError, message_length

LIMIT = 4096


def logon(*fields: tuple[int, bytes]) -> bytes:
    message = simplefix.FixMessage()
    for tag, value in [(8, b"FIX.4.4"), (35, b"A"), (49, b"DESK"), (34, b"1"), *fields]:
        message.append_pair(tag, value)
    return bytes(message.encode())


@given(st.binary(max_size=300))
@example(b"8=FIX.4.4\x019=0\x0110=000\x01")
@example(b"8=FIX.4.4\x019=5\x0135=A\x0110=178\x01")
@example(b"8=FIX.4.4\x019=000000005\x0135=A\x0110=178\x01")
def test_no_bytes_raise_anything_but_a_framing_error(data: bytes) -> None:
    for candidate in (data, b"8=FIX.4.4\x019=" + data, logon()[:40] + data):
        try:
            taken = take_logon(candidate, LIMIT)
        except FramingError:
            continue
        assert taken is None or taken.message + taken.rest == candidate


@given(
    st.lists(
        st.tuples(st.integers(2000, 9999), st.binary(min_size=1).filter(lambda v: b"\x01" not in v)),
        max_size=5,
        unique_by=lambda field: field[0],
    ),
    st.binary(max_size=50),
)
def test_a_logon_is_found_whatever_it_holds_and_whatever_follows(fields: list[tuple[int, bytes]], rest: bytes) -> None:
    message = logon(*fields)
    for end in range(len(message)):
        assert take_logon(message[:end], LIMIT) is None
    taken = take_logon(message + rest, LIMIT)
    assert taken is not None
    assert (taken.message, taken.rest, taken.session) == (message, rest, ("FIX.4.4", "DESK", ""))


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_changed_byte_is_never_forwarded(position: int, byte: int) -> None:
    message = bytearray(logon((58, b"some text to be damaged")))
    position %= len(message)
    if message[position] == byte:
        return
    message[position] = byte
    with contextlib.suppress(FramingError):
        assert take_logon(bytes(message), LIMIT) is None


def test_the_bound_is_on_the_whole_message() -> None:
    message = logon()
    assert take_logon(message, len(message)) is not None
    with pytest.raises(FramingError, match=f"at most {len(message) - 1} are allowed"):
        take_logon(message, len(message) - 1)


def test_lying_data_lengths_are_refused() -> None:
    for fields in ([(95, b"2000000000"), (96, b"abc")], [(95, b"-50"), (96, b"abc")], [(96, b"abc")]):
        with pytest.raises(FramingError, match="data field 96"):
            take_logon(logon(*fields), LIMIT)
    assert take_logon(logon((95, b"3"), (96, b"abc")), LIMIT)


@pytest.mark.parametrize("start", [b"", b"8", b"8=FIX.4.4", b"8=FIXT.1.1\x019=12", b"8=FIX.4.2\x01"])
def test_the_beginning_of_a_message_is_waited_on(start: bytes) -> None:
    assert message_length(start, LIMIT) is None


def test_a_field_that_is_there_twice_is_refused() -> None:
    for twice in ((49, b"OTHER"), (56, b"X"), (553, b"b")):
        with pytest.raises(FramingError, match=f"it has tag {twice[0]} twice"):
            take_logon(logon((553, b"a"), (56, b"FIXGW"), (58, b"one"), twice), LIMIT)
    hidden = logon((56, b"FIXGW"), (95, b"8"), (96, b"a\x0149=EVE"))
    taken = take_logon(hidden, LIMIT)
    assert taken is not None
    assert taken.session == ("FIX.4.4", "DESK", "FIXGW")
    assert take_logon(logon((384, b"2"), (372, b"D"), (385, b"R"), (372, b"F"), (385, b"R")), LIMIT)


def test_secrets_are_masked_and_the_message_stays_intact() -> None:
    message = logon((553, b"me"), (554, b"pass"), (95, b"5"), (96, b"a\x01b=c"), (925, b"new"))
    taken = take_logon(message, LIMIT)
    assert taken is not None
    masked = take_logon(taken.masked(), LIMIT)
    assert masked is not None
    assert {**taken.fields, 554: "****", 96: "*****", 925: "***", 10: masked.value(10)} == masked.fields
    assert len(masked.message) == len(message)
