"""No text makes decode raise, and nothing it returns is unsafe to store, log or send."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fix.decode import decode
from gateway.fix.decode_fields import ECHOED, ONLY, UNSUPPORTED
from gateway.wire.raw import to_text

SOH = "\x01"

_TAGS = st.one_of(
    st.sampled_from(
        sorted(
            {1, 8, 11, 17, 18, 34, 35, 37, 38, 40, 41, 43, 44, 54, 55, 58, 59, 60, 97, 99, 126, 127, 152, 432, 453, 448}
            | {447, 452, 802, 523, 803, 354, 355, 95, 96, 530, 584, 585, 320, 559, 263}
            | UNSUPPORTED
            | set(ONLY)
            | set(ECHOED["FIX.5.0SP2"] | ECHOED["FIX.4.2"])
        )
    ),
    st.integers(min_value=0, max_value=99_999),
)
_WIRE_TEXT = st.binary(max_size=80).map(to_text)
_VALUES = st.one_of(
    st.sampled_from(
        ["1", "2", "6", "0.5", "-1", "BTCUSDT", "ORD-1", "Y", "20260725", "20260725-17:20:00.5", "", "NaN"]
    ),
    st.from_regex(r"-?[0-9]{0,25}\.?[0-9]{0,25}", fullmatch=True),
    _WIRE_TEXT,
    st.text(alphabet="1234567890 =6EG", max_size=20),
    st.just("x" * 10_000),
)
_MESSAGES = st.builds(
    lambda version, msg_type, fields: (
        f"8={version}{SOH}35={msg_type}{SOH}" + "".join(f"{tag}={value}{SOH}" for tag, value in fields)
    ),
    st.sampled_from(["FIX.4.2", "FIX.4.4", "FIX.4.9", "FIXT.1.1"]),
    st.sampled_from(["D", "F", "G", "H", "Q", "j", "X", "q", "AF", "x"]),
    st.lists(st.tuples(_TAGS, _VALUES), max_size=25),
)
_ORDERS = st.builds(
    lambda msg_type, fields: (
        f"8=FIX.4.4{SOH}35={msg_type}{SOH}11=A{SOH}41=B{SOH}55=BTCUSDT{SOH}54=1{SOH}38=1{SOH}40=1{SOH}"
        f"530=1{SOH}584=S{SOH}585=1{SOH}320=L{SOH}559=0{SOH}" + "".join(f"{tag}={value}{SOH}" for tag, value in fields)
    ),
    st.sampled_from(["D", "F", "G", "H", "q", "AF", "x"]),
    st.lists(st.tuples(_TAGS, _VALUES), max_size=6),
)


def _assert_safe(value: Any) -> None:
    match value:
        case str():
            assert value.isascii()
            assert value.isprintable()
            assert len(value) <= 512
        case tuple() | list():
            for item in value:
                _assert_safe(item)
        case Decimal():
            assert value.is_finite()
        case int():
            assert -(2**63) <= value < 2**63


@settings(max_examples=400, deadline=None)
@given(st.one_of(_WIRE_TEXT, _MESSAGES, _ORDERS, st.text(max_size=200)))
def test_any_text_gives_a_command_or_a_refusal_in_safe_text(text: str) -> None:
    for value in asdict(decode(text, "S", 1)).values():
        _assert_safe(value)
