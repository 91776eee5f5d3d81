"""The scenarios of FIX 4.4 Appendix D ("Order State Change Matrices") in the domain alone.

Each is a story of one order X of 10 at 100 and the requests Y, Z and C. A report reads: message type,
ClOrdID(11)>OrigClOrdID(41), ExecType(150), OrdStatus(39), OrderQty, CumQty, LeavesQty, and a reject's reason.
OrigClOrdID(41) is the last accepted id, whichever one the request named.
"""

import pytest

from gateway.domain.instruments import Capabilities
from gateway.domain.intents import AmendIntent, CancelIntent, PlaceIntent, SettleIntent
from gateway.domain.reports import ExecutionReport
from gateway.domain.values import ExecType, OrdRejReason, OrdStatus, OrdType, TimeInForce
from gateway.domain.venue_reports import CloseReason, Operation
from tests.fixtures.domain_desk import AMENDS, CAPABILITIES, DomainDesk, Told, profile

LEG1 = Told(1)
LEG2 = Told(2)
LEG3 = Told(3)
BOTH = pytest.mark.parametrize("capabilities", [CAPABILITIES, AMENDS], ids=["cancels", "amends"])


def working(capabilities: Capabilities = CAPABILITIES, filled: str = "0", **fields: object) -> DomainDesk:
    """X works, `filled` of it is executed, and all that has been told."""
    desk = DomainDesk(capabilities)
    desk.new(**fields)  # type: ignore[arg-type]  # fields of the order by name
    desk.hear(LEG1.accepted())
    if filled != "0":
        desk.hear(LEG1.traded("T0", filled))
    desk.quiet()
    return desk


# --- A: filled


def test_a_1_a_filled_in_parts() -> None:
    desk = DomainDesk()
    desk.new()
    desk.hear(LEG1.accepted())
    desk.hear(LEG1.traded("T1", "4", "99"))
    desk.hear(LEG1.traded("T2", "6", "100"))
    assert desk.told() == [
        "8 X 150=0 39=0 qty=10 cum=0 leaves=10",
        "8 X 150=F 39=1 qty=10 cum=4 leaves=6",
        "8 X 150=F 39=2 qty=10 cum=10 leaves=0",
    ]
    assert str(desk.order().avg_px) == "99.6"


def test_a_1_a_filled_before_the_acknowledgment() -> None:
    desk = DomainDesk()
    desk.new()
    desk.hear(LEG1.traded("T1", "10"))
    desk.hear(LEG1.accepted())
    desk.hear(LEG1.closed(CloseReason.FILLED, "10"))
    assert desk.told() == ["8 X 150=0 39=0 qty=10 cum=0 leaves=10", "8 X 150=F 39=2 qty=10 cum=10 leaves=0"]


def test_a_1_a_the_end_is_told_before_the_trades() -> None:
    desk = working()
    desk.hear(LEG1.closed(CloseReason.FILLED, "10"))
    assert (desk.told(), desk.sent(), desk.order().is_unknown) == ([], [SettleIntent], True)
    desk.hear(LEG1.traded("T2", "6"))
    desk.hear(LEG1.traded("T1", "4"))
    assert desk.told() == ["8 X 150=F 39=1 qty=10 cum=6 leaves=4", "8 X 150=F 39=2 qty=10 cum=10 leaves=0"]


def test_a_1_a_pending_new_where_the_session_wants_it() -> None:
    desk = DomainDesk(session=profile(report_pending_new=True))
    desk.new()
    assert desk.told() == ["8 X 150=A 39=A qty=10 cum=0 leaves=10"]


def test_a_1_b_done_for_day_by_the_venue() -> None:
    desk = working(filled="4", time_in_force=TimeInForce.DAY)
    desk.hear(LEG1.done_for_day())
    desk.hear(LEG1.done_for_day())
    assert desk.told() == ["8 X 150=3 39=3 qty=10 cum=4 leaves=0"]


def test_a_1_b_a_day_order_is_expired_at_the_close() -> None:
    desk = working(filled="4", time_in_force=TimeInForce.DAY)
    desk.expire()
    assert (desk.told(), desk.sent()) == ([], [CancelIntent])  # the client did not ask for anything
    desk.hear(LEG1.traded("T1", "1"))
    desk.hear(LEG1.canceled("5"))
    assert desk.told() == ["8 X 150=F 39=1 qty=10 cum=5 leaves=5", "8 X 150=C 39=C qty=10 cum=5 leaves=0"]


