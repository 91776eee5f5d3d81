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
    client_times = {10, 30, 35}
    order, cancel, status = (decided.client(at) for at in (10, 30, 35))
    accepted = decided.venue("O1", 40, client_times)
    told_again = decided.venue("O1", 42, client_times)
    assert sorted([cancel, told_again, accepted, order]) == [order, accepted, cancel, told_again]
    assert status > order


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
