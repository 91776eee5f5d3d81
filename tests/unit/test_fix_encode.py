"""Reports become messages that each version's dictionary accepts, and that say what the version means by them."""

from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
import quickfix

from gateway.domain.commands import Echo, RequestStatus
from gateway.domain.events import NewOrderRefused, OrderFilled
from gateway.domain.order import Ended, Leg, LegState, Order, Request, RequestKind, Terms
from gateway.domain.reports import BusinessReject, CancelReject, ExecutionReport, Report
from gateway.domain.values import (
    CxlRejReason,
    ExecType,
    LiquidityInd,
    OrdRejReason,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
)
from gateway.fix.codec import Codec
from gateway.fix.decode_fields import ECHOED, UNSUPPORTED
from gateway.fix.dialect import Dialect
from gateway.fix.encode import encode, utc_timestamp
from gateway.fix.outgoing import to_quickfix
from gateway.wire.raw import first_values, split_fields

SOH = "\x01"
AT = 1_785_000_000_123_456_789
TIME = "20260725-17:20:00.123"
SESSION = "FIX.4.4:GW->DESK"
DIALECTS: tuple[Dialect, ...] = ("FIX.4.2", "FIX.4.4")
SPECS = Path(__file__).parents[2] / "fix_specs"

ORDER = Order(
    order_id="O-1",
    session=SESSION,
    cl_ord_id="ORD-1",
    first_cl_ord_id="ORD-1",
    account="ACME",
    venue_account="main",
    symbol="BTCUSDT",
    side=Side.BUY,
    ord_type=OrdType.LIMIT,
    time_in_force=TimeInForce.GTC,
    terms=Terms(Decimal("0.50"), Decimal("65000.10")),
    received_at=AT,
    acknowledged=True,
    legs=(Leg(1, "P-O-1-1", Decimal("0.50"), LegState.OPEN, "987"),),
)
PARTLY = ORDER._replace(cum_qty=Decimal("0.2"), cum_notional=Decimal("13000.02"))
FILLED = ORDER._replace(cum_qty=Decimal("0.5"), cum_notional=Decimal("32500.05"))
REPLACED = ORDER._replace(cl_ord_id="REP-1")
CANCEL = Request(RequestKind.CANCEL, "CXL-1", "ORD-1")
REPLACE = Request(RequestKind.REPLACE, "REP-1", "ORD-1", Terms(Decimal(1), Decimal(65000)))
FILL = OrderFilled(
    order_id="O-1",
    at=AT,
    leg=1,
    trade_id="555",
    venue_order_id="987",
    last_qty=Decimal("0.2"),
    last_px=Decimal("65000.10"),
    commission=Decimal("0.00002"),
    commission_currency="BNB",
    liquidity=LiquidityInd.REMOVED,
    transact_time=AT,
)
REFUSED = NewOrderRefused(
    order_id="",
    at=AT,
    session=SESSION,
    cl_ord_id="ORD-1",
    symbol="BTCUSDT",
    side="5",
    order_qty=Decimal("0.5"),
    account="ACME",
    reason=OrdRejReason.UNSUPPORTED,
    text="SIDE_NOT_SUPPORTED side=5",
)
STATUS_REQUEST = RequestStatus(session=SESSION, cl_ord_id="GONE", at=AT, symbol="ETHUSDT", side=Side.SELL)


def report(
    exec_type: ExecType,
    order: Order | None,
    *,
    cl_ord_id: str = "ORD-1",
    orig_cl_ord_id: str = "",
    exec_id: int = 17,
    fill: OrderFilled | None = None,
    exec_ref_id: int | None = None,
    last: tuple[Decimal, Decimal] | None = None,
    ord_rej_reason: OrdRejReason | None = None,
    restatement_reason: str = "",
    text: str = "",
    refused: NewOrderRefused | RequestStatus | None = None,
    echo: Echo = (),
) -> ExecutionReport:
    return ExecutionReport(
        session=SESSION,
        exec_id=exec_id,
        exec_type=exec_type,
        order=order,
        cl_ord_id=cl_ord_id,
        orig_cl_ord_id=orig_cl_ord_id,
        transact_time=AT,
        fill=fill,
        exec_ref_id=exec_ref_id,
        last_qty=last[0] if last else None,
        last_px=last[1] if last else None,
        ord_rej_reason=ord_rej_reason,
        restatement_reason=restatement_reason,
        text=text,
        refused=refused,
        echo=echo,
    )


