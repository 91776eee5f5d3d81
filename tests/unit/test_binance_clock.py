"""The venue's time, as far as its answers tell."""

from gateway.venues.binance.clock import TimeSample, VenueClock


def test_takes_the_quickest_answer() -> None:
    now = 5_000_000_000
    clock = VenueClock(lambda: now)
    slow = TimeSample(0, 900_000_000, 99_000)
    quick = TimeSample(1_000_000_000, 1_002_000_000, 61_000)
    assert clock.update([slow, quick]) is quick
    # Half-way (1.001 s) the server read 61.000 s, cut to the millisecond.
    assert clock.offset_ns == 61_000_500_000 - 1_001_000_000
    assert clock.clock_ms() == 64_999


def test_slow_answers_do_not_spoil_what_is_known_unless_it_is_wrong() -> None:
    """A venue under load answers after seconds: what it is asked meanwhile must not be stamped seconds ahead."""
    clock = VenueClock(lambda: 0)
    clock.update([TimeSample(0, 2_000_000, 61_000)])
    known = clock.offset_ns
    clock.update([TimeSample(60_000_000_000, 64_000_000_000, 124_800)])  # it may be 1.8 s more
    assert clock.offset_ns == known
    clock.update([TimeSample(60_000_000_000, 64_000_000_000, 126_000)])  # it is a second more at least
    assert clock.offset_ns == 126_000_500_000 - 62_000_000_000
    clock.doubt()  # the venue refuses our time
    clock.update([TimeSample(60_000_000_000, 65_000_000_000, 126_900)])
    assert clock.offset_ns == 126_900_500_000 - 62_500_000_000
    clock.update([TimeSample(120_000_000_000, 123_000_000_000, 184_900)])  # within that, and known better
    assert clock.offset_ns == 184_900_500_000 - 121_500_000_000


def test_never_measured_is_our_own_time() -> None:
    assert VenueClock(lambda: 7_999_999).clock_ms() == 7
