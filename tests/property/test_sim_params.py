"""No parameter value, however odd, makes the simulated exchange fail: it accepts or refuses with a code."""

import time
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.simulator.accounts import sandbox_accounts
from gateway.simulator.api import METHODS, Api
from gateway.simulator.clock import Clock
from gateway.simulator.errors import ApiError
from gateway.simulator.exchange import Exchange
from gateway.simulator.limits import Limits
from gateway.simulator.maker import Maker
from gateway.simulator.signing import check_timing
from gateway.simulator.symbols import ORDER_TYPES, STP_MODES, default_symbols
from gateway.simulator.user_stream import UserStream

NUMBERS = st.one_of(
    st.sampled_from(("0", "1", "0.1", "100", "100.01", "1e-05", "1E9", "1e99", "99999999999", "0." + "0" * 19 + "1")),
    st.sampled_from(("-1", "NaN", "Infinity", "", " 1", "1.", ".5", "+1", "0x10", "\u0661", "1e", "9" * 20, "1,5")),
    st.decimals(0, 1_000_000, places=4).map(str),
    st.integers(-5, 10**12),
)
ANYTHING = st.one_of(NUMBERS, st.text(max_size=40), st.none(), st.booleans(), st.lists(st.integers(), max_size=2))
NAMES = sorted(frozenset().union(*(method.allowed for method in METHODS.values())))
EXCHANGE = Exchange(default_symbols(), sandbox_accounts(), UserStream())
Maker(EXCHANGE).step(0)
API = Api(EXCHANGE, Limits(enforced=False), Clock())


def run(method: str, params: dict[str, Any]) -> None:
    account = EXCHANGE.accounts.by_name["main"]
    answer = API.run(METHODS[method], params, "127.0.0.1", lambda _now: account)
    assert answer.status < 500, answer.body
    if answer.status != 200:
        assert msgspec.json.decode(answer.body)["code"] < 0


@example(kind="MARKET", side="BUY", mode="NONE", tif=None, numbers={"quoteOrderQty": "1e99"})
@example(kind="LIMIT", side="BUY", mode="NONE", tif="GTC", numbers={"quantity": "1e99", "price": "1e99"})
@given(
    kind=st.sampled_from(ORDER_TYPES),
    side=st.sampled_from(("BUY", "SELL")),
    mode=st.sampled_from(STP_MODES),
    tif=st.sampled_from(("GTC", "IOC", "FOK", None)),
    numbers=st.dictionaries(st.sampled_from(("quantity", "quoteOrderQty", "price", "stopPrice")), NUMBERS),
)
def test_orders_of_any_numbers(kind: str, side: str, mode: str, tif: str | None, numbers: dict[str, Any]) -> None:
    params = {"symbol": "LTCUSDT", "side": side, "type": kind, "selfTradePreventionMode": mode} | numbers
    run("order.place", params | ({"timeInForce": tif} if tif else {}))


@given(method=st.sampled_from(sorted(METHODS)), params=st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=8))
def test_any_method_with_any_parameters(method: str, params: dict[str, Any]) -> None:
    run(method, {"symbol": "LTCUSDT"} | params)


@given(timestamp=ANYTHING, window=ANYTHING)
def test_timing_of_anything(timestamp: Any, window: Any) -> None:
    with suppress(ApiError):
        check_timing(timestamp, window, time.time_ns() // 1_000_000)