def test_a_1_b_an_expiry_that_is_refused_is_tried_again_by_the_timer() -> None:
    desk = working(time_in_force=TimeInForce.DAY)
    desk.expire()
    desk.expire()
    desk.hear(LEG1.refused(Operation.CANCEL))
    desk.hear(LEG1.working())
    assert desk.sent() == [CancelIntent, SettleIntent]
    desk.retry()
    assert desk.sent() == [CancelIntent]
    desk.hear(LEG1.canceled())
    assert desk.told() == ["8 X 150=C 39=C qty=10 cum=0 leaves=0"]


# --- B: cancel


def test_b_1_a_cancel_without_fills() -> None:
    desk = working()
    desk.cancel("C", "X")
    assert desk.sent() == [CancelIntent]
    desk.hear(LEG1.canceled())
    desk.hear(LEG1.canceled())
    assert desk.told() == ["8 C>X 150=6 39=6 qty=10 cum=0 leaves=10", "8 C>X 150=4 39=4 qty=10 cum=0 leaves=0"]


@pytest.mark.parametrize("trade_first", [True, False])
def test_b_1_b_a_fill_while_the_cancel_is_pending(trade_first: bool) -> None:
    desk = working(filled="2")
    desk.cancel("C", "X")
    desk.quiet()
    words = [LEG1.traded("T1", "3"), LEG1.canceled("5")]
    for word in words if trade_first else reversed(words):
        desk.hear(word)
    assert desk.told() == ["8 X 150=F 39=6 qty=10 cum=5 leaves=5", "8 C>X 150=4 39=4 qty=10 cum=5 leaves=0"]


def test_b_1_c_filled_before_the_cancel() -> None:
    desk = working()
    desk.cancel("C", "X")
    desk.hear(LEG1.refused(Operation.CANCEL, "unknown order", order_unknown=True))
    desk.hear(LEG1.traded("T1", "10"))
    desk.hear(LEG1.closed(CloseReason.FILLED, "10"))
    assert desk.told()[1:] == ["8 X 150=F 39=6 qty=10 cum=10 leaves=0", "9 C>X 39=2 102=0"]


def test_b_1_c_a_cancel_of_an_order_that_is_over() -> None:
    desk = working(filled="10")
    desk.cancel("C", "X")
    assert (desk.told(), desk.sent()) == (["9 C>X 39=2 102=0"], [])


def test_b_1_d_cancel_before_the_acknowledgment() -> None:
    desk = DomainDesk()
    desk.new()
    desk.cancel("C", "X")
    assert desk.sent() == [PlaceIntent, CancelIntent]  # at once, by our id
    desk.hear(LEG1.refused(Operation.CANCEL, "unknown order", order_unknown=True))
    desk.hear(LEG1.accepted())
    assert desk.sent() == [CancelIntent]
    desk.hear(LEG1.canceled())
    assert desk.told() == [
        "8 C>X 150=6 39=6 qty=10 cum=0 leaves=10",
        "8 X 150=0 39=6 qty=10 cum=0 leaves=10",
        "8 C>X 150=4 39=4 qty=10 cum=0 leaves=0",
    ]


def test_b_1_d_the_order_is_refused_while_its_cancel_waits() -> None:
    desk = DomainDesk()
    desk.new()
    desk.cancel("C", "X")
    desk.hear(LEG1.refused(Operation.PLACE, reason=OrdRejReason.EXCEEDS_LIMIT))
    assert desk.told()[1:] == ["8 X 150=8 39=6 qty=10 cum=0 leaves=0 103=3", "9 C>X 39=8 102=0"]


def test_b_1_d_an_order_of_unknown_fate_that_never_arrived() -> None:
    desk = DomainDesk()
    desk.new()
    desk.hear(LEG1.unknown(Operation.PLACE))
    desk.cancel("C", "X")
    desk.hear(LEG1.refused(Operation.CANCEL, "unknown order", order_unknown=True))
    desk.retry()
    assert desk.sent() == [PlaceIntent, SettleIntent, CancelIntent, CancelIntent]
    desk.hear(LEG1.missing())
    assert desk.told() == [
        "8 X 150=I 39=A qty=10 cum=0 leaves=10",
        "8 C>X 150=6 39=6 qty=10 cum=0 leaves=10",
        "8 C>X 150=4 39=4 qty=10 cum=0 leaves=0",
    ]


