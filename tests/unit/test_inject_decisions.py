"""Going through a record once more: where decisions come to other figures."""

from typing import Any

import pytest

from gateway.compliance.inject.compare_decisions import compare_decisions
from gateway.compliance.inject.given import Asked, Given
from gateway.compliance.inject.record import Record
from gateway.compliance.inject.steps import Happened, Sent

SESSION = "FIX.4.4:FIXGW->DESK"
AGO = 60_000_000_000


def _decided(at: int, *figures: Any, limit: str = "MAX_POSITION TRADING  ") -> tuple[Asked, Given]:
    return (SESSION, "A", at), Given({limit: list(figures)})


def test_figures_that_are_reckoned_otherwise_are_named() -> None:
    then = [_decided(1, "5.0", "1"), _decided(9, "5", "1"), _decided(20, "6", "1")]
    now = dict([_decided(1, "5", "1.00"), _decided(9, "5", "2"), _decided(21, "7", "1")])
    assert [str(one) for one in compare_decisions(then, now, time_stands=True)] == [
        "DESK decision on A: MAX_POSITION: open recorded 1, now 2"
    ]


@pytest.mark.parametrize(("time_stands", "count"), [(True, 1), (False, 0)])
def test_figures_that_are_times_are_compared_where_time_stands(time_stands: bool, count: int) -> None:
    then, now = (_decided(1, ago, limit="DUPLICATE_ORDER   ") for ago in (5, 6))
    assert len(list(compare_decisions([then], dict([now]), time_stands=time_stands))) == count


def test_decisions_are_compared_where_it_is_known_what_came_before() -> None:
    def sent(at: int, order_id: str) -> Sent:
        return Sent(at, SESSION, "D", order_id, [(11, order_id)], Given({}))

    moment = 50_000_000
    heard = [Happened(AGO + at, "main", order_id, "") for at, order_id in ((5, "O1"), (20, "O2"))]
    heard += [Happened(AGO + 3 * moment, "main", "O3", "")]
    orders = [sent(AGO, "O1"), sent(AGO + 10, "O2"), sent(AGO + 2 * moment + 1, "O4"), sent(AGO + 9 * moment, "O5")]
    record = Record(steps=[*orders, *heard])
    assert [name for (_, name, _), _ in record.decisions()] == ["O1", "O5"]
