"""A replace that has waited over an outage: nothing is placed at a price of long ago, and the client is told."""

from dataclasses import replace

import pytest

from gateway.domain.intents import AmendIntent, CancelIntent, PlaceIntent, SettleIntent
from gateway.domain.order import REPLACE_MAX_AGE
from gateway.domain.venue_reports import CloseReason, Operation
from gateway.store.codec import decode_event, encode_event
from tests.fixtures.domain_desk import AMENDS, CAPABILITIES, DomainDesk, Told, profile

HOUR = 3_600_000_000_000


def asked(desk: DomainDesk, told: Told, qty: str = "10", price: str | None = "101") -> None:
    """A replace of an order that works; its cancel, or its amend, is on its way."""
    desk.new("X")
    desk.hear(told.accepted())
    desk.replace("Y", "X", qty, price)
    desk.quiet()


@pytest.mark.parametrize(("waited", "in_time"), [(REPLACE_MAX_AGE - 1, True), (HOUR, False)])
def test_after_its_cancel_was_done_in_an_outage_nothing_is_placed(waited: int, in_time: bool) -> None:
    desk, told = DomainDesk(), Told()
    asked(desk, told)
    desk.hear(told.unknown(Operation.CANCEL))
    desk.quiet()
    desk.now = desk.order().requests[0].asked_at + waited
    desk.hear(told.canceled())
    if in_time:
        assert (desk.sent(), desk.told()) == ([PlaceIntent], [])
        return
    assert desk.sent() == []
    assert [getattr(report, "text", "") for report in desk.reports] == ["REPLACE_TOO_LATE limit=60s age=3600s"] * 2
    assert desk.told() == ["9 Y>X 39=0 102=2", "8 X 150=4 39=4 qty=10 cum=0 leaves=0"]


def test_what_is_chained_to_it_goes_with_it() -> None:
    desk, told = DomainDesk(), Told()
    asked(desk, told)
    desk.replace("Z", "Y", "10", "102")
    desk.quiet()
    desk.now += HOUR
    desk.hear(told.canceled("4"))
    desk.hear(told.traded("1", "4"))
    lines = desk.told()
    assert [line.split()[:2] for line in lines[-3:]] == [["9", "Y>X"], ["9", "Z>X"], ["8", "X"]]
    assert lines[-1] == "8 X 150=4 39=4 qty=10 cum=4 leaves=0"
    assert PlaceIntent not in desk.sent()


@pytest.mark.parametrize("how", ["returned", "in doubt"])
def test_before_its_cancel_is_done_the_order_goes_on_as_it_was(how: str) -> None:
    desk, told = DomainDesk(), Told()
    asked(desk, told)
    if how == "returned":
        desk.hear(replace(told.refused(Operation.CANCEL), may_retry=True))
        desk.now += HOUR
        desk.retry()
    else:
        desk.hear(told.unknown(Operation.CANCEL))
        desk.now += HOUR
        desk.hear(told.working())
    assert desk.told()[-1] == "9 Y>X 39=0 102=2"
    assert CancelIntent not in desk.sent()
    assert desk.order().leaves_qty == 10


def test_what_has_waited_here_too_long_does_not_begin() -> None:
    """Else its cancel would be done, and the order gone with nothing placed for it."""
    desk, told = DomainDesk(CAPABILITIES, profile(max_order_age=5_000_000_000)), Told()
    desk.new("X")
    desk.hear(told.accepted())
    desk.quiet()
    came = desk.now
    desk.now += 6_000_000_000
    desk.replace("Y", "X", "10", "101", at=came)
    assert [getattr(one, "text", "") for one in desk.reports] == ["REPLACE_TOO_LATE limit=5s age=6s"]
    assert desk.sent() == []
    assert desk.told() == ["9 Y>X 39=0 102=2"]
    desk.replace("Z", "X", "10", "101", at=desk.now - 4_000_000_000)
    assert desk.sent() == [CancelIntent]


def test_what_has_waited_here_and_is_done_in_place_takes_effect() -> None:
    desk, told = DomainDesk(AMENDS, profile(max_order_age=5_000_000_000)), Told()
    desk.new("X")
    desk.hear(told.accepted())
    desk.quiet()
    desk.replace("Y", "X", "6", at=desk.now - 6_000_000_000)
    assert desk.sent() == [AmendIntent]


def test_what_has_waited_here_and_places_nothing_anew_takes_effect() -> None:
    """Asked down to what has executed: its cancel is all there is to do."""
    desk, told = DomainDesk(CAPABILITIES, profile(max_order_age=5_000_000_000)), Told()
    desk.new("X")
    desk.hear(told.accepted())
    desk.hear(told.traded("1", "6"))
    desk.quiet()
    desk.replace("Y", "X", "6", "101", at=desk.now - 6_000_000_000)
    assert desk.sent() == [CancelIntent]
    desk.hear(told.canceled("6"))
    assert desk.told()[-1] == "8 Y>X 150=5 39=2 qty=6 cum=6 leaves=0"


def test_what_only_takes_quantity_away_is_never_too_late() -> None:
    desk, told = DomainDesk(AMENDS), Told()
    asked(desk, told, "6", None)
    desk.hear(replace(told.refused(Operation.AMEND), may_retry=True))
    desk.now += HOUR
    desk.retry()
    assert desk.sent() == [AmendIntent]
    desk.hear(told.traded("1", "7"))
    desk.hear(told.refused(Operation.AMEND))
    desk.hear(told.working(cum="7"))
    assert desk.sent() == [SettleIntent, CancelIntent]
    desk.hear(told.canceled("7"))
    assert desk.told()[-1] == "8 Y>X 150=5 39=2 qty=7 cum=7 leaves=0"


def test_a_sessions_maximum_age_decides_where_there_is_one() -> None:
    for limit, waited, kinds in ((2 * HOUR, HOUR, [PlaceIntent]), (5_000_000_000, 6_000_000_000, [])):
        desk, told = DomainDesk(CAPABILITIES, profile(max_order_age=limit)), Told()
        asked(desk, told)
        desk.now += waited
        desk.hear(told.closed(CloseReason.CANCELED, "0"))
        assert desk.sent() == kinds


def test_a_journal_of_before_is_read_with_the_usual_age() -> None:
    desk, told = DomainDesk(), Told()
    asked(desk, told)
    (event,) = [one for one in desk.journal if type(one).__name__ == "ReplaceRequested"]
    old = encode_event(event).replace(f',"max_age":{REPLACE_MAX_AGE}', "")
    assert "max_age" not in old
    assert decode_event("ReplaceRequested", old) == event
