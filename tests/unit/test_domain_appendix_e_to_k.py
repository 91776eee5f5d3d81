"""E to K: the scenarios of FIX 4.4 Appendix D ("Order State Change Matrices") in the domain alone.

Each is a story of one order X of 10 at 100 and the requests Y, Z and C. A report reads: message type,
ClOrdID(11)>OrigClOrdID(41), ExecType(150), OrdStatus(39), OrderQty, CumQty, LeavesQty, and a reject's reason.
OrigClOrdID(41) is the last accepted id, whichever one the request named.
"""

import pytest

from gateway.domain.intents import PlaceIntent, SettleIntent
from gateway.domain.reports import ExecutionReport
from gateway.domain.values import ExecType, OrdRejReason, OrdStatus, OrdType, TimeInForce
from gateway.domain.venue_reports import CloseReason, Operation
from tests.fixtures.appendix_d import LEG1, LEG2, working
from tests.fixtures.domain_desk import HELD, DomainDesk, profile

# --- E: unasked


def test_e_1_b_unsolicited_cancel() -> None:
    desk = working(filled="4")
    desk.hear(LEG1.canceled("4"))
    assert desk.told() == ["8 X 150=4 39=4 qty=10 cum=4 leaves=0"]


def test_e_1_c_unsolicited_replace() -> None:
    desk = working(filled="4")
    desk.hear(LEG1.restated("8", price="99"))
    assert desk.told() == ["8 X 150=D 39=1 qty=10 cum=4 leaves=6"]
    assert str(desk.order().terms.price) == "99"


def test_e_1_d_unsolicited_reduction() -> None:
    desk = working(filled="4")
    desk.hear(LEG1.amended("7"))
    report = desk.reports[-1]
    assert isinstance(report, ExecutionReport)
    assert report.restatement_reason == "5"
    assert desk.told() == ["8 X 150=D 39=1 qty=7 cum=4 leaves=3"]
    desk.hear(LEG1.traded("T1", "3"))
    assert desk.told() == ["8 X 150=F 39=2 qty=7 cum=7 leaves=0"]


# --- F and G: repetitions and questions


def test_f_1_a_duplicate_cl_ord_id() -> None:
    desk = working()
    before = desk.order()
    desk.new(qty="99")
    assert (desk.told(), desk.order()) == (["8 X 150=8 39=0 qty=10 cum=0 leaves=10 103=6"], before)


def test_f_1_b_poss_resend_of_a_known_order() -> None:
    desk = working(filled="4")
    desk.new(repeated=True)
    assert (desk.told(), desk.sent()) == (["8 X 150=I 39=1 qty=10 cum=4 leaves=6"], [])


def test_g_1_a_status_of_an_unknown_order() -> None:
    desk = DomainDesk()
    desk.status("X")
    report = desk.reports[-1]
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.order, report.ord_rej_reason) == (
        ExecType.ORDER_STATUS,
        None,
        OrdRejReason.UNKNOWN_ORDER,
    )


def test_g_1_b_status_during_its_life() -> None:
    desk = DomainDesk()
    desk.new()
    desk.status("X")
    desk.hear(LEG1.accepted())
    desk.hear(LEG1.traded("T1", "4"))
    desk.cancel("C", "X")
    desk.status("C")
    desk.hear(LEG1.canceled("4"))
    desk.status("X")
    assert [text for text in desk.told() if "150=I" in text] == [
        "8 X 150=I 39=A qty=10 cum=0 leaves=10",
        "8 X 150=I 39=6 qty=10 cum=4 leaves=6",
        "8 X 150=I 39=4 qty=10 cum=4 leaves=0",
    ]


# --- H: over several days


def test_h_1_a_restated_next_day_and_filled_again() -> None:
    desk = working(filled="4")
    desk.hear(LEG1.done_for_day())
    desk.hear(LEG1.restated("1"))
    desk.hear(LEG1.traded("T1", "2"))
    assert desk.told() == [
        "8 X 150=3 39=3 qty=10 cum=4 leaves=6",
        "8 X 150=D 39=1 qty=10 cum=4 leaves=6",
        "8 X 150=F 39=1 qty=10 cum=6 leaves=4",
    ]


def test_h_1_b_restated_by_a_split() -> None:
    desk = working(filled="4")
    desk.hear(LEG1.restated("1", qty="16", price="50"))
    assert desk.told() == ["8 X 150=D 39=1 qty=16 cum=4 leaves=12"]


def test_h_1_c_restated_then_canceled() -> None:
    desk = working(filled="4")
    desk.hear(LEG1.restated("1"))
    desk.cancel("C", "X")
    desk.hear(LEG1.canceled("4"))
    assert desk.told()[-1] == "8 C>X 150=4 39=4 qty=10 cum=4 leaves=0"


