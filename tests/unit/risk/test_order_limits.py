"""Limits of one order, of positions and of counts: at the limit, one step beyond it, and as orders come and go."""

from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.reports import CancelReject, ExecutionReport
from gateway.domain.risk.control import Figures
from gateway.domain.risk.terms import UNPRICED, OrderTerms
from gateway.domain.totals import FIRM, Scope
from gateway.domain.values import CxlRejReason, ExecType, OrdRejReason, OrdType, Side
from tests.fixtures.domain_desk import SYMBOL, Told
from tests.fixtures.risk import judged, last_text, limit, limited, replacing, terms

MARKET: dict[str, Any] = {"ord_type": OrdType.MARKET, "price": None}
STOP: dict[str, Any] = {"ord_type": OrdType.STOP, "price": None, "stop_px": "90"}
D = Decimal


@pytest.mark.parametrize(
    ("code", "value", "order", "figures", "denial"),
    [
        ("MAX_ORDER_QTY", "10", terms(), (), None),
        ("MAX_ORDER_QTY", "9.9", terms(), (), "MAX_ORDER_QTY limit=9.9 order=10 account=ACME"),
        ("MAX_ORDER_QTY", "9", replacing(order_qty="10", price="101"), (), None),  # it grew no further
        (
            "MAX_ORDER_QTY",
            "9",
            replacing(order_qty="10", opens_qty="1"),
            (),
            "MAX_ORDER_QTY limit=9 order=10 account=ACME",
        ),
        ("MAX_ORDER_NOTIONAL", "1000", terms(), (D(100),), None),
        ("MAX_ORDER_NOTIONAL", "999.99", terms(), (D(100),), "MAX_ORDER_NOTIONAL limit=999.99 order=1000 account=ACME"),
        ("MAX_ORDER_NOTIONAL", "899", terms(**STOP), (D(90),), "MAX_ORDER_NOTIONAL limit=899 order=900 account=ACME"),
        ("MAX_ORDER_NOTIONAL", "1", replacing(price="99"), (D(99),), None),  # worth less than before
        (
            "MAX_ORDER_NOTIONAL",
            "999",
            replacing(price="101"),
            (D(101),),
            "MAX_ORDER_NOTIONAL limit=999 order=1010 account=ACME",
        ),
        ("MAX_ORDER_NOTIONAL", "1", terms(**MARKET), (UNPRICED,), None),
        (
            "MAX_ORDER_NOTIONAL",
            "1",
            terms(**MARKET),
            (None,),
            "NO_REFERENCE_PRICE max_order_notional=1 ord_type=MARKET account=ACME",
        ),
        ("MIN_ORDER_NOTIONAL", "1000", terms(), (D(100),), None),
        (
            "MIN_ORDER_NOTIONAL",
            "1000.01",
            terms(),
            (D(100),),
            "MIN_ORDER_NOTIONAL limit=1000.01 order=1000 account=ACME",
        ),
        ("MAX_POSITION", "10", terms(), (D(0), D(0)), None),
        ("MAX_POSITION", "15", terms(), (D(3), D(2)), None),
        ("MAX_POSITION", "14.9", terms(), (D(3), D(2)), "MAX_POSITION limit=14.9 worst=15 position=3 account=ACME"),
        ("MAX_POSITION", "7", terms(side=Side.SELL), (D(3), D(0)), None),  # what is held is sold first
        (
            "MAX_POSITION",
            "6.9",
            terms(side=Side.SELL),
            (D(3), D(0)),
            "MAX_POSITION limit=6.9 worst=7 position=3 account=ACME",
        ),
        ("MAX_POSITION", "1", replacing(order_qty="9"), (D(3), D(2)), None),
        ("SHORT_SALE", "yes", terms(side=Side.SELL), (D(12), D(2)), None),
        (
            "SHORT_SALE",
            "yes",
            terms(side=Side.SELL),
            (D(12), D("2.1")),
            "SHORT_SALE position=12 open=2.1 order=10 account=ACME",
        ),
        ("SHORT_SALE", "yes", terms(), (D(-5), D(0)), None),
        ("MAX_OPEN_ORDERS", "3", terms(), (2,), None),
        ("MAX_OPEN_ORDERS", "3", terms(), (3,), "MAX_OPEN_ORDERS limit=3 open=3 account=ACME"),
        ("MAX_OPEN_ORDERS", "3", replacing(), (3,), None),
        ("MAX_OPEN_ORDERS", "0", terms(), (0,), "MAX_OPEN_ORDERS limit=0 open=0 account=ACME"),
        ("MAX_ORDERS_PER_DAY", "3", terms(), (2,), None),
        ("MAX_ORDERS_PER_DAY", "3", terms(), (3,), "MAX_ORDERS_PER_DAY limit=3 today=3 account=ACME"),
        ("CANCEL_RATIO", "90%/10", terms(), (9, 9), None),  # too few to tell
        ("CANCEL_RATIO", "90%/10", terms(), (10, 9), None),
        ("CANCEL_RATIO", "90%/10", terms(), (10, 10), "CANCEL_RATIO limit=90%/10 orders=10 cancels=10 account=ACME"),
    ],
)
def test_the_bounds(code: str, value: str, order: OrderTerms, figures: Figures, denial: str | None) -> None:
    assert judged(code, value, order, figures) == denial


@pytest.mark.parametrize(
    ("scope", "where"),
    [
        (FIRM, "scope=firm"),
        (Scope("ACME", "DESK", SYMBOL), f"account=ACME session=DESK symbol={SYMBOL}"),
        (Scope(symbol=SYMBOL), f"symbol={SYMBOL}"),
    ],
)
def test_a_denial_names_the_scope(scope: Scope, where: str) -> None:
    assert judged("MAX_ORDER_QTY", "1", terms(), (), scope) == f"MAX_ORDER_QTY limit=1 order=10 {where}"


