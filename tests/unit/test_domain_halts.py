"""Which halt denies which order."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.halts import FIRM, Halt, Halts, HaltScope, TradingState
from gateway.domain.risk.terms import OrderTerms
from gateway.domain.totals import Totals
from gateway.domain.values import OrdType, Side, TimeInForce

HERE = HaltScope("ACME", "DESK", "BTCUSDT", "main", "binance")
A, R, H = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def order(side: Side = Side.BUY, opens: str = "1", **more: Any) -> OrderTerms:
    qty = Decimal(opens)
    return OrderTerms(
        "BTCUSDT", side, OrdType.LIMIT, TimeInForce.GTC, qty, Decimal(1), None, post_only=False, opens_qty=qty, **more
    )


def code(halts: Halts, terms: OrderTerms, totals: Totals | None = None) -> str:
    denial = halts.denial(terms, HERE, totals or Totals())
    return "" if denial is None else denial.text


def halt(scope: HaltScope, state: TradingState) -> Halt:
    return Halt(scope, state, "why", 0, "root", 0)


scopes = st.builds(
    HaltScope,
    st.sampled_from(["", "ACME", "OTHER"]),
    st.sampled_from(["", "DESK", "OMS"]),
    st.sampled_from(["", "BTCUSDT", "ETHUSDT"]),
    st.sampled_from(["", "main", "second"]),
    st.sampled_from(["", "binance", "other"]),
)


@given(st.dictionaries(scopes, st.sampled_from(TradingState), max_size=6))
def test_the_strictest_of_the_scopes_that_hold_an_order_counts(states: dict[HaltScope, TradingState]) -> None:
    halts = Halts(halt(scope, state) for scope, state in states.items())
    over_it = [s for scope, s in states.items() if all(p in ("", o) for p, o in zip(scope, HERE, strict=True))]
    said = code(halts, order())
    if H in over_it:
        assert said.startswith("TRADING_HALTED scope=")
    elif R in over_it:
        assert said.startswith("REDUCE_ONLY scope=")
    else:
        assert said == ""
    assert bool(halts) is any(state is not A for state in states.values()), "what is active again is forgotten"


def test_reducing_lets_pass_what_cannot_add_to_the_position() -> None:
    halts, totals = Halts([halt(FIRM, R)]), Totals()
    totals.hold("ACME", "BTCUSDT", Decimal(3), "DESK")
    totals.hold("ACME", "BTCUSDT", Decimal(2), "OMS")
    assert code(halts, order(Side.SELL, "5"), totals) == ""
    assert code(halts, order(Side.SELL, "5.1"), totals) == "REDUCE_ONLY scope=firm position=5 open=0 order=5.1"
    assert code(halts, order(Side.BUY, "0.1"), totals).startswith("REDUCE_ONLY")
    assert code(halts, order(Side.BUY, "0", is_new=False), totals) == "", "a replace that opens nothing"
    halts.put(halt(HaltScope(symbol="BTCUSDT"), H))
    assert code(halts, order(Side.SELL, "1"), totals) == "TRADING_HALTED scope=symbol:BTCUSDT"
    halts.put(halt(HaltScope(symbol="BTCUSDT"), A))
    assert code(halts, order(Side.SELL, "1"), totals) == ""


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        (FIRM, "firm"),
        (HaltScope("ACME", "", "BTCUSDT"), "account:ACME,symbol:BTCUSDT"),
        (HaltScope(venue_account="main", venue="binance"), "venue_account:main,venue:binance"),
    ],
)
def test_how_a_scope_is_written(scope: HaltScope, text: str) -> None:
    assert str(scope) == text
