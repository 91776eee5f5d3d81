"""A client's messages become commands, or refusals that name tag and value."""

from decimal import Decimal

import pytest

from gateway.domain.commands import CancelOrder, NewOrder, ReplaceOrder, RequestStatus
from gateway.domain.events import NewOrderRefused, RequestRefused
from gateway.domain.order import RequestKind
from gateway.domain.reports import BusinessReject, DontKnowTrade, MessageRejected
from gateway.domain.values import CxlRejReason, OrdRejReason, OrdType, Side, TimeInForce
from gateway.engine.ports import Decoded
from gateway.fix.decode import decode

SOH = "\x01"
AT = 1_785_000_000_000_000_000
SESSION = "FIX.4.4:GW->DESK"

ORDER = {11: "ORD-1", 1: "ACME", 55: "BTCUSDT", 54: "1", 38: "0.50", 40: "2", 44: "65000.10", 59: "1"}
REPLACE = {11: "REP-1", 41: "ORD-1", 55: "BTCUSDT", 54: "1", 38: "2", 40: "2", 44: "65001"}


def message(msg_type: str, fields: dict[int, str], begin_string: str = "FIX.4.4", extra: str = "") -> str:
    head = {8: begin_string, 9: "0", 35: msg_type, 34: "12", 49: "DESK", 56: "GW", 52: "20260725-17:20:00"}
    return "".join(f"{tag}={value}{SOH}" for tag, value in (head | fields).items()) + extra + f"10=000{SOH}"


def received(msg_type: str, fields: dict[int, str], begin_string: str = "FIX.4.4", extra: str = "") -> Decoded:
    return decode(message(msg_type, fields, begin_string, extra.replace("|", SOH)), SESSION, AT)


def new_order(change: dict[int, str] | None = None, *, without: tuple[int, ...] = (), extra: str = "") -> Decoded:
    fields = {tag: value for tag, value in (ORDER | (change or {})).items() if tag not in without}
    return received("D", fields, extra=extra)


def accepted(change: dict[int, str] | None = None, *, without: tuple[int, ...] = (), extra: str = "") -> NewOrder:
    order = new_order(change, without=without, extra=extra)
    assert isinstance(order, NewOrder), order
    return order


def test_a_limit_order() -> None:
    assert new_order() == NewOrder(
        session=SESSION,
        cl_ord_id="ORD-1",
        at=AT,
        account="ACME",
        symbol="BTCUSDT",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.GTC,
        order_qty=Decimal("0.50"),
        price=Decimal("65000.10"),
    )


@pytest.mark.parametrize(("value", "ord_type"), [("1", "MARKET"), ("2", "LIMIT"), ("3", "STOP"), ("4", "STOP_LIMIT")])
def test_order_types(value: str, ord_type: str) -> None:
    assert accepted({40: value, 99: "1.5"}).ord_type is OrdType[ord_type]


@pytest.mark.parametrize(("value", "tif"), [("0", "DAY"), ("1", "GTC"), ("3", "IOC"), ("4", "FOK"), ("6", "GTD")])
def test_times_in_force(value: str, tif: str) -> None:
    assert accepted({59: value}).time_in_force is TimeInForce[tif]


def test_absent_fields_take_their_defaults() -> None:
    order = accepted(without=(1, 59, 44))
    assert (order.account, order.time_in_force, order.price) == ("", TimeInForce.DAY, None)


def test_a_client_id_may_hold_any_printable_character() -> None:
    assert accepted({11: "a=b c|d;" + "x" * 56}).cl_ord_id == "a=b c|d;" + "x" * 56


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        ("20260725-17:20:00", 1_785_000_000_000_000_000),
        ("20260725-17:20:00.1", 1_785_000_000_100_000_000),
        ("20260725-17:20:00.123", 1_785_000_000_123_000_000),
        ("20260725-17:20:00.123456", 1_785_000_000_123_456_000),
        ("20260725-17:20:00.123456789", 1_785_000_000_123_456_789),
        ("20261231-23:59:60", 1_798_761_600_000_000_000),
    ],
)
def test_expire_time_is_exact_to_the_nanosecond(value: str, ns: int) -> None:
    assert accepted({59: "6", 126: value}).expire_time == ns