def test_h_1_d_restated_then_replaced_up() -> None:
    desk = working(filled="4")
    desk.hear(LEG1.restated("1"))
    desk.replace("Y", "X", "12")
    desk.hear(LEG1.canceled("4"))
    desk.hear(LEG2.accepted())
    assert desk.told()[-1] == "8 Y>X 150=5 39=1 qty=12 cum=4 leaves=8"


# --- I: time in force


@pytest.mark.parametrize(("expires", "how"), [(False, "150=4 39=4"), (True, "150=C 39=C")])
@pytest.mark.parametrize(("tif", "executed"), [(TimeInForce.FOK, "0"), (TimeInForce.IOC, "0"), (TimeInForce.IOC, "3")])
def test_i_1_what_an_immediate_order_cannot_fill(tif: TimeInForce, executed: str, expires: bool, how: str) -> None:
    desk = DomainDesk(session=profile(remainder_expires=expires))
    desk.new(time_in_force=tif)
    if executed != "0":
        desk.hear(LEG1.traded("T1", executed))
    desk.hear(LEG1.closed(CloseReason.EXPIRED, executed))
    said = desk.told()
    assert said[0] == "8 X 150=0 39=0 qty=10 cum=0 leaves=10"
    assert said[-1] == f"8 X {how} qty=10 cum={executed} leaves=0"


def test_i_a_market_orders_rest_is_canceled() -> None:
    desk = DomainDesk()
    desk.new(ord_type=OrdType.MARKET, price=None)
    desk.hear(LEG1.closed(CloseReason.EXPIRED, "0"))
    assert desk.told()[-1] == "8 X 150=4 39=4 qty=10 cum=0 leaves=0"


# --- J: executions taken back


def test_j_1_a_corrected_then_busted() -> None:
    desk = working(filled="4")
    desk.hear(LEG1.traded("T1", "6"))
    desk.hear(LEG1.corrected("T1", "6", "90"))
    desk.hear(LEG1.corrected("T1", "6", "90"))
    first, second = desk.reports[:2]
    assert isinstance(first, ExecutionReport)
    assert isinstance(second, ExecutionReport)
    assert second.exec_ref_id == first.exec_id
    assert str(desk.order().avg_px) == "94"
    desk.hear(LEG1.busted("T1"))
    desk.hear(LEG1.busted("T1"))
    desk.hear(LEG1.traded("T1", "6"))  # a late repetition of what is void
    assert desk.told() == [
        "8 X 150=F 39=2 qty=10 cum=10 leaves=0",
        "8 X 150=G 39=2 qty=10 cum=10 leaves=0",
        "8 X 150=H 39=1 qty=10 cum=4 leaves=6",
    ]
    assert str(desk.order().avg_px) == "100"


def test_j_1_b_a_canceled_order_stays_canceled() -> None:
    desk = working(filled="4")
    desk.hear(LEG1.canceled("4"))
    desk.hear(LEG1.busted("T0"))
    desk.hear(LEG1.traded("T1", "3"))
    assert desk.told()[1:] == ["8 X 150=H 39=4 qty=10 cum=0 leaves=0", "8 X 150=F 39=4 qty=10 cum=3 leaves=0"]


def test_j_positions_follow() -> None:
    desk = working(filled="4")
    desk.hear(LEG1.corrected("T0", "3", "100"))
    assert desk.book.risk.totals.sum(HELD).position == 3
    desk.hear(LEG1.busted("T0"))
    assert desk.book.risk.totals.sum(HELD).position == 0


# --- K: halts


def test_k_1_b_canceled_by_a_halt() -> None:
    desk = working()
    desk.hear(LEG1.closed(CloseReason.CANCELED, "0", "trading halt"))
    report = desk.reports[-1]
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.text) == (ExecType.CANCELED, "trading halt")


# --- what the venue refuses, and what nobody knows


def test_an_order_that_the_venue_refuses() -> None:
    desk = DomainDesk()
    desk.new()
    desk.hear(LEG1.refused(Operation.PLACE, "-2010: insufficient balance", reason=OrdRejReason.EXCEEDS_LIMIT))
    assert desk.told() == ["8 X 150=8 39=8 qty=10 cum=0 leaves=0 103=3"]


@pytest.mark.parametrize("found", [True, False])
def test_an_order_of_unknown_fate(found: bool) -> None:
    desk = DomainDesk()
    desk.new()
    desk.hear(LEG1.unknown(Operation.PLACE))
    assert desk.order().ord_status is OrdStatus.PENDING_NEW  # neither rejected nor sent again
    assert desk.order().is_unknown
    assert desk.sent() == [PlaceIntent, SettleIntent]
    desk.hear(LEG1.working() if found else LEG1.missing())
    assert desk.told()[1:] == [
        "8 X 150=0 39=0 qty=10 cum=0 leaves=10" if found else "8 X 150=8 39=8 qty=10 cum=0 leaves=0 103=99"
    ]
