"""The quick look at what a client sends, against the thorough one."""

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from gateway.front.screening import is_usual, screen
from gateway.wire.framing import Framer, framed
from gateway.wire.tags import DATA_FIELDS

_TAGS = st.sampled_from([*DATA_FIELDS, *DATA_FIELDS.values(), 8, 9, 10, 35]) | st.integers(0, 10**10)
_FIELD = st.builds(lambda tag, value: b"%d=%b\x01" % (tag, value), _TAGS, st.binary(max_size=9))
_BODY = st.builds(
    lambda start, fields: start + b"".join(fields),
    st.sampled_from([b"35=D\x01", b"35=A\x01", b"35=AF\x01", b"35=\x01", b"36=9\x01"]),
    st.lists(_FIELD | st.binary(max_size=9), max_size=8),
)
_MESSAGE = st.builds(framed, st.sampled_from([b"FIX.4.2", b"FIXT.1.1", b"FIX.44", b""]), _BODY)


def _cut(message: bytes, start: int, end: int) -> bytes:
    return message[start : len(message) - end]


@given(
    _MESSAGE
    | st.builds(_cut, _MESSAGE, st.integers(0, 3), st.integers(0, 9))
    | st.builds(bytes.__add__, _MESSAGE, _MESSAGE)
)
@example(framed(b"FIX.4.4", b"35=D\x0111=c\x01"))
@example(framed(b"FIX.4.4", b"35=A\x01"))
@example(framed(b"FIX.4.4", b"35=D\x0196=c\x01"))
@example(framed(b"FIX.4.4", b"35=D\x0111=c\x01").replace(b"9=1", b"9=01"))
@settings(suppress_health_check=[HealthCheck.too_slow])  # it asks whether others keep the machine busy
def test_what_looks_usual_passes_the_screen(data: bytes) -> None:
    longest = 40
    usual = is_usual(data, longest)
    event(f"usual: {usual}")
    if usual:
        framer = Framer(longest)
        assert framer.feed(data) == [data]
        assert (framer.is_inside, framer.skipped, framer.problem) == (False, 0, "")
        assert screen(data) == (data, "")


def test_what_is_usual() -> None:
    order = framed(b"FIX.4.4", b"35=D\x0149=DESK\x0134=7\x0111=c\x0158=\x01")
    assert is_usual(order, len(order))
    assert not is_usual(order, len(order) - 1)
    assert not is_usual(order + order, 1000)
    assert not is_usual(order[:-1], 1000)
    assert not is_usual(order.replace(b"9=", b"9=1", 1), 1000)