def test_expire_date_is_the_end_of_that_day_and_gives_way_to_expire_time() -> None:
    by_date = accepted({59: "6", 432: "20260725"})
    assert by_date.expire_time == 1_785_024_000_000_000_000
    assert (432, "20260725") in by_date.echo
    both = accepted({59: "6", 432: "20260801", 126: "20260725-17:20:00"})
    assert both.expire_time == AT
    assert 432 not in dict(both.echo), "reports say ExpireTime(126), by which it ends"


def test_exec_inst() -> None:
    assert accepted({18: "6"}).post_only
    assert accepted({18: "1 6"}).post_only
    assert not accepted({18: "1 5 E F"}).post_only


@pytest.mark.parametrize("tag", [43, 97])
def test_a_possible_repeat_is_marked(tag: int) -> None:
    assert accepted({tag: "Y"}).repeated
    assert not accepted({tag: "N"}).repeated


@pytest.mark.parametrize(
    ("change", "reason", "text"),
    [
        ({44: "abc"}, OrdRejReason.OTHER, "Price(44)='abc' is not a decimal number"),
        ({44: "NaN"}, OrdRejReason.OTHER, "Price(44)='NaN' is not a decimal number"),
        ({44: "1e5"}, OrdRejReason.OTHER, "Price(44)='1e5'"),
        ({44: "9" * 21}, OrdRejReason.OTHER, "at most 20"),
        ({99: "inf"}, OrdRejReason.OTHER, "StopPx(99)='inf'"),
        ({38: "٣"}, OrdRejReason.OTHER, "OrderQty(38)='?'"),
        ({54: "5"}, OrdRejReason.UNSUPPORTED, "SIDE_NOT_SUPPORTED side=5"),
        ({40: "P"}, OrdRejReason.UNSUPPORTED, "ORD_TYPE_NOT_SUPPORTED ord_type=P"),
        ({59: "7"}, OrdRejReason.UNSUPPORTED, "TIME_IN_FORCE_NOT_SUPPORTED time_in_force=7"),
        ({18: "6 G"}, OrdRejReason.UNSUPPORTED, "EXEC_INST_NOT_SUPPORTED exec_inst=G"),
        ({21: "3"}, OrdRejReason.UNSUPPORTED, "UNSUPPORTED_VALUE tag=21 field=HandlInst value=3 allowed=1,2"),
        ({111: "5"}, OrdRejReason.UNSUPPORTED, "UNSUPPORTED_FIELD tag=111 field=MaxFloor value=5"),
        ({1138: "5"}, OrdRejReason.UNSUPPORTED, "UNSUPPORTED_FIELD tag=1138"),
        ({110: "5"}, OrdRejReason.UNSUPPORTED, "UNSUPPORTED_FIELD tag=110"),
        ({152: "100"}, OrdRejReason.UNSUPPORTED, "CASH_ORDER_QTY_NOT_SUPPORTED cash_order_qty=100"),
        ({544: "2"}, OrdRejReason.UNSUPPORTED, "UNSUPPORTED_VALUE tag=544"),
        ({55: "btc"}, OrdRejReason.UNKNOWN_SYMBOL, "UNKNOWN_SYMBOL symbol='btc'"),
        ({55: "A" * 33}, OrdRejReason.UNKNOWN_SYMBOL, "UNKNOWN_SYMBOL"),
        ({1: "x" * 65}, OrdRejReason.OTHER, "Account(1)="),
        ({126: "20260725-17:20:00"}, OrdRejReason.OTHER, "UNEXPECTED_EXPIRE_TIME"),
        ({59: "6", 126: "tomorrow"}, OrdRejReason.OTHER, "ExpireTime(126)='tomorrow' is not a time"),
        ({59: "6", 126: "20260230-00:00:00"}, OrdRejReason.OTHER, "is not a time"),
        ({59: "6", 126: "99991231-00:00:00"}, OrdRejReason.OTHER, "is not a time"),
        ({59: "6", 432: "20260230"}, OrdRejReason.OTHER, "ExpireDate(432)='20260230' is not a date"),
        ({15: "\udce9"}, OrdRejReason.OTHER, "Currency(15)='?' cannot be sent back"),
    ],
)
def test_refused_with_reason_tag_and_value(change: dict[int, str], reason: OrdRejReason, text: str) -> None:
    refused = new_order(change)
    assert isinstance(refused, NewOrderRefused)
    assert refused.reason is reason
    assert text in refused.text
    assert (refused.cl_ord_id, refused.order_id, refused.session, refused.at) == ("ORD-1", "", SESSION, AT)