def test_b_1_e_cancel_and_acknowledgment_cross() -> None:
    desk = DomainDesk()
    desk.new()
    desk.cancel("C", "X")
    desk.hear(LEG1.canceled())
    desk.hear(LEG1.accepted())
    assert desk.told() == [
        "8 C>X 150=6 39=6 qty=10 cum=0 leaves=10",
        "8 X 150=0 39=6 qty=10 cum=0 leaves=10",
        "8 C>X 150=4 39=4 qty=10 cum=0 leaves=0",
    ]


def test_house_1_the_venue_refuses_the_cancel() -> None:
    desk = working(filled="4")
    desk.cancel("C", "X")
    desk.hear(LEG1.refused(Operation.CANCEL, "not now"))
    assert desk.sent() == [CancelIntent, SettleIntent]
    desk.hear(LEG1.working(cum="4"))
    assert desk.told()[1:] == ["9 C>X 39=1 102=99"]


def test_b_1_f_cancel_of_an_unknown_order() -> None:
    desk = DomainDesk()
    desk.cancel("C", "X")
    assert desk.told() == ["9 C>X 39=8 102=1"]


def test_b_a_second_cancel_while_one_is_pending() -> None:
    desk = working()
    desk.cancel("C", "X")
    desk.cancel("C2", "C")
    assert desk.told()[1:] == ["9 C2>X 39=6 102=3"]


# --- C: replace


def test_c_1_a_up_without_fills() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.hear(LEG1.canceled())
    assert desk.sent() == [CancelIntent, PlaceIntent]
    desk.hear(LEG2.accepted())
    assert desk.told() == ["8 Y>X 150=E 39=E qty=10 cum=0 leaves=10", "8 Y>X 150=5 39=0 qty=20 cum=0 leaves=20"]


def test_c_1_b_up_with_a_fill_meanwhile() -> None:
    desk = working(filled="1")
    desk.replace("Y", "X", "20", "101")
    desk.hear(LEG1.canceled("3"))
    desk.hear(LEG1.traded("T1", "2"))
    place = desk.intents[-1]
    assert isinstance(place, PlaceIntent)
    assert (str(place.qty), str(place.price)) == ("17", "101")  # only what the old leg certainly left
    desk.hear(LEG2.accepted())
    desk.hear(LEG2.traded("T2", "5"))
    assert desk.told() == [
        "8 Y>X 150=E 39=E qty=10 cum=1 leaves=9",
        "8 X 150=F 39=E qty=10 cum=3 leaves=7",
        "8 Y>X 150=5 39=1 qty=20 cum=3 leaves=17",
        "8 Y 150=F 39=1 qty=20 cum=8 leaves=12",
    ]


def test_c_1_c_up_but_it_filled_first() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.hear(LEG1.traded("T1", "10"))
    desk.hear(LEG1.refused(Operation.CANCEL, "unknown order", order_unknown=True))
    assert desk.told()[1:] == ["8 X 150=F 39=E qty=10 cum=10 leaves=0", "9 Y>X 39=2 102=0"]
    assert PlaceIntent not in desk.sent()
    desk.replace("Z", "X", "20")
    assert desk.told() == ["9 Z>X 39=2 102=0"]


def test_c_2_a_another_price_but_it_filled_first() -> None:
    desk = working()
    desk.replace("Y", "X", "10", "101")
    desk.hear(LEG1.closed(CloseReason.FILLED, "10"))
    desk.hear(LEG1.traded("T1", "10"))
    assert desk.told()[1:] == ["8 X 150=F 39=E qty=10 cum=10 leaves=0", "9 Y>X 39=2 102=0"]


def test_c_3_a_down_by_cancel_with_a_fill_meanwhile() -> None:
    desk = working(filled="1")
    desk.replace("Y", "X", "7")
    desk.hear(LEG1.traded("T1", "2"))
    desk.hear(LEG1.canceled("3"))
    desk.hear(LEG2.accepted())
    assert desk.told()[1:] == ["8 X 150=F 39=E qty=10 cum=3 leaves=7", "8 Y>X 150=5 39=1 qty=7 cum=3 leaves=4"]


