"""Words that cross: what the client wants, what the exchange does, and what arrives first."""

from decimal import Decimal

import pytest

from gateway.domain.intents import AmendIntent, CancelIntent, PlaceIntent, SettleIntent
from gateway.domain.order import LegState, Phase, Terms
from gateway.domain.values import ExecType, OrdStatus, Side
from gateway.domain.venue_reports import CloseReason, Operation
from tests.fixtures.domain_desk import AMENDS, DomainDesk, Told

LEG1 = Told(1)
LEG2 = Told(2)


def working(desk: DomainDesk | None = None) -> DomainDesk:
    """A desk whose order X, 10 at 100, works at the exchange, and that has nothing more to say about that."""
    desk = desk if desk is not None else DomainDesk()
    desk.new()
    desk.hear(LEG1.accepted())
    desk.quiet()
    return desk


# --- cancels always pass


def test_a_cancel_is_sent_while_the_gateways_own_expiry_stands_refused() -> None:
    desk = working()
    desk.expire()
    desk.hear(LEG1.refused(Operation.CANCEL))
    desk.hear(LEG1.working())
    assert desk.sent() == [CancelIntent, SettleIntent]
    desk.cancel("C", "X")
    assert desk.sent() == [CancelIntent]
    desk.hear(LEG1.canceled())
    assert desk.told()[-1] == "8 C>X 150=4 39=4 qty=10 cum=0 leaves=0"


def test_a_cancel_is_answered_though_a_refused_expiry_stands_before_it() -> None:
    desk = working()
    desk.expire()
    desk.hear(LEG1.refused(Operation.CANCEL))
    desk.hear(LEG1.working())
    desk.cancel("C", "X")
    desk.hear(LEG1.refused(Operation.CANCEL))
    desk.hear(LEG1.working())
    assert desk.told()[-1] == "9 C>X 39=0 102=99"


def test_a_cancel_does_not_wait_for_a_replace_whose_cancel_is_in_doubt() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.hear(LEG1.unknown(Operation.CANCEL))
    desk.quiet()
    desk.cancel("C", "Y")
    assert desk.sent() == [CancelIntent]


def test_a_cancel_shares_the_cancel_that_a_replace_has_under_way_and_is_sent_once_that_is_refused() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    assert desk.sent() == [CancelIntent]
    desk.cancel("C", "Y")
    assert desk.sent() == []
    desk.hear(LEG1.refused(Operation.CANCEL))
    assert desk.sent() == [SettleIntent, CancelIntent]


def test_a_cancel_that_overtook_its_order_is_sent_again_and_not_refused() -> None:
    desk = DomainDesk()
    desk.new()
    desk.cancel("C", "X")
    desk.hear(LEG1.accepted())  # the exchange saw the cancel first, and its answer comes last
    desk.quiet()
    desk.hear(LEG1.refused(Operation.CANCEL, "unknown order", order_unknown=True))
    assert desk.sent() == [CancelIntent]
    desk.hear(LEG1.refused(Operation.CANCEL, "unknown order", order_unknown=True))
    desk.hear(LEG1.working())
    assert desk.told() == ["9 C>X 39=0 102=99"]  # no second time: this one was not early


def test_a_cancel_of_an_order_of_which_nothing_works_any_more_is_done_at_once() -> None:
    desk = working()
    desk.hear(LEG1.traded("T1", "10"))
    desk.hear(LEG1.busted("T1"))
    assert desk.order().is_open
    desk.quiet()
    desk.cancel("C", "X")
    assert desk.told() == ["8 C>X 150=6 39=6 qty=10 cum=0 leaves=10", "8 C>X 150=4 39=4 qty=10 cum=0 leaves=0"]


def test_a_replace_of_an_order_of_which_nothing_works_any_more_is_refused() -> None:
    desk = working()
    desk.hear(LEG1.traded("T1", "10"))
    desk.hear(LEG1.busted("T1"))
    desk.quiet()
    desk.replace("Y", "X", "20")
    assert desk.told()[-1] == "9 Y>X 39=0 102=99"
    assert desk.sent() == []