def cancel_reject(
    order: Order | None = ORDER,
    *,
    kind: RequestKind = RequestKind.CANCEL,
    orig_cl_ord_id: str = "ORD-1",
    reason: CxlRejReason = CxlRejReason.TOO_LATE,
    text: str = "the order is over",
) -> CancelReject:
    return CancelReject(
        session=SESSION,
        exec_id=20,
        order=order,
        ord_status=order.ord_status if order else OrdStatus.REJECTED,
        kind=kind,
        cl_ord_id="CXL-1",
        orig_cl_ord_id=orig_cl_ord_id,
        cxl_rej_reason=reason,
        transact_time=AT,
        text=text,
    )


def business_reject(ref_seq_num: int = 12, ref_id: str = "ORD-1") -> BusinessReject:
    return BusinessReject(
        session=SESSION,
        ref_seq_num=ref_seq_num,
        ref_msg_type="D",
        ref_id=ref_id,
        reason="5",
        text="Side(54) is missing",
    )


@cache
def dictionary(dialect: Dialect) -> quickfix.DataDictionary:
    return quickfix.DataDictionary(str(SPECS / f"{dialect.replace('.', '')}.xml"))


def on_the_wire(body: str, dialect: Dialect) -> str:
    """The whole message as QuickFIX writes it, once the dictionary has accepted it."""
    built = to_quickfix(body, dictionary(dialect))
    head = {8: dialect, 49: "GW", 56: "DESK", 34: "1", 52: "20260725-17:20:00"}
    for tag, value in head.items():
        built.getHeader().setField(tag, value)
    text = str(built.toString())
    dictionary(dialect).validate(quickfix.Message(text, dictionary(dialect), True))
    return text


def fields(given: Report, dialect: Dialect) -> dict[int, str]:
    """The report's body fields, from a message the dictionary accepts."""
    header_and_trailer = (8, 9, 10, 34, 49, 52, 56)
    values = first_values(on_the_wire(encode(given, dialect), dialect))
    return {tag: value for tag, value in values.items() if tag not in header_and_trailer}


NEW_42 = {
    35: "8",
    37: "O-1",
    11: "ORD-1",
    17: "17",
    20: "0",
    150: "0",
    39: "0",
    1: "ACME",
    55: "BTCUSDT",
    54: "1",
    38: "0.50",
    40: "2",
    44: "65000.10",
    59: "1",
    14: "0",
    151: "0.50",
    6: "0",
    60: TIME,
    32: "0",
    31: "0",
    198: "987",
}
NEW_44 = {tag: value for tag, value in NEW_42.items() if tag not in (20, 31, 32)}
FILL_42 = {150: "1", 39: "1", 14: "0.2", 151: "0.30", 6: "65000.1", 32: "0.2", 31: "65000.10", 12: "0.00002", 13: "3"}
FILL_44 = FILL_42 | {150: "F", 527: "555", 479: "BNB", 851: "2"}


def test_a_new_order_s_report_is_complete_in_both_versions() -> None:
    new = report(ExecType.NEW, ORDER)
    assert fields(new, "FIX.4.2") == NEW_42
    assert fields(new, "FIX.4.4") == NEW_44


def test_a_fill_s_report_is_complete_in_both_versions() -> None:
    fill = report(ExecType.TRADE, PARTLY, fill=FILL)
    assert fields(fill, "FIX.4.2") == NEW_42 | FILL_42
    assert fields(fill, "FIX.4.4") == NEW_44 | FILL_44


