"""A and B: the scenarios of FIX 4.4 Appendix D ("Order State Change Matrices") in the domain alone.

Each is a story of one order X of 10 at 100 and the requests Y, Z and C. A report reads: message type,
ClOrdID(11)>OrigClOrdID(41), ExecType(150), OrdStatus(39), OrderQty, CumQty, LeavesQty, and a reject's reason.
OrigClOrdID(41) is the last accepted id, whichever one the request named.
"""

import pytest

from gateway.domain.intents import CancelIntent, PlaceIntent, SettleIntent
from gateway.domain.values import OrdRejReason, TimeInForce
from gateway.domain.venue_reports import CloseReason, Operation
from tests.fixtures.appendix_d import LEG1, working
from tests.fixtures.domain_desk import DomainDesk, profile

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