def test_c_3_a_down_in_place_with_a_fill_meanwhile() -> None:
    desk = working(AMENDS, filled="1")
    desk.replace("Y", "X", "7")
    assert desk.sent() == [AmendIntent]
    desk.hear(LEG1.traded("T1", "2"))
    desk.hear(LEG1.amended("7"))
    desk.hear(LEG1.amended("7"))
    assert desk.told()[1:] == ["8 X 150=F 39=E qty=10 cum=3 leaves=7", "8 Y>X 150=5 39=1 qty=7 cum=3 leaves=4"]


@BOTH
@pytest.mark.parametrize("qty", ["4", "3", "1"])
def test_c_3_b_and_c_down_to_what_has_executed_or_less(capabilities: Capabilities, qty: str) -> None:
    desk = working(capabilities, filled="4")
    desk.replace("Y", "X", qty)
    assert desk.sent() == [CancelIntent]
    desk.hear(LEG1.canceled("4"))
    assert desk.told()[1:] == ["8 Y>X 150=5 39=2 qty=4 cum=4 leaves=0"]
    assert desk.sent() == []


def test_c_3_c_down_to_less_than_executes_on_the_way() -> None:
    desk = working(AMENDS, filled="4")
    desk.replace("Y", "X", "6")
    desk.hear(LEG1.traded("T1", "3"))
    desk.hear(LEG1.refused(Operation.AMEND))
    desk.hear(LEG1.working(cum="7"))
    assert desk.sent() == [AmendIntent, SettleIntent, CancelIntent]  # it can still be had as a cancel
    desk.hear(LEG1.canceled("7"))
    assert desk.told()[-1] == "8 Y>X 150=5 39=2 qty=7 cum=7 leaves=0"


def test_c_3_the_amended_quantity_fills_before_the_amends_answer() -> None:
    desk = working(AMENDS, filled="4")
    desk.replace("Y", "X", "6")
    desk.hear(LEG1.traded("T1", "2"))
    desk.hear(LEG1.closed(CloseReason.FILLED, "6"))
    desk.hear(LEG1.amended("6"))
    assert desk.told()[1:] == ["8 X 150=F 39=E qty=10 cum=6 leaves=4", "8 Y>X 150=5 39=2 qty=6 cum=6 leaves=0"]


def test_c_the_new_leg_is_refused() -> None:
    desk = working(filled="4")
    desk.replace("Y", "X", "20")
    desk.hear(LEG1.canceled("4"))
    desk.hear(LEG2.refused(Operation.PLACE, reason=OrdRejReason.EXCEEDS_LIMIT))
    assert desk.told()[1:] == ["9 Y>X 39=1 102=99", "8 X 150=4 39=4 qty=10 cum=4 leaves=0"]


def test_c_the_new_legs_fate_is_unknown_and_it_trades() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.hear(LEG1.canceled())
    desk.hear(LEG2.unknown(Operation.PLACE))
    desk.hear(LEG2.traded("T1", "20"))
    assert desk.told()[1:] == [
        "8 X 150=I 39=E qty=10 cum=0 leaves=10",
        "8 Y>X 150=5 39=0 qty=20 cum=0 leaves=20",
        "8 Y 150=F 39=2 qty=20 cum=20 leaves=0",
    ]


def test_c_the_venue_cancels_the_new_leg_before_it_says_that_it_took_it() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.hear(LEG1.canceled())
    desk.hear(LEG2.canceled())
    assert desk.told()[1:] == ["8 Y>X 150=5 39=0 qty=20 cum=0 leaves=20", "8 Y 150=4 39=4 qty=20 cum=0 leaves=0"]


# --- D: several requests


@BOTH
def test_d_1_a_one_replace_after_the_other(capabilities: Capabilities) -> None:
    desk = working(capabilities)
    desk.replace("Y", "X", "8", "101")
    desk.hear(LEG1.canceled())
    desk.hear(LEG2.accepted())
    desk.replace("Z", "Y", "6", "102")
    desk.hear(LEG2.canceled())
    desk.hear(LEG3.accepted())
    desk.hear(LEG3.traded("T1", "6"))
    assert [text for text in desk.told() if "150=E" not in text] == [
        "8 Y>X 150=5 39=0 qty=8 cum=0 leaves=8",
        "8 Z>Y 150=5 39=0 qty=6 cum=0 leaves=6",
        "8 Z 150=F 39=2 qty=6 cum=6 leaves=0",
    ]


