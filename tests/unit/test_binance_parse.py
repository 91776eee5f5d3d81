"""Payloads to reports: each documented shape, and that rubbish raises PayloadError and nothing else."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.values import LiquidityInd, Side
from gateway.domain.venue_reports import (
    CloseReason,
    VenueAccepted,
    VenueAmended,
    VenueBalanceMoved,
    VenueClosed,
    VenueTraded,
)
from gateway.venues.binance import answers, parse
from gateway.venues.binance.filters import parse_exchange_info
from gateway.venues.binance.payload import PayloadError, number

REF = answers.OrderRef("main", "ETHBTC", "mine-1")


def event(**changes: Any) -> bytes:
    """An executionReport as the venue documents it, with changes."""
    fields = {
        "e": "executionReport", "E": 1499405658658, "s": "ETHBTC", "c": "mine-1", "S": "BUY", "o": "LIMIT",
        "f": "GTC", "q": "1.00000000", "p": "0.10264410", "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "",
        "x": "NEW", "X": "NEW", "r": "NONE", "i": 4293153, "l": "0.00000000", "z": "0.00000000", "L": "0.00000000",
        "n": "0", "N": None, "T": 1499405658657, "t": -1, "I": 8641984, "w": True, "m": False, "M": False,
        "O": 1499405658657, "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000", "V": "NONE",
    }  # fmt: skip
    return msgspec.json.encode({**fields, **changes})


def test_a_deposit_or_withdrawal() -> None:
    raw = b'{"e":"balanceUpdate","E":1573200697110,"a":"BTC","d":"-100.50000000","T":1573200697068}'
    moved = parse.event("main", raw)[0]
    assert isinstance(moved, VenueBalanceMoved)
    assert (moved.venue_account, moved.asset, moved.qty) == ("main", "BTC", Decimal("-100.5"))
    assert moved.transact_time == 1573200697068_000_000
    assert (moved.symbol, moved.client_id) == ("", ""), "it is about no order"
    for wrong in (b'"NaN"', b"100", b"null"):
        with pytest.raises(PayloadError):
            parse.event("main", raw.replace(b'"-100.50000000"', wrong))


class TestEvents:
    def test_new(self) -> None:
        assert parse.event("main", event()) == (
            VenueAccepted(
                venue_account="main",
                symbol="ETHBTC",
                client_id="mine-1",
                venue_order_id="4293153",
                transact_time=1499405658657_000_000,
            ),
        )

    def test_a_partial_fill(self) -> None:
        raw = event(x="TRADE", X="PARTIALLY_FILLED", l="0.40000000", z="0.4", L="0.10264410", t=77, n="0.0004", N="ETH")
        (traded,) = parse.execution_report("main", raw)
        assert isinstance(traded, VenueTraded)
        assert (traded.trade_id, traded.last_qty, traded.last_px) == ("77", Decimal("0.4"), Decimal("0.1026441"))
        assert (traded.commission, traded.commission_currency) == (Decimal("0.0004"), "ETH")
        assert traded.liquidity is LiquidityInd.REMOVED
        (maker,) = parse.execution_report(
            "main", event(x="TRADE", X="PARTIALLY_FILLED", l="1", z="1", L="1", t=1, m=True)
        )
        assert isinstance(maker, VenueTraded)
        assert maker.liquidity is LiquidityInd.ADDED

    def test_the_last_fill_closes(self) -> None:
        traded, closed = parse.execution_report(
            "main", event(x="TRADE", X="FILLED", l="0.5", z="1.00000000", L="2", t=78)
        )
        assert isinstance(traded, VenueTraded)
        assert isinstance(closed, VenueClosed)
        assert (closed.reason, closed.cum_qty) == (CloseReason.FILLED, Decimal(1))

    @pytest.mark.parametrize(
        ("x", "status", "reason"),
        [
            ("CANCELED", "CANCELED", CloseReason.CANCELED),
            ("EXPIRED", "EXPIRED", CloseReason.EXPIRED),
            ("REJECTED", "REJECTED", CloseReason.REJECTED),
            ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", CloseReason.EXPIRED),
        ],
    )
    def test_ends(self, x: str, status: str, reason: CloseReason) -> None:
        (closed,) = parse.execution_report("main", event(x=x, X=status, z="0.25"))
        assert isinstance(closed, VenueClosed)
        assert (closed.reason, closed.cum_qty, closed.client_id) == (reason, Decimal("0.25"), "mine-1")

    def test_an_order_canceled_elsewhere_is_named_by_the_id_we_know(self) -> None:
        (closed,) = parse.execution_report("main", event(x="CANCELED", X="CANCELED", c="web_1", C="mine-1"))
        assert closed.client_id == "mine-1"

    def test_why_it_was_rejected(self) -> None:
        (closed,) = parse.execution_report("main", event(x="REJECTED", X="REJECTED", r="INSUFFICIENT_BALANCES"))
        assert isinstance(closed, VenueClosed)
        assert closed.text == "INSUFFICIENT_BALANCES"

    def test_an_amend(self) -> None:
        (amended,) = parse.execution_report("main", event(x="REPLACED", X="NEW", q="0.60000000", C="mine-1"))
        assert isinstance(amended, VenueAmended)
        assert amended.qty == Decimal("0.6")

    def test_self_trade_prevention_that_leaves_the_order_working(self) -> None:
        (amended,) = parse.execution_report("main", event(x="TRADE_PREVENTION", X="NEW", q="1.0", A="0.4"))
        assert isinstance(amended, VenueAmended)
        assert amended.qty == Decimal("0.6")

    def test_other_kinds_are_named(self) -> None:
        assert parse.event("main", b'{"e":"outboundAccountPosition","E":1,"u":1,"B":[]}') == "outboundAccountPosition"
        assert parse.event("main", b'{"E":1, "e":"serverShutdown"}') == "serverShutdown"

    def test_the_name_need_not_come_first(self) -> None:
        fields = msgspec.json.decode(event())
        late = {**{name: value for name, value in fields.items() if name != "e"}, "e": "executionReport"}
        assert parse.event("main", msgspec.json.encode(late)) == parse.event("main", event())

    @pytest.mark.parametrize(
        "changes",
        [
            {"x": "SOMETHING_NEW"},
            {"x": "CANCELED", "X": "NEW"},
            {"x": "TRADE", "X": "FILLED", "l": "1", "L": "1", "t": -1},
            {"x": "TRADE", "X": "FILLED", "l": "0", "L": "1", "t": 5},
            {"x": "TRADE", "X": "FILLED", "l": "-1", "L": "1", "t": 5},
            {"x": "TRADE", "X": "FILLED", "l": "NaN", "L": "1", "t": 5},
            {"x": "TRADE", "X": "FILLED", "l": "1e25", "L": "1", "t": 5},
            {"x": "TRADE", "X": "FILLED", "l": "1e999999999", "L": "1", "t": 5},
            {"x": "TRADE", "X": "FILLED", "l": 1.5, "L": "1", "t": 5},
            {"x": "CANCELED", "X": "CANCELED", "z": "-1"},
            {"T": -5},
            {"T": 10**20},
            {"i": "4293153"},
            {"c": None},
        ],
    )
    def test_what_makes_no_sense(self, changes: dict[str, Any]) -> None:
        with pytest.raises(PayloadError):
            parse.event("main", event(**changes))


class TestAnswers:
    def test_an_acknowledged_order(self) -> None:
        raw = b'{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"x","transactTime":1507725176595}'
        (accepted,) = answers.placed(REF, raw)
        assert isinstance(accepted, VenueAccepted)
        assert (accepted.client_id, accepted.venue_order_id) == ("mine-1", "28")

    def test_a_full_answer_tells_fills_and_end(self) -> None:
        raw = msgspec.json.encode(
            {
                "orderId": 28, "transactTime": 1, "status": "FILLED", "executedQty": "10.0",
                "fills": [
                    {"price": "4000.0", "qty": "1.0", "commission": "4.0", "commissionAsset": "USDT", "tradeId": 56},
                    {"price": "3999.0", "qty": "9.0", "commission": "9.0", "commissionAsset": "USDT", "tradeId": 57},
                ],
            }
        )  # fmt: skip
        accepted, first, second, closed = answers.placed(REF, raw)
        assert isinstance(accepted, VenueAccepted)
        assert isinstance(first, VenueTraded)
        assert isinstance(second, VenueTraded)
        assert isinstance(closed, VenueClosed)
        assert [first.trade_id, second.trade_id] == ["56", "57"]
        assert (closed.reason, closed.cum_qty) == (CloseReason.FILLED, Decimal(10))

    def test_a_cancel(self) -> None:
        raw = b'{"orderId":28,"transactTime":1684804350068,"status":"CANCELED","executedQty":"0.50000000"}'
        closed = answers.canceled(REF, raw)
        assert (closed.reason, closed.cum_qty, closed.client_id) == (CloseReason.CANCELED, Decimal("0.5"), "mine-1")

    def test_a_cancel_that_left_the_order_open_is_not_believed(self) -> None:
        with pytest.raises(PayloadError):
            answers.canceled(REF, b'{"orderId":28,"transactTime":1,"status":"NEW","executedQty":"0"}')

    def test_an_amend(self) -> None:
        raw = b'{"transactTime":1741926410255,"executionId":75,"amendedOrder":{"orderId":33,"qty":"5.00000000"}}'
        amended = answers.amended(REF, raw)
        assert (amended.qty, amended.venue_order_id) == (Decimal(5), "33")

    def test_an_order_queried(self) -> None:
        raw = (
            b'{"orderId":1,"clientOrderId":"mine-1","status":"PARTIALLY_FILLED","origQty":"2.0","executedQty":"0.5",'
            b'"side":"SELL","price":"7.50","time":5,"updateTime":7,"preventedQuantity":"0.5"}'
        )
        state = answers.order_state(raw)
        assert (state.qty, state.cum_qty, state.reason) == (Decimal("1.5"), Decimal("0.5"), None)
        assert (state.created_ms, state.transact_time) == (5, 7_000_000)
        assert (state.side, state.price) == (Side.SELL, Decimal("7.5"))

    def test_an_unknown_status(self) -> None:
        with pytest.raises(PayloadError, match="PENDING_SOMETHING"):
            answers.order_state(
                b'{"orderId":1,"clientOrderId":"a","status":"PENDING_SOMETHING","origQty":"2.0","executedQty":"0",'
                b'"side":"BUY","price":"0","time":5,"updateTime":7}'
            )

    def test_an_unknown_side(self) -> None:
        with pytest.raises(PayloadError, match="LEND"):
            answers.order_state(
                b'{"orderId":1,"clientOrderId":"a","status":"NEW","origQty":"2.0","executedQty":"0",'
                b'"side":"LEND","price":"0","time":5,"updateTime":7}'
            )

    def test_trades(self) -> None:
        raw = (
            b'[{"id":9,"orderId":1,"price":"1.5","qty":"2","commission":"0.1","commissionAsset":"BNB","time":5,'
            b'"isMaker":true}]'
        )
        (trade,) = answers.trades(REF, raw)
        assert (trade.trade_id, trade.liquidity) == ("9", LiquidityInd.ADDED)
        assert answers.highest_trade_id([trade]) == 9


def test_exchange_info() -> None:
    raw = b"""{"timezone":"UTC","rateLimits":[{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":9}],
      "symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT",
      "isSpotTradingAllowed":true,"filters":[
      {"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00000000","tickSize":"0.01000000"},
      {"filterType":"LOT_SIZE","minQty":"0.00001000","maxQty":"9000.00000000","stepSize":"0.00001000"},
      {"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"107.1","stepSize":"0.00000000"},
      {"filterType":"NOTIONAL","minNotional":"5.00000000","maxNotional":"9000000.00000000"},
      {"filterType":"ICEBERG_PARTS","limit":10}]},
      {"symbol":"OLDBTC","status":"BREAK","baseAsset":"OLD","quoteAsset":"BTC","filters":[]}]}"""
    instruments, limits = parse_exchange_info(raw)
    btc = instruments["BTCUSDT"]
    assert (btc.base, btc.quote, btc.tradable) == ("BTC", "USDT", True)
    assert str(btc.tick_size) == "0.01"
    assert (btc.qty_step, btc.min_qty, btc.max_qty) == (Decimal("0.00001"), Decimal("0.00001"), Decimal(9000))
    assert (btc.market_qty_step, btc.market_min_qty) == (Decimal("0.00001"), Decimal("0.00001"))
    assert btc.market_max_qty == Decimal("107.1")
    assert (btc.min_notional, btc.max_notional) == (Decimal(5), Decimal(9_000_000))
    assert not instruments["OLDBTC"].tradable
    assert limits[0].limit == 9


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("1.00000000", "1"), ("100", "100"), ("0.00000000", "0"), ("0.10", "0.1"), (".5", "0.5"), ("-2.50", "-2.5")),
        *(("0E-8", "0"), ("1E-8", "1E-8"), ("1.50e-05", "0.000015"), ("1.2E+3", "1200"), ("100E0", "100")),
    ],
)
def test_numbers_lose_the_venues_trailing_zeros(text: str, value: str) -> None:
    assert str(number(text)) == value


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["NEW", "TRADE", "FILLED", "CANCELED", "1.0", "executionReport", "TRADING", "PRICE_FILTER"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
_EVENT_FIELDS = st.dictionaries(st.sampled_from("scxXizTqlLtnNmCrA"), JSON, max_size=6)
_ORDER_FIELDS = st.sampled_from(
    ["orderId", "status", "executedQty", "transactTime", "fills", "origQty", "clientOrderId", "time", "updateTime",
     "symbols", "rateLimits", "amendedOrder", "preventedQuantity"]
)  # fmt: skip
READERS = [
    lambda raw: parse.event("main", raw),
    lambda raw: parse.execution_report("main", raw),
    lambda raw: answers.placed(REF, raw),
    lambda raw: answers.canceled(REF, raw),
    lambda raw: answers.amended(REF, raw),
    answers.order_state,
    answers.order_states,
    lambda raw: answers.trades(REF, raw),
    parse_exchange_info,
]


@given(JSON | st.dictionaries(_ORDER_FIELDS, JSON, max_size=8), st.booleans())
def test_any_json_is_read_or_refused(value: Any, in_list: bool) -> None:
    raw = msgspec.json.encode([value] if in_list else value)
    for reader in READERS:
        try:
            reader(raw)
        except PayloadError:
            continue


@given(_EVENT_FIELDS)
def test_any_change_to_an_event_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        parse.event("main", event(**changes))
    except PayloadError:
        return


@given(st.binary(max_size=60))
def test_any_bytes_are_refused(raw: bytes) -> None:
    for reader in READERS:
        try:
            reader(raw)
        except PayloadError:
            continue
