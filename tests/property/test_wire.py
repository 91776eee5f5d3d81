"""FIX text taken apart: what holds for any text."""

from hypothesis import event, example, given
from hypothesis import strategies as st

from gateway.wire import framing, raw
from gateway.wire.readable import describe, readable
from gateway.wire.tags import DATA_FIELDS
from tests.fixtures.fix_text import body_length, join_fields

_DATA_TAGS = set(DATA_FIELDS.values())

# Bytes that look like FIX far more often than random ones would.
_PIECES = st.sampled_from(
    rb"| = 8=FIX.4.4| 9=5| 10=000| 95= 96= 354=3| 355= 93=2| 89= 44=1| 0 1 5 554= -".replace(b"|", b"\x01").split(b" ")
) | st.sampled_from([b"\xe9", b"\xc3\xa9", b"\x00", b"453=2\x01448=A\x01"])
fixish = st.one_of(st.binary(max_size=80), st.lists(_PIECES | st.binary(max_size=3), max_size=25).map(b"".join))

tags = st.integers(1, 9999).filter(lambda tag: tag not in DATA_FIELDS and tag not in _DATA_TAGS)
plain_value = st.binary(max_size=12).map(lambda value: raw.to_text(value.replace(b"\x01", b".")))
plain_field = st.tuples(tags, plain_value).map(lambda field: [field])


@st.composite
def data_field(draw: st.DrawFn) -> raw.Fields:
    """A length and its data field, whose value may hold anything: SOH and `44=` too."""
    length_tag, data_tag = draw(st.sampled_from(sorted(DATA_FIELDS.items())))
    value = draw(st.sampled_from([b"x\x0144=99", b"\x01"]) | fixish)
    return [(length_tag, str(len(value))), (data_tag, raw.to_text(value))]


well_formed = st.lists(plain_field | data_field(), max_size=12).map(lambda parts: [f for part in parts for f in part])


@given(well_formed)
def test_split_is_the_reverse_of_join(fields: raw.Fields) -> None:
    text = join_fields(fields)
    assert raw.split_fields(text) == fields
    assert raw.first_values(text) == dict(reversed(fields))


@given(well_formed)
def test_masking_hides_secrets_and_nothing_else(fields: raw.Fields) -> None:
    masked = raw.split_fields(raw.mask_secrets(join_fields(fields)))
    for (tag, value), (masked_tag, masked_value) in zip(fields, masked, strict=True):
        assert masked_tag == tag
        expected = "*" * len(raw.to_bytes(value)) if tag in raw.SECRET_TAGS else value
        assert masked_value == expected


@given(fixish)
@example(b"95=99999999999999999999\x0196=a\x01")
@example("\N{SUPERSCRIPT TWO}=1\x01".encode())
def test_any_bytes_split_or_raise_the_one_error(data: bytes) -> None:
    text = raw.to_text(data)
    try:
        fields = raw.split_fields(text)
    except raw.RawFormatError as error:
        event(f"refused: {error.reason[:30]}")
        return
    assert raw.split_fields(join_fields(fields)) == fields
    assert raw.first_values(text) == dict(reversed(fields))


@given(st.text(st.characters(), max_size=60) | fixish.map(raw.to_text))
def test_printing_and_masking_never_raise(text: str) -> None:
    assert readable(text).isprintable()
    assert all(str(field).isprintable() for field in describe(text))
    raw.mask_secrets(text)


def framed(body: bytes) -> bytes:
    head = b"8=FIX.4.4\x019=%d\x01%b" % (len(body), body)
    return head + b"10=%b\x01" % framing.checksum(head).encode()


@given(st.lists(st.tuples(st.binary(max_size=10), fixish), max_size=5), st.data())
def test_messages_are_found_between_garbage_however_the_stream_is_cut(
    parts: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    messages = [framed(body) for _, body in parts]
    stream = b"".join(
        garbage.replace(b"8", b"7") + message for (garbage, _), message in zip(parts, messages, strict=True)
    )
    found, framer, garbage = [], framing.Framer(1000), len(stream) - sum(map(len, messages))
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += framer.feed(stream[:cut])
        stream = stream[cut:]
    assert found == messages
    assert framer.skipped == garbage


@given(fixish)
def test_framing_any_bytes_yields_framed_messages_only(data: bytes) -> None:
    messages, rest = framing.parse_stream(data)
    assert len(rest) <= len(data)
    for message in messages:
        stated = raw.split_fields(raw.to_text(message[: message.index(b"\x01", 10) + 1]))[1]
        assert stated == (9, str(body_length(message)))
