"""What error answers allow to conclude."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.values import OrdRejReason
from gateway.venues.binance.errors import ErrorBody, ErrorData, Kind, classify

REASONS = [
    (-1121, "Invalid symbol.", OrdRejReason.UNKNOWN_SYMBOL),
    (-2010, "Market is closed.", OrdRejReason.EXCHANGE_CLOSED),
    (-1013, "Market is closed.", OrdRejReason.EXCHANGE_CLOSED),
    (-2010, "Account has insufficient balance for requested action.", OrdRejReason.EXCEEDS_LIMIT),
    (-1013, "Filter failure: MAX_NUM_ORDERS", OrdRejReason.EXCEEDS_LIMIT),
    (-1013, "Filter failure: EXCHANGE_MAX_NUM_ORDERS", OrdRejReason.EXCEEDS_LIMIT),
    (-1013, "Filter failure: MAX_POSITION", OrdRejReason.EXCEEDS_LIMIT),
    (-2010, "Duplicate order sent.", OrdRejReason.DUPLICATE_ORDER),
    (-1013, "Filter failure: LOT_SIZE", OrdRejReason.INCORRECT_QUANTITY),
    (-1013, "Filter failure: MARKET_LOT_SIZE", OrdRejReason.INCORRECT_QUANTITY),
    (-1116, "Invalid orderType.", OrdRejReason.UNSUPPORTED),
    (-2010, "Order would immediately match and take.", OrdRejReason.UNSUPPORTED),
    (-2010, "Stop loss orders are not supported for this symbol.", OrdRejReason.UNSUPPORTED),
    (-1022, "Signature for this request is not valid.", OrdRejReason.BROKER_OPTION),
    (-2014, "API-key format invalid.", OrdRejReason.BROKER_OPTION),
    (-2015, "Invalid API-key, IP, or permissions for action.", OrdRejReason.BROKER_OPTION),
    (-1013, "Filter failure: PRICE_FILTER", OrdRejReason.OTHER),
    (-1013, "Filter failure: NOTIONAL", OrdRejReason.OTHER),
    (-1021, "Timestamp for this request is outside of the recvWindow.", OrdRejReason.OTHER),
    (-9999, "Something new.", OrdRejReason.OTHER),
]


@pytest.mark.parametrize(("code", "msg", "reason"), REASONS)
def test_certain_refusals(code: int, msg: str, reason: OrdRejReason) -> None:
    failure = classify(400, ErrorBody(code, msg))
    assert failure.kind is Kind.REFUSED
    assert failure.reason is reason
    assert failure.text == f"{code} {msg}"


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007])
def test_codes_that_leave_the_outcome_open(code: int) -> None:
    assert classify(400, ErrorBody(code, "…")).kind is Kind.UNKNOWN


@given(st.integers(500, 599), st.integers(-3000, -1), st.text(max_size=20))
def test_no_5xx_is_ever_certain(status: int, code: int, msg: str) -> None:
    assert classify(status, ErrorBody(code, msg)).kind is Kind.UNKNOWN
    assert classify(status, None).kind is Kind.UNKNOWN


@pytest.mark.parametrize("status", [400, 404, 409, 200, 0, 302])
def test_an_unreadable_error_proves_nothing(status: int) -> None:
    assert classify(status, None).kind is Kind.UNKNOWN


def test_turned_away_at_the_door() -> None:
    assert classify(403, None).kind is Kind.REFUSED
    limited = classify(429, None, retry_at_ms=7)
    assert (limited.kind, limited.retry_at_ms) == (Kind.RATE_LIMITED, 7)


@pytest.mark.parametrize(("status", "code"), [(429, -1003), (418, -1003), (429, -1015), (400, -1003), (400, -1015)])
def test_rate_limits_name_their_time(status: int, code: int) -> None:
    failure = classify(status, ErrorBody(code, "Too many", ErrorData(1_700_000_000_000)), retry_at_ms=5)
    assert failure.kind is Kind.RATE_LIMITED
    assert failure.retry_at_ms == 1_700_000_000_000
    assert failure.reason is OrdRejReason.EXCEEDS_LIMIT


@pytest.mark.parametrize(
    ("code", "msg", "unknown"),
    [
        (-2013, "Order does not exist.", True),
        (-2011, "Unknown order sent.", True),
        (-2038, "Unknown order sent.", True),
        (-2011, "Order was not canceled due to cancel restrictions.", False),
        (-1102, "Unknown order sent.", False),
    ],
)
def test_orders_the_venue_does_not_know(code: int, msg: str, unknown: bool) -> None:
    assert classify(400, ErrorBody(code, msg)).order_unknown is unknown


@pytest.mark.parametrize(
    ("code", "msg", "doubted"),
    [
        (-2010, "Market is closed.", True),
        (-1013, "Filter failure: LOT_SIZE", True),
        (-1013, "Filter failure: NOTIONAL", True),
        (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", False),
        (-2010, "Account has insufficient balance for requested action.", False),
    ],
)
def test_a_refusal_that_the_instruments_should_have_foreseen_doubts_them(code: int, msg: str, doubted: bool) -> None:
    assert classify(400, ErrorBody(code, msg)).instruments_doubted is doubted