def test_what_asks_for_nothing_is_not_refused() -> None:
    accepted({110: "0", 21: "2", 423: "2", 854: "0", 121: "N", 100: "BINANCE", 20000: "mine", 58: "note"})


def test_a_missing_quantity_is_answered_by_a_report() -> None:
    refused = new_order(without=(38,))
    assert isinstance(refused, NewOrderRefused)
    assert refused.reason is OrdRejReason.INCORRECT_QUANTITY
    assert "OrderQty(38) is missing" in refused.text


def test_a_refusal_shows_the_clients_fields_in_safe_text() -> None:
    refused = new_order({55: "\udce9" * 40, 1: "\x00" * 65, 38: "-3"})
    assert isinstance(refused, NewOrderRefused)
    assert (refused.side, refused.order_qty) == ("1", Decimal(0))
    for text in (refused.symbol, refused.account, refused.text):
        assert text.isascii()
        assert text.isprintable()


@pytest.mark.parametrize(
    ("change", "reason", "text"),
    [
        ({11: ""}, "5", "ClOrdID(11) is missing"),
        ({11: "x" * 65}, "0", "ClOrdID(11)="),
        ({11: "\udce9"}, "0", "ClOrdID(11)='?'"),
        ({55: ""}, "5", "Symbol(55) is missing"),
        ({54: ""}, "5", "Side(54) is missing"),
        ({54: "11"}, "0", "Side(54)='11' is not one character"),
    ],
)
def test_what_no_report_could_carry_is_a_business_reject(change: dict[int, str], reason: str, text: str) -> None:
    reject = new_order(change)
    assert isinstance(reject, BusinessReject)
    assert (reject.reason, reject.ref_seq_num, reject.ref_msg_type) == (reason, 12, "D")
    assert text in reject.text


def test_parties_are_echoed_in_their_order() -> None:
    parties = "453=2|448=A|447=D|452=1|802=1|523=sub|803=4|448=B|447=D|452=3|"
    order = accepted({15: "USDT", 583: "link"}, extra=parties)
    assert set(order.echo[:2]) == {(15, "USDT"), (583, "link")}
    assert order.echo[2:] == (
        (453, "2"),
        *((448, "A"), (447, "D"), (452, "1"), (802, "1"), (523, "sub"), (803, "4")),
        *((448, "B"), (447, "D"), (452, "3")),
    )


def test_parties_have_a_bound() -> None:
    accepted(extra="453=33|" + "448=A|447=D|452=1|" * 33)
    refused = new_order(extra="453=34|" + "448=A|447=D|452=1|" * 34)
    assert isinstance(refused, NewOrderRefused)
    assert "NoPartyIDs(453) has 103 fields in its group; allowed: 100" in refused.text


def test_parties_are_echoed_with_right_counts() -> None:
    order = accepted(extra="453=7|448=A|803=4|447=D|447=E|802=9|523=x|523=y|803=1|")
    expected = ((453, "1"), (448, "A"), (447, "D"), (802, "2"), (523, "x"), (523, "y"), (803, "1"))
    assert order.echo == expected
    assert accepted(extra="453=1|447=D|").echo == ()


def test_what_is_echoed_depends_on_the_version() -> None:
    fields = ORDER | {47: "A", 583: "link", 528: "A", 1028: "Y"}
    orders = [received("D", fields, version) for version in ("FIX.4.2", "FIX.4.4", "FIXT.1.1")]
    assert [order.echo for order in orders if isinstance(order, NewOrder)] == [
        ((47, "A"),),
        ((583, "link"), (528, "A")),
        ((583, "link"), (528, "A"), (1028, "Y")),
    ]