def test_open_orders_count_until_they_are_over() -> None:
    desk = limited(("MAX_OPEN_ORDERS", "2"))
    for cl_ord_id in ("X", "Y", "Z"):
        desk.new(cl_ord_id)
    assert last_text(desk) == "MAX_OPEN_ORDERS limit=2 open=2 account=ACME"
    desk.hear(Told(1, 1).accepted())
    desk.hear(Told(1, 1).canceled())
    desk.new("W")
    assert desk.order("W").is_open


def test_orders_of_the_day_count_when_they_are_over_too_until_the_day_is() -> None:
    desk = limited(("MAX_ORDERS_PER_DAY", "2"))
    for cl_ord_id in ("X", "Y"):
        desk.new(cl_ord_id)
    desk.hear(Told(1, 1).canceled())
    desk.new("Z")
    assert last_text(desk) == "MAX_ORDERS_PER_DAY limit=2 today=2 account=ACME"
    desk.new("V")  # what was denied does not count
    assert last_text(desk) == "MAX_ORDERS_PER_DAY limit=2 today=2 account=ACME"
    desk.book.roll_day(desk.now)
    desk.new("W")
    assert desk.order("W").is_open


def test_the_position_is_what_executed_and_what_still_can() -> None:
    desk = limited(("MAX_POSITION", "15"))
    desk.new("X", "10")
    desk.hear(Told(1, 1).traded("T1", "4"))
    desk.hear(Told(1, 1).canceled("4"))
    desk.new("Y", "11")
    assert desk.order("Y").is_open
    desk.new("Z", "0.1")
    assert last_text(desk) == "MAX_POSITION limit=15 worst=15.1 position=4 account=ACME"


def test_only_what_a_replace_adds_is_new_to_the_position() -> None:
    desk = limited(("MAX_POSITION", "15"))
    desk.new("X", "10")
    desk.hear(Told().accepted())
    desk.replace("Y", "X", "15.1")
    assert last_text(desk) == "MAX_POSITION limit=15 worst=15.1 position=0 account=ACME"
    desk.replace("Z", "X", "15")
    assert [r.cl_ord_id for r in desk.order().requests] == ["Z"]
    desk.replace("W", "Z", "15", "101")  # nothing is added to what is pending already
    assert [r.cl_ord_id for r in desk.order().requests] == ["Z", "W"]


def test_what_is_over_the_limit_already_may_be_reduced() -> None:
    desk = limited(("MAX_POSITION", "15"))
    desk.new("X", "10")
    desk.hear(Told(1, 1).traded("T1", "10"))
    desk.book.risk.change([limit("MAX_POSITION", "5", limit_id=9)])
    desk.new("Y", "1")
    assert last_text(desk) == "MAX_POSITION limit=5 worst=11 position=10 account=ACME"
    desk.new("Z", "15", side=Side.SELL)
    assert desk.order("Z").is_open
    desk.new("W", "0.1", side=Side.SELL)
    assert last_text(desk) == "MAX_POSITION limit=5 worst=5.1 position=10 account=ACME"


def test_a_replace_that_only_shrinks_meets_no_limit() -> None:
    desk = limited(("MAX_ORDER_QTY", "10"))
    desk.new("X", "10")
    desk.hear(Told().accepted())
    desk.book.risk.change([limit("MAX_ORDER_QTY", "1", limit_id=9)])
    desk.replace("Y", "X", "5")
    assert [r.cl_ord_id for r in desk.order().requests] == ["Y"]


def test_a_denied_replace_is_a_9_with_the_figures() -> None:
    desk = limited(("MAX_ORDER_QTY", "10"))
    desk.new("X", "10")
    desk.hear(Told().accepted())
    desk.replace("Y", "X", "11")
    report = desk.reports[-1]
    assert isinstance(report, CancelReject)
    assert (report.cxl_rej_reason, report.text) == (
        CxlRejReason.BROKER_OPTION,
        "MAX_ORDER_QTY limit=10 order=11 account=ACME",
    )


def test_cancels_are_never_checked() -> None:
    desk = limited(("MAX_OPEN_ORDERS", "1"), ("MAX_ORDER_QTY", "10"))
    desk.new()
    desk.hear(Told().accepted())
    desk.cancel("C", "X")
    assert desk.told()[-1] == "8 C>X 150=6 39=6 qty=10 cum=0 leaves=10"


def test_a_denied_order_is_an_order_that_is_over() -> None:
    desk = limited(("MAX_ORDER_QTY", "9"))
    desk.new()
    report = desk.reports[-1]
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.ord_rej_reason) == (ExecType.REJECTED, OrdRejReason.EXCEEDS_LIMIT)
    assert desk.told() == ["8 X 150=8 39=8 qty=10 cum=0 leaves=0 103=3"]
    assert (desk.sent(), desk.book.risk.totals.sum(FIRM).open_orders) == ([], 0)


def test_a_restart_counts_what_was_counted() -> None:
    desk = limited(("MAX_ORDERS_PER_DAY", "3"), ("MAX_POSITION", "15"), ("MAX_OPEN_ORDERS", "9"))
    desk.new("X", "10")
    desk.hear(Told(1, 1).traded("T1", "4"))
    desk.new("Y", "2")
    again = desk.replayed().risk.totals
    total = again.total(Scope("ACME", "", SYMBOL))
    assert (total.position, total.open_buy) == (Decimal(4), Decimal(8))
    assert (again.total(Scope("ACME")).open_orders, again.total(Scope("ACME")).orders_today) == (2, 2)
