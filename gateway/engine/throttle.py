"""How many messages a session may send in a time, whatever they are; beyond that it is refused, or logged out.

A token bucket a session, full at first, kept as the time at which it is full again. Cancels take nothing from it and
are never refused. A mass cancel that finds nothing to cancel, which is not being canceled already, counts all the same:
a flood of those would be a row in SQL each, without an end.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from gateway.domain.risk.parsing import Rate
from gateway.domain.session_names import session_name

EXEMPT = frozenset({"F", "q", "A", "5"})
"""MsgType(35) of cancels, and of what begins and ends a connection."""


class Allowed(NamedTuple):
    """rate: of messages. logout_after: so many above it, without a pause, end the session; 0: never."""

    rate: Rate
    logout_after: int = 0


class Throttle:
    """Only the engine's thread uses it."""

    def __init__(self, allowed: Mapping[str, Allowed], log_out: Callable[[str, str], None]) -> None:
        """allowed: by session; one that is not in it is not throttled. log_out: ends a session, with a text."""
        self._allowed = allowed
        self._log_out = log_out
        self._full_at = dict.fromkeys(allowed, 0)
        self._over = dict.fromkeys(allowed, 0)

    def take(self, session: str, msg_type: str, at: int) -> str:
        """A message came in at this time, ns. Returns why it is too many; empty where it may pass."""
        return "" if msg_type in EXEMPT else self.count(session, at)

    def count(self, session: str, at: int) -> str:
        """As take, whatever the message is: also for a mass cancel that left nothing to cancel."""
        allowed = self._allowed.get(session)
        if allowed is None:
            return ""
        interval = allowed.rate.window // allowed.rate.times
        # An empty bucket fills within its window: what lies beyond that was before the clock was set back.
        full_at = self._full_at[session] = min(max(self._full_at[session], at), at + allowed.rate.window)
        wait = full_at + interval - allowed.rate.window - at
        if wait <= 0:
            self._full_at[session] = full_at + interval
            self._over[session] = 0
            return ""
        self._over[session] += 1
        text = f"MESSAGE_RATE limit={allowed.rate} again_in={-(-wait // 1_000_000)}ms session={session_name(session)}"
        if self._over[session] == allowed.logout_after:
            self._over[session] = 0
            self._log_out(session, f"{text} refused={allowed.logout_after}")
        return text

    def used(self, session: str, at: int) -> tuple[int, int] | None:
        """Tokens taken and not given back yet, and how many there are; None without a throttle."""
        allowed = self._allowed.get(session)
        if allowed is None:
            return None
        interval = allowed.rate.window // allowed.rate.times
        return min(allowed.rate.times, -(-max(0, self._full_at[session] - at) // interval)), allowed.rate.times