def test_another_version_is_refused_unless_it_is_a_cancel() -> None:
    for msg_type in "DGH":
        refused = received(msg_type, ORDER | {41: "x", 1128: "8"}, "FIXT.1.1")
        assert isinstance(refused, BusinessReject)
        assert refused.text == "ApplVerID(1128)=8 is not supported; allowed: 9 (5.0 SP2)"
    assert isinstance(received("F", {11: "y", 41: "x", 1128: "8"}, "FIXT.1.1"), CancelOrder)
    assert isinstance(received("D", ORDER | {1128: "9"}, "FIXT.1.1"), NewOrder)


def test_a_data_field_smuggles_nothing_in() -> None:
    order = accepted(extra="354=6|355=|44=1||")
    assert order.price == Decimal("65000.10")


def test_a_cancel_needs_its_ids_alone() -> None:
    expected = CancelOrder(session=SESSION, cl_ord_id="CXL-1", at=AT, orig_cl_ord_id="ORD-1")
    assert received("F", {11: "CXL-1", 41: "ORD-1"}) == expected
    assert received("F", {11: "CXL-1", 41: "ORD-1", 55: "\udce9", 54: "Z", 38: "NaN", 111: "5"}) == expected


def test_a_cancel_may_name_the_order_by_order_id() -> None:
    cancel = received("F", {11: "CXL-1", 37: "O-1", 97: "Y"})
    assert isinstance(cancel, CancelOrder)
    assert (cancel.orig_cl_ord_id, cancel.order_id, cancel.repeated) == ("", "O-1", True)


@pytest.mark.parametrize(("msg_type", "kind"), [("F", RequestKind.CANCEL), ("G", RequestKind.REPLACE)])
def test_a_request_that_names_no_order(msg_type: str, kind: RequestKind) -> None:
    refused = received(msg_type, {11: "REQ-1", 38: "1"})
    assert isinstance(refused, RequestRefused)
    assert (refused.kind, refused.cl_ord_id, refused.reason) == (kind, "REQ-1", CxlRejReason.OTHER)
    assert "OrigClOrdID(41) or OrderID(37) must name the order" in refused.text


@pytest.mark.parametrize("msg_type", ["F", "G"])
def test_a_request_without_an_id_is_a_business_reject(msg_type: str) -> None:
    reject = received(msg_type, {41: "ORD-1"})
    assert isinstance(reject, BusinessReject)
    assert (reject.reason, reject.ref_msg_type) == ("5", msg_type)


def test_a_replace_keeps_what_it_leaves_out() -> None:
    replace = received("G", {11: "REP-1", 41: "ORD-1", 38: "2"})
    assert replace == ReplaceOrder(
        session=SESSION, cl_ord_id="REP-1", at=AT, orig_cl_ord_id="ORD-1", order_qty=Decimal(2)
    )


def test_a_replace_that_restates_the_order() -> None:
    replace = received("G", REPLACE | {1: "ACME", 37: "O-1", 59: "1", 99: "3"})
    assert isinstance(replace, ReplaceOrder)
    assert (replace.symbol, replace.side, replace.ord_type) == ("BTCUSDT", Side.BUY, OrdType.LIMIT)
    assert (replace.time_in_force, replace.account, replace.order_id) == (TimeInForce.GTC, "ACME", "O-1")
    assert (replace.order_qty, replace.price, replace.stop_px) == (Decimal(2), Decimal(65001), Decimal(3))


