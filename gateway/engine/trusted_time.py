"""What time it is where being early costs money: the host's clock, held against the venues'.

A clock that is set forward by mistake would end every DAY and GTD order at once, and nothing brings back their places
in the queue. So a clock that jumps is not believed in this before a venue has told the time, and nor is it at a start,
where it may have been wrong from the beginning: cancels need the venue anyway. Periods of sessions (schedules.py) go by
the host's clock, as its clients' do, unless it has jumped. A venue that says otherwise than was to
be expected has to say so twice.
"""

import time
from collections.abc import Callable

from gateway.engine.clock import NANOSECONDS, Clock
from gateway.engine.inbox import ClockRead

JUMP = 5 * NANOSECONDS
"""What the host's clock may be off, or set by, without meaning anything here."""

_READ_WITHIN = NANOSECONDS // 4
_READINGS = 5


class TrustedTime:
    """Only the engine's thread uses it."""

    def __init__(
        self,
        clock: Clock,
        alert: Callable[[str, str], None],
        jumped: Callable[[int], None],
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """jumped: told by how much the clock was set. monotonic: what goes on evenly whatever the clock is set to; both
        nanoseconds.
        """
        self._clock = clock
        self._alert = alert
        self._jumped = jumped
        self._monotonic = monotonic
        self._reference = self._ahead()
        self._known = False
        self._offset = 0  # of the venue's clock to ours, where they are far apart; while it is not known, as expected
        self._told: int | None = None  # another one, which a venue has told once
        self._noticed_at = 0

    def at(self, now: int) -> int | None:
        """What the venue's clock shows when the host's shows now; None while nobody knows.

        Jumps are noticed here alone, so it is asked at every turn of the loop, whether an order has an end or not.
        """
        self._look()
        return now + self._offset if self._known else None

    @property
    def is_doubted(self) -> bool:
        """Whether the host's clock has jumped, and no venue has told since that it is right now."""
        self._look()
        return self._noticed_at > 0 and not (self._known and self._offset == 0)

    def clock_read(self, item: ClockRead) -> None:
        """A venue has told the time. What was asked before the jump, or about it, says nothing of the time since."""
        self._look()
        if item.source != "venue" or item.at < self._noticed_at or abs(item.error_ns) >= JUMP // 2:
            return
        offset = item.offset_ns if abs(item.offset_ns) > JUMP else 0
        likely = (0, self._offset, self._told)
        if not any(one is not None and abs(offset - one) <= JUMP for one in likely):
            self._told = offset  # one odd answer must not end all orders either: it has to be told twice
            return
        self._known, self._reference, self._offset, self._told = True, self._ahead(), offset, None

    def _look(self) -> None:
        ahead = self._ahead()
        jump = ahead - self._reference
        if abs(jump) <= JUMP:
            return
        self._reference, self._known, self._noticed_at = ahead, False, self._clock.now()
        self._offset, self._told = self._offset - jump, None
        text = f"the host's clock was set by {jump / NANOSECONDS:+.1f} s, or the host stood still: no order expires, "
        self._alert("HOST_CLOCK_JUMPED", text + "and no session's period ends before a venue has told the time")
        self._jumped(jump)

    def _ahead(self) -> int:
        """How far the clock is ahead of what goes on evenly."""
        for _ in range(_READINGS):
            before, even = self._clock.now(), self._monotonic()
            if 0 <= self._clock.now() - before < _READ_WITHIN:  # else we were kept from reading both at once
                break
        return before - even
