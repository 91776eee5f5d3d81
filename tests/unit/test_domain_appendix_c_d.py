"""C and D: the scenarios of FIX 4.4 Appendix D ("Order State Change Matrices") in the domain alone.

Each is a story of one order X of 10 at 100 and the requests Y, Z and C. A report reads: message type,
ClOrdID(11)>OrigClOrdID(41), ExecType(150), OrdStatus(39), OrderQty, CumQty, LeavesQty, and a reject's reason.
OrigClOrdID(41) is the last accepted id, whichever one the request named.
"""

import pytest

from gateway.domain.instruments import Capabilities
from gateway.domain.intents import AmendIntent, CancelIntent, PlaceIntent, SettleIntent
from gateway.domain.values import OrdRejReason
from gateway.domain.venue_reports import CloseReason, Operation
from tests.fixtures.appendix_d import BOTH, LEG1, LEG2, LEG3, working
from tests.fixtures.domain_desk import AMENDS

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