def test_an_order_of_which_nothing_works_any_more_expires_at_once() -> None:
    desk = working()
    desk.hear(LEG1.traded("T1", "10"))
    desk.hear(LEG1.busted("T1"))
    desk.expire()
    assert desk.order().ord_status is OrdStatus.EXPIRED


def test_a_withdrawal_is_tried_until_it_is_true_and_says_why() -> None:
    desk = working()
    desk.withdraw()
    assert desk.order().ord_status is OrdStatus.NEW, "the client did not ask"
    desk.hear(LEG1.refused(Operation.CANCEL))
    desk.hear(LEG1.working())
    desk.quiet()
    desk.withdraw()
    desk.expire()
    assert desk.sent() == [], "one wish of ours is enough"
    desk.retry()
    assert desk.sent() == [CancelIntent]
    desk.replace("Y", "X", "20")
    assert desk.told()[-1].startswith("9 Y>X"), "too late to change it"
    desk.hear(LEG1.canceled())
    assert desk.told()[-1] == "8 X 150=4 39=4 qty=10 cum=0 leaves=0"
    assert desk.order().text == "nobody is there"


# --- each doubt and each refusal is about one operation


@pytest.mark.parametrize("lost", [Operation.AMEND, Operation.CANCEL])
def test_one_settlement_settles_every_request_in_doubt(lost: Operation) -> None:
    desk = working(DomainDesk(AMENDS))
    desk.replace("Y", "X", "8")
    desk.cancel("C", "Y")
    assert desk.sent() == [AmendIntent, CancelIntent]
    other = Operation.CANCEL if lost is Operation.AMEND else Operation.AMEND
    desk.hear(LEG1.unknown(lost))
    desk.hear(LEG1.unknown(other))
    assert [r.phase for r in desk.order().requests] == [Phase.DOUBTFUL, Phase.DOUBTFUL]
    desk.hear(LEG1.working())  # neither was done
    assert [r.phase for r in desk.order().requests] == [Phase.QUEUED, Phase.CANCELING]
    desk.hear(LEG1.canceled())
    assert [text for text in desk.told() if text[0] == "9" or "150=4" in text] == [
        "9 Y>X 39=6 102=0",
        "8 C>X 150=4 39=4 qty=10 cum=0 leaves=0",
    ]


def test_a_refused_amend_says_nothing_about_a_cancel_in_doubt() -> None:
    desk = working(DomainDesk(AMENDS))
    desk.replace("Y", "X", "8")
    desk.cancel("C", "Y")
    desk.hear(LEG1.unknown(Operation.CANCEL))
    desk.hear(LEG1.refused(Operation.AMEND))
    assert [r.phase for r in desk.order().requests] == [Phase.REFUSED, Phase.DOUBTFUL]
    desk.quiet()
    desk.hear(LEG1.working())
    assert desk.told() == ["9 Y>X 39=6 102=99"]
    assert desk.sent() == [CancelIntent]  # the cancel did not happen, so it is sent again


def test_an_unknown_amend_leaves_a_cancel_under_way_alone() -> None:
    desk = working(DomainDesk(AMENDS))
    desk.replace("Y", "X", "8")
    desk.cancel("C", "Y")
    desk.hear(LEG1.unknown(Operation.AMEND))
    assert [r.phase for r in desk.order().requests] == [Phase.DOUBTFUL, Phase.CANCELING]


def test_doubt_about_a_settlement_is_doubt_about_nothing_else() -> None:
    desk = working()
    desk.cancel("C", "X")
    desk.quiet()
    desk.hear(LEG1.unknown(Operation.SETTLE))
    assert desk.order().requests[0].phase is Phase.CANCELING
    assert (desk.told(), desk.sent()) == ([], [])  # asking at once would go round in circles


def test_doubt_about_nothing_that_is_under_way_is_not_reported() -> None:
    desk = working()
    desk.hear(LEG1.unknown(Operation.CANCEL))
    assert desk.told() == []


def test_after_a_restart_an_amend_is_in_doubt_too() -> None:
    desk = working(DomainDesk(AMENDS))
    desk.replace("Y", "X", "8")
    desk.settle(restarted=True)
    assert desk.order().requests[0].phase is Phase.DOUBTFUL
    desk.hear(LEG1.working("8"))
    assert desk.told()[-1] == "8 Y>X 150=5 39=0 qty=8 cum=0 leaves=8"