def test_a_replace_may_repeat_what_it_cannot_change() -> None:
    replace = received("G", REPLACE | {18: "6 1", 126: "20260725-17:20:00"})
    assert isinstance(replace, ReplaceOrder)
    assert (replace.post_only, replace.expire_time) == (True, AT)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({38: "x"}, "OrderQty(38)='x'"),
        ({59: "1", 126: "20260725-17:20:00"}, "UNEXPECTED_EXPIRE_TIME"),
        ({54: "9"}, "SIDE_NOT_SUPPORTED side=9"),
        ({54: ""}, "SIDE_NOT_SUPPORTED side="),
        ({55: "btc"}, "UNKNOWN_SYMBOL"),
        ({111: "1"}, "UNSUPPORTED_FIELD tag=111"),
        ({18: "G"}, "EXEC_INST_NOT_SUPPORTED"),
        ({41: "x" * 65}, "OrigClOrdID(41)="),
    ],
)
def test_a_replace_refused(change: dict[int, str], text: str) -> None:
    refused = received("G", REPLACE | change)
    assert isinstance(refused, RequestRefused)
    assert text in refused.text
    assert refused.kind is RequestKind.REPLACE
    assert len(refused.orig_cl_ord_id) <= 64


def test_a_status_request() -> None:
    assert received("H", {11: "ORD-1", 55: "BTCUSDT", 54: "2"}) == RequestStatus(
        session=SESSION, cl_ord_id="ORD-1", at=AT, symbol="BTCUSDT", side=Side.SELL
    )
    by_order_id = received("H", {37: "O-1"})
    assert isinstance(by_order_id, RequestStatus)
    assert (by_order_id.cl_ord_id, by_order_id.order_id, by_order_id.side) == ("", "O-1", None)
    assert isinstance(received("H", {55: "BTCUSDT"}), BusinessReject)


def test_a_status_request_s_own_id_is_echoed_from_4_4_on() -> None:
    asked = {11: "ORD-1", 790: "ask-1"}
    echoes = [received("H", asked, version) for version in ("FIX.4.4", "FIXT.1.1", "FIX.4.2")]
    own = ((790, "ask-1"),)
    assert [r.echo for r in echoes if isinstance(r, RequestStatus)] == [own, own, ()]


def test_dont_know_trade_is_taken_whatever_it_lacks() -> None:
    assert received("Q", {}) == DontKnowTrade(session=SESSION, exec_id="", order_id="", reason="", text="")
    full = received("Q", {37: "O-1", 17: "17", 127: "D", 58: "not ours \udce9"})
    assert full == DontKnowTrade(session=SESSION, exec_id="17", order_id="O-1", reason="D", text="not ours ?")


def test_a_reject_is_never_answered_and_says_what_it_is_about() -> None:
    said = received("j", {45: "7", 372: "8", 380: "3", 379: "O-1", 58: "what \udce9"})
    assert said == MessageRejected(
        session=SESSION,
        msg_type="j",
        ref_seq_num=7,
        reason="RefMsgType(372)=8(ExecutionReport) BusinessRejectReason(380)=3(UnsupportedMessageType) "
        "BusinessRejectRefID(379)=O-1 what ?",
    )
    said = received("3", {45: "x", 371: "9999", 373: "5"})
    assert said == MessageRejected(
        session=SESSION,
        msg_type="3",
        ref_seq_num=0,
        reason="RefTagID(371)=9999 SessionRejectReason(373)=5(ValueOutOfRange)",
    )
    assert received("3", {}) == MessageRejected(session=SESSION, msg_type="3", ref_seq_num=0, reason="")


@pytest.mark.parametrize("msg_type", ["8", "E", "AE", "\udce9"])
def test_other_messages_are_not_for_us(msg_type: str) -> None:
    reject = received(msg_type, {})
    assert isinstance(reject, BusinessReject)
    assert reject.reason == "3"
    assert "is not supported; allowed: D F G H Q" in reject.text


def test_text_that_cannot_be_taken_apart_is_a_business_reject() -> None:
    reject = decode(f"8=FIX.4.4{SOH}9=5{SOH}35=D{SOH}34=77{SOH}nonsense{SOH}", SESSION, AT)
    assert isinstance(reject, BusinessReject)
    assert (reject.ref_msg_type, reject.ref_seq_num, reject.reason) == ("D", 77, "0")
    assert "cannot be taken apart" in reject.text
    assert decode("", SESSION, AT) == BusinessReject(
        session=SESSION,
        ref_seq_num=0,
        ref_msg_type="?",
        ref_id="",
        reason="3",
        text="MsgType(35)= is not supported; allowed: D F G H Q q AF x",
    )
