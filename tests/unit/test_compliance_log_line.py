"""Times and directions as engines write them in front of a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compliance.logs.log_line import fix_time, line_direction, line_time

AT = 1_769_881_234_000_000_000  # 2026-01-31T17:40:34Z


@pytest.mark.parametrize(
    ("before", "at"),
    [
        (b"20260131-17:40:34.123456789 : ", AT + 123_456_789),  # QuickFIX C++
        (b"20260131-17:40:34: ", AT),  # QuickFIX/J
        (b"<20260131-17:40:34, FIX.4.4:A->B, incoming> (", AT),  # QuickFIX/J, on a screen
        (b"20260131-17:40:34.123 : ", AT + 123_000_000),  # QuickFIX/n
        (b"2026/01/31 17:40:34.123456 ", AT + 123_456_000),  # quickfixgo
        (b"2026-01-31T18:40:34,5+01:00 INFO in ", AT + 500_000_000),
        (b"2026-01-31T12:40:34Z ", AT - 5 * 3600 * 10**9),
        (b"2026-01-31 12:40:34 -0500 ", AT),
        (b"17:40:34 ", None),
        (b"20261331-17:40:34 : ", None),
        (b"99990131-17:40:34 : ", None),
        (b"", None),
    ],
)
def test_line_time(before: bytes, at: int | None) -> None:
    assert line_time(before) == at


@pytest.mark.parametrize(
    ("before", "direction"),
    [
        (b"<20260131-17:40:34, FIX.4.4:A->B, incoming> (", "in"),
        (b"<20260131-17:40:34, FIX.4.4:A->B, outgoing> (", "out"),
        (b"20260131-17:40:34 : <", "in"),
        (b"17:40:34 --> ", "out"),
        (b"RECV: ", "in"),
        (b"Sent ", "out"),
        (b"20260131-17:40:34.123 : ", None),
        (b"sent, not received: ", None),
        (b"finding ", None),
    ],
)
def test_line_direction(before: bytes, direction: str | None) -> None:
    assert line_direction(before) == direction


@given(
    st.text(max_size=30) | st.from_regex(r"\d{8}-\d\d:\d\d:\d\d(\.\d{0,12})?", fullmatch=True), st.binary(max_size=60)
)
def test_no_text_raises_and_every_time_fits_sql(text: str, before: bytes) -> None:
    for at in (fix_time(text), line_time(text.encode("utf-8", "replace")), line_time(before)):
        assert at is None or abs(at) < 2**63
    line_direction(before)


def test_fix_time() -> None:
    assert fix_time("20260131-17:40:34") == AT
    assert fix_time("20260131-17:40:34.007") == AT + 7_000_000
    assert fix_time("20260131") is None