# --- amends and reductions


def test_the_amends_answer_after_the_end_changes_nothing() -> None:
    desk = working(DomainDesk(AMENDS))
    desk.hear(LEG1.traded("T1", "5"))
    desk.replace("Y", "X", "8")
    desk.cancel("C", "Y")
    desk.hear(LEG1.canceled("5"))
    before = desk.order()
    desk.quiet()
    desk.hear(LEG1.amended("8"))
    assert (desk.order(), desk.told()) == (before, [])


def test_an_amends_answer_that_was_overtaken_by_a_later_one_changes_nothing() -> None:
    desk = working(DomainDesk(AMENDS))
    desk.replace("Y", "X", "8")
    desk.hear(LEG1.amended("8"))
    desk.replace("Z", "Y", "6")
    desk.hear(LEG1.amended("6"))
    before = desk.order()
    desk.quiet()
    desk.hear(LEG1.amended("8"))
    assert (desk.order(), desk.told()) == (before, [])


def test_an_amends_answer_of_an_old_leg_leaves_the_new_one_alone() -> None:
    desk = working(DomainDesk(AMENDS))
    desk.replace("Y", "X", "20")
    desk.hear(LEG1.canceled())
    desk.hear(LEG2.accepted())
    before = desk.order()
    desk.hear(LEG1.amended("3"))
    assert desk.order() == before


def test_an_order_filled_at_its_reduced_quantity_is_filled_even_when_the_amend_was_tried_again_as_a_cancel() -> None:
    desk = working(DomainDesk(AMENDS))
    desk.replace("Y", "X", "5")
    desk.hear(LEG1.unknown(Operation.AMEND))
    desk.hear(LEG1.traded("T1", "5"))
    desk.hear(LEG1.working("10", "5"))  # asked before the amend took effect
    desk.quiet()
    desk.hear(LEG1.closed(CloseReason.FILLED, "5"))
    assert desk.told() == ["8 Y>X 150=5 39=2 qty=5 cum=5 leaves=0"]


def test_a_reduction_that_nobody_told_is_learned_from_a_settlement() -> None:
    desk = working()
    desk.settle(restarted=False)
    desk.hear(LEG1.working("7"))
    assert desk.told() == ["8 X 150=D 39=0 qty=7 cum=0 leaves=7"]
    assert desk.order().legs[0].qty == 7


def test_an_amend_that_a_settlement_shows_done_is_done_once() -> None:
    desk = working(DomainDesk(AMENDS))
    desk.replace("Y", "X", "8")
    desk.quiet()
    desk.hear(LEG1.working("8"))
    assert desk.told() == ["8 Y>X 150=5 39=0 qty=8 cum=0 leaves=8"]
    desk.hear(LEG1.amended("8"))
    assert desk.told() == []


def test_an_amends_answer_that_comes_after_a_further_reduction_is_still_its_answer() -> None:
    desk = working(DomainDesk(AMENDS))
    desk.replace("Y", "X", "8")
    desk.quiet()
    desk.hear(LEG1.amended("7"))  # self-trade prevention, after the amend
    desk.hear(LEG1.amended("8"))
    assert desk.told() == ["8 X 150=D 39=E qty=7 cum=0 leaves=7", "8 Y>X 150=5 39=0 qty=7 cum=0 leaves=7"]
    assert desk.order().legs[0].qty == 7


@pytest.mark.parametrize("qty", ["8", "20"])
def test_an_unasked_cancel_while_a_replace_has_not_canceled_anything_ends_the_order(qty: str) -> None:
    desk = DomainDesk(AMENDS)
    desk.new()
    desk.hear(LEG1.unknown(Operation.PLACE))
    if qty == "8":
        desk.hear(LEG1.accepted())
    desk.replace("Y", "X", qty)  # 8 is on its way as an amend, 20 waits for the order to work
    desk.quiet()
    desk.hear(LEG1.canceled())
    assert desk.told()[-2:] == ["8 X 150=4 39=E qty=10 cum=0 leaves=0", "9 Y>X 39=4 102=0"]
    assert desk.sent() == []


# --- restatements


