"""Messages as values, and the order entry's fields in both dialects."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client import ClientError, FixMessage, describe
from gateway.client.message import Fields, encode
from gateway.client.order_entry import OrderEntry
from gateway.client.store import SessionStore


class Recorder(OrderEntry):
    """Keeps what would be sent."""

    def __init__(self, begin_string: str = "FIX.4.4") -> None:
        self.begin_string, self.store = begin_string, SessionStore(None)
        self.sent: list[tuple[str, dict[int, Any]]] = []

    def send(self, msg_type: str, fields: Fields = ()) -> int:
        self.sent.append((msg_type, dict(fields)))
        return len(self.sent)

    def last(self) -> dict[int, Any]:
        fields = dict(self.sent[-1][1])
        fields.pop(60, None)
        return fields


def test_a_limit_order_in_both_dialects() -> None:
    for begin_string, handling in (("FIX.4.4", {}), ("FIX.4.2", {21: "1"})):
        desk = Recorder(begin_string)
        cl_ord_id = desk.new_order(
            "BTCUSDT", "buy", "0.5", price=Decimal("6E+4"), time_in_force="GTC", account="A", exec_inst="6"
        )
        expected = {55: "BTCUSDT", 54: "1", 38: "0.5", 40: "2", 44: "60000", 59: "1", 1: "A", 18: "6"}
        assert desk.last() == {11: cl_ord_id, **handling, **expected}
        assert 60 in desk.sent[0][1]


@pytest.mark.parametrize(
    ("prices", "ord_type"),
    [({}, "1"), ({"price": 1}, "2"), ({"stop_px": 1}, "3"), ({"price": 1, "stop_px": 1}, "4")],
)
def test_the_order_type_follows_from_the_prices(prices: dict[str, Any], ord_type: str) -> None:
    desk = Recorder()
    desk.new_order("BTCUSDT", "sell", 1, **prices)
    assert desk.last()[40] == ord_type
    desk.new_order("BTCUSDT", "sell", 1, ord_type="K", **prices)
    assert desk.last()[40] == "K"


def test_a_replace_keeps_the_terms_it_does_not_change() -> None:
    desk = Recorder("FIX.4.2")
    first = desk.new_order("BTCUSDT", "buy", "1", price="100", time_in_force="DAY", account="A")
    second = desk.replace(first, price="101")
    expected = {55: "BTCUSDT", 54: "1", 38: "1", 40: "2", 44: "101", 59: "0", 1: "A", 21: "1"}
    assert desk.last() == {41: first, 11: second, **expected}
    third = desk.replace(second, order_qty="2")
    assert desk.last() == {41: second, 11: third, **expected, 38: "2"}


def test_cancel_and_status_repeat_symbol_and_side() -> None:
    desk = Recorder()
    order = desk.new_order("BTCUSDT", "sell", "1", price="100")
    cancel = desk.cancel(order, order_id="O1")
    assert desk.last() == {41: order, 11: cancel, 37: "O1", 55: "BTCUSDT", 54: "2", 38: "1"}
    desk.status(order)
    assert (desk.sent[-1][0], desk.last()) == ("H", {11: order, 55: "BTCUSDT", 54: "2"})


def test_unknown_orders_need_their_terms() -> None:
    desk = Recorder()
    with pytest.raises(ClientError, match="order x is not remembered: give its symbol and side"):
        desk.cancel("x")
    with pytest.raises(ClientError, match="give symbol, side, order_qty too"):
        desk.replace("x", price="1")
    desk.cancel("x", symbol="BTCUSDT", side="buy")
    desk.replace("x", symbol="BTCUSDT", side="buy", order_qty="1", price="2")
    assert desk.last()[40] == "2"


def test_extra_fields_replace_the_builders_own() -> None:
    desk = Recorder()
    desk.new_order("BTCUSDT", "buy", "1", extra=[(38, "-1"), (9999, "x")])
    assert (desk.last()[38], desk.last()[9999]) == ("-1", "x")


def test_generated_ids_are_unique() -> None:
    assert len({OrderEntry.new_cl_ord_id() for _ in range(1000)}) == 1000


def test_floats_are_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        Recorder().new_order("BTCUSDT", "buy", 0.5)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(TypeError, match="float"):
        encode("FIX.4.4", "D", [], [(38, 0.5)])  # type: ignore[list-item]  # the point of the test


def test_header_fields_among_the_others_replace_the_usual_ones() -> None:
    message = FixMessage(encode("FIX.4.4", "D", [(49, "DESK"), (34, 1)], [(11, "x"), (34, 5), (43, "Y")]))
    assert [pair for pair in message.fields if pair[0] not in {8, 9, 10}] == [
        *((35, "D"), (49, "DESK"), (34, "5"), (43, "Y"), (11, "x")),
    ]


def test_data_fields_may_hold_soh() -> None:
    raw = encode("FIX.4.4", "8", [(34, 1)], [(354, 8), (355, b"a\x0144=1\x01b"), (58, "x")])
    assert FixMessage(raw).get(355) == "a\x0144=1\x01b"
    assert FixMessage(raw).get(44) is None
    assert FixMessage(raw)[58] == "x"


def test_lookups() -> None:
    message = FixMessage(encode("FIX.4.4", "8", [(34, 7)], [(448, "a"), (448, "b"), (44, "1.50")]), at=5)
    assert (message.type, message.seq, message.at, message.all(448)) == ("8", 7, 5, ["a", "b"])
    assert message.decimal(44) == Decimal("1.50")
    assert 44 in message
    assert 45 not in message
    with pytest.raises(KeyError, match=r"tag 45 is not in 8=FIX\.4\.4"):
        message[45]


@given(st.lists(st.tuples(st.integers(5000, 9999), st.binary(min_size=1).filter(lambda v: b"\x01" not in v))))
def test_any_value_survives_encoding_and_decoding(fields: list[tuple[int, bytes]]) -> None:
    raw = encode("FIX.4.4", "8", [(34, 1)], fields)
    decoded = [(tag, value.encode("utf-8", "surrogateescape")) for tag, value in FixMessage(raw).fields]
    assert decoded[4:-1] == fields


@given(st.binary(max_size=200))
def test_any_bytes_can_be_shown(data: bytes) -> None:
    describe(FixMessage(data)).encode()