def test_d_1_b_rejected_before_it_was_pending_then_another() -> None:
    desk = working()
    desk.replace("Y", "X", "0")
    desk.replace("Z", "X", "20")
    desk.hear(LEG1.canceled())
    desk.hear(LEG2.accepted())
    assert desk.told() == [
        "9 Y>X 39=0 102=2",
        "8 Z>X 150=E 39=E qty=10 cum=0 leaves=10",
        "8 Z>X 150=5 39=0 qty=20 cum=0 leaves=20",
    ]


def test_d_1_c_rejected_after_it_was_pending_then_another() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.hear(LEG1.refused(Operation.CANCEL))
    desk.hear(LEG1.working())
    desk.replace("W", "Y", "20")  # Y was never accepted
    desk.replace("Z", "X", "20")
    assert desk.told() == [
        "8 Y>X 150=E 39=E qty=10 cum=0 leaves=10",
        "9 Y>X 39=0 102=99",
        "9 W>X 39=0 102=99",
        "8 Z>X 150=E 39=E qty=10 cum=0 leaves=10",
    ]


def test_d_2_a_two_chained() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.replace("Z", "Y", "30")
    assert desk.sent() == [CancelIntent]
    desk.hear(LEG1.canceled())
    desk.hear(LEG2.accepted())
    assert desk.sent() == [PlaceIntent, CancelIntent]
    desk.hear(LEG2.traded("T1", "5"))
    desk.hear(LEG2.canceled("5"))
    desk.hear(LEG3.accepted())
    assert desk.told() == [
        "8 Y>X 150=E 39=E qty=10 cum=0 leaves=10",
        "8 Z>X 150=E 39=E qty=10 cum=0 leaves=10",
        "8 Y>X 150=5 39=E qty=20 cum=0 leaves=20",
        "8 Y 150=F 39=E qty=20 cum=5 leaves=15",
        "8 Z>Y 150=5 39=1 qty=30 cum=5 leaves=25",
    ]


def test_d_2_a_the_first_of_two_completes_the_order() -> None:
    desk = working(filled="4")
    desk.replace("Y", "X", "4")
    desk.replace("Z", "Y", "30")
    desk.hear(LEG1.canceled("4"))
    assert desk.told()[2:] == ["8 Y>X 150=5 39=E qty=4 cum=4 leaves=0", "9 Z>Y 39=2 102=0"]


def test_d_2_b_a_second_that_is_not_chained() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.replace("Z", "X", "30")
    desk.hear(LEG1.canceled())
    desk.hear(LEG2.accepted())
    assert desk.told()[1:] == ["9 Z>X 39=E 102=3", "8 Y>X 150=5 39=0 qty=20 cum=0 leaves=20"]


def test_d_2_c_the_first_of_three_is_rejected() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.replace("Z", "Y", "30")
    desk.replace("W", "Z", "40")
    desk.hear(LEG1.refused(Operation.CANCEL))
    desk.hear(LEG1.working())
    assert desk.told()[3:] == ["9 Y>X 39=E 102=99", "9 Z>X 39=E 102=99", "9 W>X 39=0 102=99"]
    assert desk.order().requests == ()


def test_d_2_d_cancel_chained_to_a_replace() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.cancel("C", "Y")
    desk.hear(LEG1.canceled())
    assert desk.told()[2:] == ["9 Y>X 39=6 102=0", "8 C>X 150=4 39=4 qty=10 cum=0 leaves=0"]
    assert desk.sent() == [CancelIntent]


def test_d_2_d_cancel_while_the_new_leg_is_being_placed() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.hear(LEG1.canceled())
    desk.cancel("C", "Y")
    assert desk.sent() == [CancelIntent, PlaceIntent, CancelIntent]
    desk.hear(LEG2.accepted())
    desk.hear(LEG2.canceled())
    assert desk.told()[2:] == ["8 Y>X 150=5 39=6 qty=20 cum=0 leaves=20", "8 C>Y 150=4 39=4 qty=20 cum=0 leaves=0"]


def test_d_a_replace_while_a_cancel_is_pending() -> None:
    desk = working()
    desk.cancel("C", "X")
    desk.replace("Y", "C", "20")
    assert desk.told()[1:] == ["9 Y>X 39=6 102=3"]


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
    assert desk.book.position("ACME", "BTCUSDT") == 3
    desk.hear(LEG1.busted("T0"))
    assert desk.book.position("ACME", "BTCUSDT") == 0


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
