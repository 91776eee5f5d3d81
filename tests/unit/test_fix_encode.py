"""Reports become messages that each version's dictionary accepts, and that say what the version means by them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.domain.order import Ended, RequestKind
from gateway.domain.reports import Report
from gateway.domain.values import (
    CxlRejReason,
    ExecType,
    OrdRejReason,
)
from gateway.fix.dialect import Dialect
from tests.fixtures.fix_reports import (
    CANCEL,
    DIALECTS,
    FILL,
    FILLED,
    ORDER,
    PARTLY,
    REFUSED,
    REPLACE,
    REPLACED,
    STATUS_REQUEST,
    TIME,
    business_reject,
    cancel_reject,
    fields,
    report,
)

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
    if dialect != "FIX.4.2":
        assert 20 not in said
