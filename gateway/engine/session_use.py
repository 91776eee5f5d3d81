"""What each session takes up at the moment, for people: nothing of it is in SQL. Any thread may ask."""

from collections.abc import Collection, Mapping

from gateway.engine.backlog import Backlog
from gateway.engine.clock import Clock
from gateway.engine.throttle import Throttle


class SessionUse:
    """Only looks, without a lock: single numbers, each of them right at some moment of the call."""

    def __init__(self, sessions: Collection[str], throttle: Throttle, backlog: Backlog, clock: Clock) -> None:
        self._sessions = sessions
        self._throttle = throttle
        self._backlog = backlog
        self._clock = clock

    def __call__(self) -> dict[str, Mapping[str, int | None]]:
        """By session. throttle_used, throttle_limit: messages of the rate's window; None without a throttle.

        waiting_bytes: of its messages, not yet decided and committed. held_back: it is not read until half is done.
        """
        now = self._clock.now()
        return {session: self._of(session, now) for session in self._sessions}

    def _of(self, session: str, now: int) -> dict[str, int | None]:
        used, limit = self._throttle.used(session, now) or (None, None)
        waiting, held_back = self._backlog.of(session)
        return {"throttle_used": used, "throttle_limit": limit, "waiting_bytes": waiting, "held_back": held_back}