# What each report says: report, what 4.4 sets, what 4.2 sets.
SAID: dict[str, tuple[Report, dict[int, str], dict[int, str]]] = {
    "pending new": (
        report(ExecType.PENDING_NEW, ORDER._replace(acknowledged=False)),
        {150: "A", 39: "A"},
        {20: "0", 150: "A", 39: "A"},
    ),
    "last fill": (
        report(ExecType.TRADE, FILLED, fill=FILL),
        {150: "F", 39: "2", 151: "0", 14: "0.5"},
        {20: "0", 150: "2", 39: "2", 151: "0"},
    ),
    "fill while a cancel is pending": (
        report(ExecType.TRADE, PARTLY._replace(requests=(CANCEL,)), fill=FILL),
        {150: "F", 39: "6", 11: "ORD-1"},
        {20: "0", 150: "1", 39: "6"},
    ),
    "pending cancel": (
        report(ExecType.PENDING_CANCEL, ORDER._replace(requests=(CANCEL,)), cl_ord_id="CXL-1", orig_cl_ord_id="ORD-1"),
        {150: "6", 39: "6", 11: "CXL-1", 41: "ORD-1"},
        {20: "0", 150: "6", 39: "6", 11: "CXL-1", 41: "ORD-1"},
    ),
    "pending replace": (
        report(
            ExecType.PENDING_REPLACE, ORDER._replace(requests=(REPLACE,)), cl_ord_id="REP-1", orig_cl_ord_id="ORD-1"
        ),
        {150: "E", 39: "E", 38: "0.50"},
        {20: "0", 150: "E", 39: "E", 38: "0.50"},
    ),
    "replaced with nothing executed": (
        report(ExecType.REPLACED, REPLACED, cl_ord_id="REP-1", orig_cl_ord_id="ORD-1"),
        {150: "5", 39: "0", 41: "ORD-1"},
        {20: "0", 150: "5", 39: "5", 41: "ORD-1"},
    ),
    "replaced after an execution": (
        report(ExecType.REPLACED, PARTLY._replace(cl_ord_id="REP-1"), cl_ord_id="REP-1", orig_cl_ord_id="ORD-1"),
        {150: "5", 39: "1"},
        {20: "0", 150: "5", 39: "1"},
    ),
    "canceled": (
        report(ExecType.CANCELED, PARTLY._replace(ended=Ended.CANCELED), cl_ord_id="CXL-1", orig_cl_ord_id="ORD-1"),
        {150: "4", 39: "4", 151: "0", 14: "0.2"},
        {20: "0", 150: "4", 39: "4", 151: "0", 14: "0.2"},
    ),
    "expired": (
        report(ExecType.EXPIRED, ORDER._replace(ended=Ended.EXPIRED)),
        {150: "C", 39: "C"},
        {20: "0", 150: "C", 39: "C"},
    ),
    "rejected": (
        report(
            ExecType.REJECTED,
            ORDER._replace(ended=Ended.REJECTED, legs=()),
            ord_rej_reason=OrdRejReason.INCORRECT_QUANTITY,
            text="LOT_SIZE order=0.51 step=0.1",
        ),
        {150: "8", 39: "8", 103: "13", 58: "LOT_SIZE order=0.51 step=0.1", 151: "0"},
        {20: "0", 150: "8", 39: "8", 103: "0", 58: "LOT_SIZE order=0.51 step=0.1"},
    ),
    "restated": (
        report(ExecType.RESTATED, ORDER, restatement_reason="8", text="reduced by the venue"),
        {150: "D", 39: "0", 378: "8"},
        {20: "0", 150: "D", 39: "0", 378: "4"},
    ),
    "busted": (
        report(ExecType.TRADE_CANCEL, ORDER, exec_ref_id=15, last=(Decimal("0.2"), Decimal(65000))),
        {150: "H", 39: "0", 19: "15", 32: "0.2", 31: "65000"},
        {20: "1", 150: "1", 39: "0", 19: "15", 32: "0.2", 31: "65000"},
    ),
    "corrected": (
        report(ExecType.TRADE_CORRECT, PARTLY, exec_ref_id=15, last=(Decimal("0.2"), Decimal(65001))),
        {150: "G", 39: "1", 19: "15", 31: "65001"},
        {20: "2", 150: "1", 39: "1", 19: "15", 31: "65001"},
    ),
    "status": (
        report(ExecType.ORDER_STATUS, PARTLY, exec_id=0),
        {17: "0", 150: "I", 39: "1", 14: "0.2"},
        {17: "0", 20: "3", 150: "1", 39: "1", 14: "0.2"},
    ),
    "status of a replaced order": (
        report(ExecType.ORDER_STATUS, REPLACED, exec_id=0, cl_ord_id="REP-1"),
        {17: "0", 150: "I", 39: "0"},
        {17: "0", 20: "3", 150: "5", 39: "5"},
    ),
    "outcome unknown": (
        report(ExecType.ORDER_STATUS, ORDER, exec_id=18, text="outcome unknown: timeout"),
        {17: "0", 150: "I", 39: "0", 58: "outcome unknown: timeout"},
        {17: "0", 20: "3", 150: "0", 39: "0"},
    ),
    "order refused before it was one": (
        report(ExecType.REJECTED, None, ord_rej_reason=OrdRejReason.UNSUPPORTED, text=REFUSED.text, refused=REFUSED),
        {37: "NONE", 17: "17", 150: "8", 39: "8", 103: "11", 54: "5", 38: "0.5", 1: "ACME", 151: "0", 14: "0", 6: "0"},
        {37: "NONE", 17: "17", 20: "0", 150: "8", 39: "8", 103: "0", 54: "5", 38: "0.5", 1: "ACME"},
    ),
    "status of an unknown order": (
        report(
            ExecType.ORDER_STATUS,
            None,
            cl_ord_id="GONE",
            exec_id=0,
            ord_rej_reason=OrdRejReason.UNKNOWN_ORDER,
            text="unknown order",
            refused=STATUS_REQUEST,
        ),
        {37: "NONE", 17: "0", 11: "GONE", 150: "I", 39: "8", 103: "5", 55: "ETHUSDT", 54: "2"},
        {37: "NONE", 17: "0", 11: "GONE", 20: "3", 150: "8", 39: "8", 103: "5"},
    ),
    "status of an unknown order that the request hardly describes": (
        report(
            ExecType.ORDER_STATUS,
            None,
            cl_ord_id="",
            exec_id=0,
            refused=replace(STATUS_REQUEST, cl_ord_id="", symbol="", side=None, order_id="O-9"),
        ),
        {37: "NONE", 55: "[N/A]", 54: "7"},
        {37: "NONE", 55: "[N/A]", 54: "7"},
    ),
    "cancel rejected": (
        cancel_reject(FILLED),
        {37: "O-1", 11: "CXL-1", 41: "ORD-1", 39: "2", 434: "1", 102: "0", 1: "ACME", 60: TIME},
        {37: "O-1", 11: "CXL-1", 41: "ORD-1", 39: "2", 434: "1", 102: "0", 1: "ACME", 60: TIME},
    ),
    "replace rejected": (
        cancel_reject(REPLACED, kind=RequestKind.REPLACE, reason=CxlRejReason.OTHER),
        {39: "0", 434: "2", 102: "99"},
        {39: "5", 434: "2", 102: "2"},
    ),
    "cancel with a ClOrdID that is taken": (
        cancel_reject(reason=CxlRejReason.DUPLICATE_CL_ORD_ID),
        {102: "6"},
        {102: "2"},
    ),
    "cancel of an unknown order": (
        cancel_reject(None, orig_cl_ord_id="", reason=CxlRejReason.UNKNOWN_ORDER),
        {37: "NONE", 41: "NONE", 39: "8", 102: "1"},
        {37: "NONE", 41: "NONE", 39: "8", 102: "1"},
    ),
    "cancel by OrderID alone": (cancel_reject(orig_cl_ord_id=""), {41: "ORD-1"}, {41: "ORD-1"}),
    "business reject": (
        business_reject(),
        {35: "j", 45: "12", 372: "D", 379: "ORD-1", 380: "5", 58: "Side(54) is missing"},
        {35: "j", 45: "12", 372: "D", 379: "ORD-1", 380: "5", 58: "Side(54) is missing"},
    ),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", SAID)
def test_what_a_report_says_in_each_version(name: str, dialect: Dialect) -> None:
    given, in_44, in_42 = SAID[name]
    said = fields(given, dialect)
    expected = in_42 if dialect == "FIX.4.2" else in_44
    assert {tag: said.get(tag) for tag in expected} == expected
    if dialect == "FIX.4.4":
        assert 20 not in said


def test_what_is_not_known_is_left_out() -> None:
    bare = ORDER._replace(account="", terms=Terms(Decimal(1)), ord_type=OrdType.MARKET, legs=())
    said = fields(report(ExecType.NEW, bare), "FIX.4.4")
    assert not {1, 44, 99, 41, 58, 103, 126, 198, 378} & said.keys()
    reject = fields(business_reject(ref_seq_num=0, ref_id=""), "FIX.4.4")
    assert not {45, 379} & reject.keys()
    fill = replace(FILL, commission_currency="", liquidity=None)
    assert not {479, 851} & fields(report(ExecType.TRADE, PARTLY, fill=fill), "FIX.4.4").keys()


def test_a_stop_s_price_is_told() -> None:
    stop = ORDER._replace(ord_type=OrdType.STOP, terms=Terms(Decimal(1), None, Decimal("60000.0")))
    said = fields(report(ExecType.NEW, stop), "FIX.4.2")
    assert (said[99], said.get(44)) == ("60000.0", None)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_expiry_is_told_as_the_client_said_it(dialect: Dialect) -> None:
    gtd = ORDER._replace(time_in_force=TimeInForce.GTD, expire_time=AT)
    assert fields(report(ExecType.NEW, gtd), dialect)[126] == TIME
    by_date = fields(report(ExecType.NEW, gtd._replace(echo=((432, "20260725"),))), dialect)
    assert (by_date[432], by_date.get(126)) == ("20260725", None)
    a_day_order_with_its_close = gtd._replace(time_in_force=TimeInForce.DAY)
    assert 126 not in fields(report(ExecType.NEW, a_day_order_with_its_close), dialect)


PARTIES = (
    (453, "2"),
    *((448, "A"), (447, "D"), (452, "1"), (802, "1"), (523, "sub"), (803, "4")),
    *((448, "B"), (447, "D"), (452, "3")),
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_parties_keep_their_order(dialect: Dialect) -> None:
    order = ORDER._replace(echo=((15, "USDT"), *PARTIES))  # the group is the last of the body
    sent = split_fields(on_the_wire(encode(report(ExecType.NEW, order), dialect), dialect))
    start = sent.index((453, "2"))
    assert tuple(sent[start : start + len(PARTIES)]) == PARTIES
    assert (15, "USDT") in sent


def test_parties_without_a_dictionary_are_an_error() -> None:
    body = encode(report(ExecType.NEW, ORDER._replace(echo=PARTIES)), "FIX.4.4")
    with pytest.raises(ValueError, match="needs the data dictionary"):
        to_quickfix(body)


def test_the_request_s_id_is_in_its_answer() -> None:
    echo = ((790, "ask-1"),)
    for order in (ORDER, None):
        answer = report(ExecType.ORDER_STATUS, order, refused=STATUS_REQUEST, echo=echo)
        assert fields(answer, "FIX.4.4")[790] == "ask-1"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_that_is_echoed_belongs_to_both_messages(dialect: Dialect) -> None:
    specs = dictionary(dialect)
    for tag in (*ECHOED[dialect], 453):
        assert specs.isMsgField("8", tag), tag
        assert specs.isMsgField("D", tag), tag
    assert not ECHOED[dialect] & UNSUPPORTED


def test_poss_resend_is_a_header_field() -> None:
    message = to_quickfix(encode(report(ExecType.NEW, ORDER), "FIX.4.4"), poss_resend=True)
    assert message.getHeader().getField(97) == "Y"
    assert not to_quickfix(encode(report(ExecType.NEW, ORDER), "FIX.4.4")).getHeader().isSetField(97)


def test_text_from_outside_adds_no_field() -> None:
    evil = f"no{SOH}58=yes{SOH}39=2\n\x00é" + "x" * 1000
    leg = ORDER.legs[0]._replace(venue_order_id=f"9{SOH}14=1")
    rejected = report(ExecType.REJECTED, ORDER._replace(legs=(leg,)), text=evil, ord_rej_reason=OrdRejReason.OTHER)
    for given in (rejected, cancel_reject(text=evil)):
        said = split_fields(encode(given, "FIX.4.4"))
        assert len({tag for tag, _ in said}) == len(said)
        text = dict(said)[58]
        assert text.startswith("no?58=yes?39=2???xxx")
        assert len(text) == 512
    bad_fill = replace(FILL, trade_id=f"1{SOH}", commission_currency=f"B{SOH}", venue_order_id=SOH)
    assert fields(report(ExecType.TRADE, PARTLY, fill=bad_fill), "FIX.4.4")[527] == "1?"


def test_numbers_never_have_an_exponent() -> None:
    tiny = ORDER._replace(terms=Terms(Decimal("1E-8"), Decimal("1E+5")))
    said = fields(report(ExecType.NEW, tiny), "FIX.4.4")
    assert (said[38], said[44], said[151]) == ("0.00000001", "100000", "0.00000001")
    fill = replace(FILL, commission=Decimal("1E-8"), last_qty=Decimal("1E-8"), last_px=Decimal("1E+5"))
    said = fields(report(ExecType.TRADE, tiny, fill=fill), "FIX.4.4")
    assert (said[12], said[32], said[31]) == ("0.00000001", "0.00000001", "100000")


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "19700101-00:00:00.000"),
        (1_785_000_000_999_999_999, "20260725-17:20:00.999"),
        (1_785_000_000_001_000_000, "20260725-17:20:00.001"),
    ],
)
def test_times_are_cut_to_milliseconds(ns: int, text: str) -> None:
    assert utc_timestamp(ns) == text


def test_the_codec_speaks_two_versions() -> None:
    assert Codec().encode(cancel_reject(), begin_string="FIX.4.2")[0] == "9"
    msg_type, body = Codec().encode(report(ExecType.NEW, ORDER), begin_string="FIX.4.4")
    assert (msg_type, body[:5]) == ("8", f"35=8{SOH}")
    with pytest.raises(ValueError, match=r"BeginString\(8\)='FIX.5.0' is not supported"):
        Codec().encode(cancel_reject(), begin_string="FIX.5.0")
