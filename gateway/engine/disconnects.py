"""Cancel on disconnect: what a session leaves resting when it goes off is canceled after a grace period.

A session that comes back in time keeps its orders. The grace period begins again when a fresh engine takes logons, so
that a restart of ours costs nobody the orders who reconnects at once.
"""

import math
from collections.abc import Mapping

from gateway.domain.session_profile import SessionProfile
from gateway.engine.clock import NANOSECONDS, is_due, wait_for
from gateway.engine.numbers import SessionState

DISCONNECT = "disconnect"
LOGOUT = "logout"


class Disconnects:
    """Only the engine's thread uses it. How a session went off is kept in its state, and so in SQL."""

    def __init__(self, profiles: Mapping[str, SessionProfile], sessions: Mapping[str, SessionState]) -> None:
        self._profiles = profiles
        self._sessions = sessions
        self._on: set[str] = set()
        self._due: dict[str, int] = {}
        self._logout_first: dict[str, bool] = {}  # by session: whether the client's Logout(5) came before ours
        self._retired = False

    def begin(self, at: int) -> None:
        """Clients can log on from now on: who was on or off before the start has the grace period from here."""
        for state in self._sessions.values():
            self._wait(state, at)

    def retire(self) -> None:
        """The gateway is stopping: who goes off now is counted from the next start. Called from any thread."""
        self._retired = True

    def logout_received(self, session: str) -> None:
        """The client said good-bye, or answered ours."""
        self._logout_first.setdefault(session, True)

    def logout_sent(self, session: str) -> None:
        """We said good-bye, or answered the client's."""
        self._logout_first.setdefault(session, False)

    def logged_on(self, session: str) -> None:
        """It is back, with what it left."""
        self._on.add(session)
        self._logout_first.pop(session, None)
        self._due.pop(session, None)
        self._sessions[session].off_reason = None

    def logged_out(self, session: str, at: int, *, closed: bool = False) -> None:
        """It is gone. closed: by its schedule or an operator, which counts as a Logout(5) of its own.

        Whatever else was not its own Logout(5) is a disconnect, our own end included.

        A Logon that is refused ends a connection too, but the session was off before: its grace period runs on.
        """
        if session not in self._on:
            return
        self._on.discard(session)
        state = self._sessions[session]
        state.off_reason = LOGOUT if self._logout_first.pop(session, False) or closed else DISCONNECT
        self._wait(state, at)

    def due(self, now: int) -> list[str]:
        """Sessions whose grace period is over; each is told once."""
        if self._retired:
            return []
        over = [session for session, when in self._due.items() if is_due(when, now, self._grace(session))]
        for session in over:
            del self._due[session]
        return over

    def wait(self, now: int) -> float:
        """Seconds until something is due; infinite when nothing is."""
        if self._retired:
            return math.inf
        return min((wait_for(when, now, self._grace(of)) for of, when in self._due.items()), default=math.inf)

    def text(self, session: str) -> str:
        """What the client is told about its order."""
        profile, reason = self._profiles[session], self._sessions[session].off_reason
        return f"CANCEL_ON_DISCONNECT reason={reason} grace={profile.cancel_grace // NANOSECONDS}s"

    def _grace(self, session: str) -> int:
        return self._profiles[session].cancel_grace

    def _wait(self, state: SessionState, at: int) -> None:
        profile = self._profiles.get(state.key)
        if profile is not None and state.off_reason in profile.cancel_when_off:
            self._due[state.key] = at + profile.cancel_grace