def test_a_restatement_of_an_order_that_is_over_changes_nothing() -> None:
    desk = working()
    desk.hear(LEG1.canceled())
    before = desk.order()
    desk.quiet()
    desk.hear(LEG1.restated(qty="0"))
    desk.hear(LEG1.done_for_day())
    assert (desk.order(), desk.told()) == (before, [])


def test_a_restatement_shows_that_the_exchange_has_the_order() -> None:
    desk = DomainDesk()
    desk.new()
    desk.quiet()
    desk.hear(LEG1.restated(price="99"))
    assert [text[:9] for text in desk.told()] == ["8 X 150=0", "8 X 150=D"]


def test_a_restatement_of_the_price_alone_keeps_the_quantity_while_a_replace_is_being_placed() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.hear(LEG1.canceled())
    desk.hear(LEG2.restated(price="99"))
    assert desk.order().terms == Terms(Decimal(20), Decimal(99))
    assert [r.exec_type for r in desk.reports[-2:]] == [ExecType.REPLACED, ExecType.RESTATED]  # type: ignore[union-attr]  # rejects have none, and fail here


# --- what the exchange has lost


def test_no_new_leg_is_placed_for_an_order_that_the_exchange_has_lost() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.quiet()
    desk.hear(LEG1.missing())  # it had accepted it: who knows what it executed
    assert PlaceIntent not in desk.sent()
    assert desk.told() == ["9 Y>X 39=0 102=99", "8 X 150=4 39=4 qty=10 cum=0 leaves=0"]


def test_a_cancel_of_an_order_that_the_exchange_has_lost_is_done() -> None:
    desk = working()
    desk.cancel("C", "X")
    desk.hear(LEG1.missing())
    assert desk.told()[-1] == "8 C>X 150=4 39=4 qty=10 cum=0 leaves=0"


def test_an_order_that_closed_and_then_was_lost_with_its_trades_is_not_pending_forever() -> None:
    desk = working()
    desk.cancel("C", "X")
    desk.hear(LEG1.canceled("3"))
    assert desk.order().legs[0].state is LegState.CLOSING
    desk.hear(LEG1.missing())
    assert desk.told()[-1] == "8 C>X 150=4 39=4 qty=10 cum=0 leaves=0"


def test_a_late_rejection_with_executions_is_an_order_that_worked() -> None:
    desk = DomainDesk()
    desk.new()
    desk.hear(LEG1.closed(CloseReason.REJECTED, "3"))
    desk.hear(LEG1.traded("T1", "3"))
    assert [text[:14] for text in desk.told()] == ["8 X 150=0 39=0", "8 X 150=F 39=1", "8 X 150=4 39=4"]


def test_a_refused_new_leg_is_closed_once() -> None:
    desk = working()
    desk.replace("Y", "X", "20")
    desk.hear(LEG1.canceled())
    count = len(desk.journal)
    desk.hear(LEG2.closed(CloseReason.REJECTED, "0"))
    closed = [event for event in desk.journal[count:] if type(event).__name__ == "LegClosed"]
    assert len(closed) == 1
    assert desk.told()[-2:] == ["9 Y>X 39=0 102=99", "8 X 150=4 39=4 qty=10 cum=0 leaves=0"]


def test_a_settlement_tells_when_and_how_the_order_was_submitted() -> None:
    """A history is read from then, however long ago that is."""
    desk = DomainDesk()
    desk.new("X", qty="10", price="100")
    placed_at = desk.now
    desk.now += 3_600 * 10**9
    desk.settle("X", restarted=True)
    intent = desk.intents[-1]
    assert isinstance(intent, SettleIntent)
    assert intent.timestamp_ms - intent.placed_ms == (desk.now - placed_at) // 1_000_000
    assert (intent.side, intent.qty, intent.price) == (Side.BUY, Decimal(10), Decimal(100))


def test_a_settlement_after_the_clock_was_set_back_looks_in_a_time_that_has_come() -> None:
    desk = DomainDesk()
    desk.now = 3_600 * 10**9
    desk.new("X", qty="10", price="100")
    desk.now -= 600 * 10**9
    desk.settle("X", restarted=True)
    intent = desk.intents[-1]
    assert isinstance(intent, SettleIntent)
    assert intent.placed_ms <= intent.timestamp_ms
