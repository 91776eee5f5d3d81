"""The host's clock jumps: nothing ends too early, and what was noted by the old time is put right."""

from collections.abc import Callable

import pytest

from gateway.engine.clock import DAY, NANOSECONDS
from gateway.engine.inbox import ClockRead
from gateway.engine.timers import timers_of
from gateway.engine.trusted_time import JUMP, TrustedTime
from tests.fixtures.domain_desk import DomainDesk

HOUR = 3_600 * NANOSECONDS
START = 20_000 * DAY + 12 * HOUR


class Host:
    """Its clock, what goes on evenly, and who hears of a jump."""

    def __init__(self) -> None:
        self.wall, self.even = START, 7 * NANOSECONDS
        self.alerts: list[str] = []
        self.jumps: list[int] = []
        self.kept_from_reading = 0
        self.trusted = TrustedTime(
            self, lambda code, text: self.alerts.append(f"{code} {text}"), self.jumps.append, self.monotonic
        )

    def now(self) -> int:
        return self.wall

    def monotonic(self) -> int:
        if self.kept_from_reading:
            self.kept_from_reading -= 1
            self.go_on(10 * NANOSECONDS)
        return self.even

    def go_on(self, time: int) -> None:
        self.wall += time
        self.even += time

    def venue_tells(self, offset: int = 0, error: int = NANOSECONDS // 100, source: str = "venue") -> None:
        self.trusted.clock_read(ClockRead(source, "main", offset, error, "", self.wall))

    def told(self) -> int | None:
        """How far from the host's clock."""
        now = self.wall
        at = self.trusted.at(now)
        return None if at is None else at - now

    def doubted(self) -> bool:
        return self.trusted.is_doubted


@pytest.fixture
def host() -> Host:
    made = Host()
    made.venue_tells()
    return made


def test_a_start_does_not_know_before_a_venue_has_told(host: Host) -> None:
    fresh = Host()
    assert fresh.told() is None
    fresh.venue_tells(source="utc")
    assert fresh.told() is None
    fresh.venue_tells(offset=-8 * HOUR)
    assert fresh.told() is None, "either may be wrong"
    fresh.venue_tells(offset=-8 * HOUR)
    assert fresh.told() == -8 * HOUR, "the host took its clock's local time for UTC"
    fresh.venue_tells(offset=NANOSECONDS)
    assert (fresh.told(), fresh.alerts) == (0, [])


@pytest.mark.parametrize("jump", [DAY, -HOUR, JUMP + 1])
def test_a_jump_is_alerted_and_waits_for_a_venue(host: Host, jump: int) -> None:
    host.go_on(HOUR)
    before = ClockRead("venue", "main", 0, 1, "", host.wall)
    host.wall += jump
    assert host.told() is None
    assert host.told() is None
    if jump > 0:
        host.trusted.clock_read(before)
        assert host.told() is None, "it was told before"
    host.venue_tells(error=JUMP // 2)
    assert host.told() is None, "it was asked before and answered after"
    assert (len(host.alerts), host.jumps) == (1, [jump])
    assert host.alerts[0].startswith(f"HOST_CLOCK_JUMPED the host's clock was set by {jump / NANOSECONDS:+.1f} s")
    host.venue_tells(offset=-jump)
    assert host.told() == -jump
    host.wall -= jump  # it is put right
    assert host.told() is None
    host.venue_tells()
    assert (host.told(), host.jumps) == (0, [jump, -jump])


def test_one_odd_answer_of_a_venue_ends_nothing(host: Host) -> None:
    for odd in (9 * DAY, -DAY, DAY):
        host.venue_tells(offset=odd)
        assert host.told() == 0
    host.venue_tells()
    host.venue_tells(offset=DAY)
    assert host.told() == 0, "the odd ones before it are long ago"
    host.venue_tells(offset=DAY + JUMP)
    assert host.told() == DAY + JUMP
    host.venue_tells(offset=DAY)
    assert host.told() == DAY, "it is known to be far"


def test_time_that_goes_by_is_no_jump(host: Host) -> None:
    for _ in range(10):
        host.go_on(DAY)
        host.wall += JUMP // 20
        assert host.told() == 0
    host.wall -= JUMP // 2
    host.kept_from_reading = 3  # each time between both clocks
    assert (host.told(), host.jumps) == (0, [])
    for _ in range(2):
        host.venue_tells()
        host.wall -= JUMP
    assert (host.told(), host.jumps) == (0, []), "little steps that a venue has seen do not add up"


def test_orders_end_by_the_time_that_is_trusted_and_days_by_the_one_that_is_recorded(host: Host) -> None:
    desk = DomainDesk()
    desk.new("X", "10")
    order = desk.order()._replace(expire_time=START + 2 * HOUR)
    timers = timers_of([order], 0, host.wall, host.trusted.at)
    due: Callable[[], tuple[list[str], int | None]] = lambda: (timers.expired(host.wall), timers.new_day(host.wall))  # noqa: E731 - short
    assert timers.wait(host.wall) == 2 * 3_600
    host.wall += DAY
    assert due() == ([], START + 12 * HOUR), "events of now are recorded by this clock, and so are their days"
    assert timers.wait(host.wall) > 0, "the engine does not turn round and round meanwhile"
    host.venue_tells(offset=-DAY)
    assert due() == ([], None)
    assert timers.wait(host.wall) == 2 * 3_600
    host.go_on(2 * HOUR)
    assert due() == ([order.order_id], None)
    timers.expire_later(order, host.wall)
    assert timers.wait(host.wall) == 5
    host.go_on(10 * HOUR)
    assert due() == ([order.order_id], START + 36 * HOUR)


def test_a_jump_is_doubted_until_a_venue_tells_that_the_clock_is_right(host: Host) -> None:
    fresh = Host()
    assert not fresh.doubted(), "a start alone is no reason"
    assert not host.doubted()
    host.wall += HOUR
    assert host.doubted()
    host.venue_tells(-HOUR)
    assert host.told() == -HOUR
    assert host.doubted(), "it is known by how much it is wrong"
    host.wall -= HOUR
    assert host.doubted(), "set back, and maybe not to the right time"
    host.venue_tells()
    assert not host.doubted()
