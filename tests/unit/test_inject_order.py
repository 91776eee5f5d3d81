"""The order in which recorded steps are taken again: that in which they were decided, as far as the record tells."""

import pytest

from gateway.compliance.inject.decided import Decided
from gateway.compliance.inject.order import first_taken, in_order
from gateway.compliance.inject.steps import Happened, Restarted, Sent, Settled, Step

MS = 1_000_000
VERDICT = Settled(40 * MS, "main", "O1", "t-O1-1", ())
RESTART = Restarted(20 * MS, "main", ())


def _order(at: int) -> Sent:
    return Sent(at, "DESK", "D", "O2", [])


def test_steps_are_taken_as_they_were_decided() -> None:
    """A cancel came before the venue's word and was decided behind it; a status request led to no event."""
    decided = Decided()
    for position, at in ((1, 10), (2, 41), (3, 30)):  # order, acceptance, cancel
        decided.heard(position, "O1", at)
    order, cancel = (Sent(at, "DESK", kind, "O1", []) for at, kind in ((10, "D"), (30, "F")))
    status = Sent(35, "OTHER", "H", "O1", [])
    accepted, told_again = (Happened(at, "main", "O1", "{}") for at in (40, 42))
    steps = in_order([order, cancel, status], [told_again, accepted], [], decided)
    assert [step for step in steps if step is not status] == [order, accepted, cancel, told_again]
    assert steps.index(status) > 0


def test_words_that_came_together_stay_behind_what_was_decided_before_they_led_to_anything() -> None:
    """The answer and the event say the same; a cancel came before both, and another order's event was dated later."""
    decided = Decided()
    for position, order_id, at in ((1, "O1", 10), (2, "O9", 25), (3, "O1", 19), (4, "O1", 26), (5, "O8", 40)):
        decided.heard(position, order_id, at)
    order, cancel = (Sent(at, "DESK", kind, "O1", []) for at, kind in ((10, "D"), (19, "F")))
    of_another, answer, event, last = (
        Happened(at, "main", order_id, "{}") for at, order_id in ((15, "O9"), (20, "O1"), (21, "O1"), (39, "O8"))
    )
    steps = in_order([order, cancel], [of_another, answer, event, last], [], decided)
    assert steps == [order, of_another, cancel, answer, event, last]


def test_a_word_that_led_to_nothing_does_not_hold_up_what_was_said_about_others() -> None:
    """What happened to its order a little later, another word led to."""
    decided = Decided()
    for position, order_id, at in ((1, "O1", 11 * MS), (2, "O2", 15 * MS), (3, "O2", 18 * MS), (4, "O1", 31 * MS)):
        decided.heard(position, order_id, at)
    cancel = Sent(18 * MS, "DESK", "F", "O2", [])
    accepted, again, other, filled = (
        Happened(at * MS, "main", order_id, "{}") for at, order_id in ((10, "O1"), (12, "O1"), (14, "O2"), (30, "O1"))
    )
    assert in_order([cancel], [accepted, again, other, filled], [], decided) == [accepted, again, other, cancel, filled]


@pytest.mark.parametrize(
    "later",
    [
        [(48 * MS, True)],  # the kill switch withdraws the order
        [(48 * MS, True), (49 * MS, False)],  # and the venue says that it is canceled
        [(49 * MS, False)],
    ],
)
def test_a_word_that_led_to_nothing_comes_before_an_order_behind_it(later: list[tuple[int, bool]]) -> None:
    """After a start it may be what orders waited for, however soon something else happens to its order."""
    order = _order(45 * MS)
    decided = Decided()
    decided.heard(1, "O1", 30 * MS)  # after the restart the venue is asked
    decided.heard(2, "O2", order.at)
    for position, (at, is_own) in enumerate(later, 3):
        decided.heard(position, "O1", at, is_own=is_own)
    decided.first_taken(order.at, 46 * MS)
    words: list[Settled | Happened | Restarted] = [Happened(49 * MS - 1, "main", "O1", "{}"), VERDICT, RESTART]
    assert in_order([order], words, [], decided)[:3] == [RESTART, VERDICT, order]


@pytest.mark.parametrize(("sent", "is_behind"), [(41 * MS, False), (40 * MS, True)])
def test_the_first_order_taken_after_a_start_is_behind_what_was_heard_before_it_was_sent(
    sent: int, is_behind: bool
) -> None:
    """It came before the verdict that it waited for, and was decided behind it."""
    order = _order(39 * MS)
    later = order._replace(at=50 * MS, order_id="O3")
    decided = Decided()
    for position, step in enumerate((order, later), 1):
        decided.heard(position, str(step.order_id), step.at)
    times = list(first_taken([later, order], {"O2": sent, "O3": 60 * MS}, [RESTART]))
    assert times == [(order.at, sent)]
    for one in times:
        decided.first_taken(*one)
    steps: list[Step] = in_order([order, later], [VERDICT, RESTART], [], decided)
    assert steps == ([RESTART, order, VERDICT, later] if is_behind else [RESTART, VERDICT, order, later])


def test_an_order_that_was_not_sent_did_not_wait_for_a_start() -> None:
    assert list(first_taken([_order(39 * MS)], {}, [RESTART])) == []
    assert list(first_taken([_order(19 * MS)], {"O2": 41 * MS}, [RESTART])) == []


def test_what_repeats_an_order_was_not_sent() -> None:
    """Its answer names the order that went to the venue before."""
    order, repetition = _order(25 * MS), _order(39 * MS)
    assert list(first_taken([repetition], {"O2": 10 * MS}, [RESTART])) == []
    assert list(first_taken([order, repetition], {"O2": 30 * MS}, [RESTART])) == [(25 * MS, 30 * MS)]
