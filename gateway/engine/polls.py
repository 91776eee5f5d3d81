"""When to ask a venue account whose event stream is away what has changed there."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.engine.clock import NANOSECONDS, is_due, wait_for

_FIRST = 2 * NANOSECONDS  # most streams are back by then
_A_SYMBOL = (
    NANOSECONDS // 2
)  # each is a question of its own: so all of it takes less than half of a venue's rate budget
_LONGEST = 15 * NANOSECONDS


@dataclass(slots=True)
class _Poll:
    shortest: int = _FIRST
    pause: int = _FIRST
    next_at: int = 0

    @property
    def longest(self) -> int:
        return max(_LONGEST, self.shortest)


class Polls:
    """Soon while something changes, and after ever longer pauses while nothing does."""

    def __init__(self) -> None:
        self._polls: dict[str, _Poll] = {}

    def begin(self, venue_account: str, now: int) -> None:
        """It can be asked, and says nothing by itself."""
        self._polls[venue_account] = _Poll(next_at=now + _FIRST)

    def end(self, venue_account: str) -> None:
        """Its stream stands."""
        self._polls.pop(venue_account, None)

    def __contains__(self, venue_account: str) -> bool:
        return venue_account in self._polls

    def changed(self, venue_account: str, now: int) -> None:
        """An order of the account was: by what was found there, or by a cancel that the venue was sent."""
        if (poll := self._polls.get(venue_account)) is not None:
            poll.pause = poll.shortest
            poll.next_at = min(poll.next_at, now + poll.pause)

    def asked(self, venue_account: str, symbols: int, now: int) -> None:
        """It was asked for its orders, and for its trades in so many symbols."""
        poll = self._polls[venue_account]
        poll.shortest = _FIRST + symbols * _A_SYMBOL
        poll.pause = min(max(poll.pause, poll.shortest), poll.longest)
        poll.next_at = now + poll.pause
        poll.pause = min(2 * poll.pause, poll.longest)

    def is_due(self, venue_account: str, now: int) -> bool:
        """Whether to ask."""
        poll = self._polls.get(venue_account)
        return poll is not None and is_due(poll.next_at, now, poll.longest)

    def wait(self, venue_accounts: Iterable[str], now: int) -> float:
        """Seconds until one of these is due."""
        polls = [self._polls[name] for name in venue_accounts if name in self._polls]
        return min((wait_for(poll.next_at, now, poll.longest) for poll in polls), default=math.inf)
