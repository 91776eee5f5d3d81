"""When requests that wait are sent again."""

from dataclasses import replace

from gateway.domain.venue_reports import Operation
from gateway.engine.clock import NANOSECONDS
from gateway.engine.timers import Timers
from tests.fixtures.domain_desk import DomainDesk, Told


def test_a_cancel_that_the_venue_puts_off_waits_longer_each_time() -> None:
    desk, told = DomainDesk(), Told()
    desk.new("X")
    desk.hear(told.accepted())
    timers, now = Timers(0, 0, trusted=lambda now: now), 0

    def put_off() -> None:
        timers.watch(desk.order(), now)  # its cancel is on its way
        desk.hear(replace(told.refused(Operation.CANCEL), may_retry=True))
        timers.watch(desk.order(), now)

    desk.withdraw()
    put_off()
    waited = []
    for _ in range(6):
        waited.append(round(timers.wait(now)))
        now += waited[-1] * NANOSECONDS
        assert timers.to_retry(now) == ["O1"]
        assert timers.to_retry(now) == [], "once"
        desk.retry()
        put_off()
    assert waited == [1, 2, 4, 8, 8, 8]

    timers.watch(desk.order(), now)
    desk.hear(told.canceled())
    timers.watch(desk.order(), now)
    assert timers.to_retry(now + 100 * NANOSECONDS) == []
    desk.new("Y")
    assert timers.wait(now) > 8, "nothing waits"


def test_a_cancel_that_waits_goes_on_waiting_no_longer_when_the_clock_is_set_back() -> None:
    desk, told = DomainDesk(), Told()
    desk.new("X")
    desk.hear(told.accepted())
    hour = 3_600 * NANOSECONDS
    timers = Timers(0, hour, trusted=lambda now: now)
    desk.withdraw()
    desk.hear(replace(told.refused(Operation.CANCEL), may_retry=True))
    timers.watch(desk.order(), hour)
    assert timers.to_retry(hour) == []
    assert timers.wait(1) == 0
    assert timers.to_retry(1) == ["O1"]
    assert timers.to_retry(2) == [], "and from then on by the clock as it is now"
