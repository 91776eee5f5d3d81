"""One engine behind the front: the sessions that it owns, who holds them, and where their bytes are recorded."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gateway.front.refused import Refused
from gateway.front.settings import BackendSettings
from gateway.front.wire_log import WireLog

if TYPE_CHECKING:
    from gateway.front.connection import ClientSide

_ENDING_S = 2.0
"""How long a client that comes back waits for its connection before to end."""

_UNANSWERED_S = 2.0
"""How long a Logon waits for the engine's answer until its client, if it comes again, is taken to have given it up. One
that lacks a field QuickFIX never answers, and leaves the connection open.
"""

HOLD_S = 3.0
"""How long a client is held back on the engine's word, which says it twice a second."""


class Backend:
    """What the connections to one engine share. Another engine's never see it."""

    def __init__(self, settings: BackendSettings, wire_log: WireLog | None) -> None:
        self.settings = settings
        self.engine_socket = settings.engine_socket
        self.wire_log = wire_log
        self.sessions: dict[str, ClientSide] = {}
        """By SessionID, those whose Logon went on to the engine."""
        self.held_back: frozenset[str] = frozenset()
        """Sessions that are not read for now, since the engine has enough of them."""
        self.engine_away = False
        """Since a client was refused for it."""
        self._hold_ends: asyncio.TimerHandle | None = None

    async def free(self, session: str, client: "ClientSide") -> None:
        """Have nobody hold the session when this returns, for this client to take it. Raises Refused where one does."""
        other = self.sessions.get(session)
        if other is not None and self._is_given_up(other):  # maybe: a client that waits is not read
            other.close("INFO", f"the client is back, {client}")
            other = None
        if other is not None and other.is_ending:
            await asyncio.wait([other.lost], timeout=_ENDING_S)
            other = self.sessions.get(session)
        if other is not None:
            raise Refused(f"the session is in use, {other}", "the session is in use by another connection")

    @staticmethod
    def _is_given_up(client: "ClientSide") -> bool:
        waited = asyncio.get_running_loop().time() - client.forwarded_at
        return client.awaits_engine or waited >= _UNANSWERED_S

    def hold(self, sessions: frozenset[str]) -> None:
        """Read these no more, and all others. It ends by itself when it is not said again: the engine may be gone, and
        its socket holds up a client too.
        """
        if self._hold_ends is not None:
            self._hold_ends.cancel()
            self._hold_ends = None
        if sessions:
            self._hold_ends = asyncio.get_running_loop().call_later(HOLD_S, self.hold, frozenset[str]())
        changed, self.held_back = self.held_back ^ sessions, sessions
        for key in changed & self.sessions.keys():
            self.sessions[key].read_or_wait()

    def gaps(self, expected: Mapping[str, int]) -> dict[str, int]:
        """The engine waits for these numbers, by session. Returns the sessions that have a gap there, each with the
        bytes beyond it if those are too many, else 0.
        """
        clients = {key: self.sessions[key] for key in expected.keys() & self.sessions.keys()}
        return {key: client.beyond_gap for key, client in clients.items() if client.expects(expected[key])}

    def engine_missed(self) -> str:
        """Note that the engine is away. Returns the level of the line about it: an outage is one warning, however many
        clients try. Whether it died or is being stopped, the supervisor says.
        """
        level, self.engine_away = "DEBUG" if self.engine_away else "WARNING", True
        return level
