"""What the connections of one front share."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

from loguru import logger

from gateway.front.addresses import Peer
from gateway.front.credentials import Credentials
from gateway.front.door import Door
from gateway.front.gate import Gate
from gateway.front.refused import LineBudget
from gateway.front.settings import FrontSettings
from gateway.front.signatures import PublicKeyError
from gateway.front.tls import TlsError, make_context
from gateway.front.wire_log import Tap, WireLog

if TYPE_CHECKING:
    from gateway.front.connection import ClientSide

_REFUSAL_LINES, _REFUSAL_SECONDS = 50, 10.0
HOLD_S = 3.0
"""How long a client is held back on the engine's word, which says it twice a second."""


class FrontState:
    """Limits, sessions, and who is connected."""

    def __init__(self, settings: FrontSettings) -> None:
        """Raises TlsError, PublicKeyError."""
        self.settings = settings
        self.tls: ssl.SSLContext | None = None
        """For the next handshake."""
        self._load_tls()
        self.credentials = Credentials(settings)
        self.door = Door(settings.max_connections, settings.max_connections_per_address, settings.max_half_open)
        self.gate = Gate(settings.sessions, live=settings.live)
        self.clients: set[ClientSide] = set()
        self.sessions: dict[str, ClientSide] = {}
        """By SessionID, those whose Logon went on to the engine."""
        self.held_back: frozenset[str] = frozenset()
        """Sessions that are not read for now, since the engine has enough of them."""
        self._hold_ends: asyncio.TimerHandle | None = None
        self.wire_log = WireLog(settings.wire_log) if settings.wire_log else None
        self.accepted = 0
        self.engine_away = False
        """Since a client was refused for it."""
        self._budget = LineBudget(_REFUSAL_LINES, _REFUSAL_SECONDS)

    def tap(self, number: int, peer: Peer) -> Tap | None:
        """A new connection's end of the wire log, if one is kept."""
        return self.wire_log.tap(number, str(peer)) if self.wire_log else None

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

    def reload(self) -> None:
        """Read certificates, lists and public keys again. What cannot be used is logged, and the old ones stay."""
        try:
            self._load_tls()
        except TlsError as error:
            logger.error("TLS files not reloaded, the old ones stay in use: {}", error)
        try:
            self.credentials.reload()
        except PublicKeyError as error:
            logger.error("public keys not reloaded, the old ones stay in use: {}", error)

    def _load_tls(self) -> None:
        if self.settings.tls is not None:
            self.tls = make_context(self.settings.tls)

    def engine_missed(self) -> str:
        """Note that the engine is away. Returns the level of the line about it: an outage is one warning, however many
        clients try. Whether it died or is being stopped, the supervisor says.
        """
        level, self.engine_away = "DEBUG" if self.engine_away else "WARNING", True
        return level

    def log_refusal(self, level: str, event: str, connection: int, peer: Peer, sender_comp_id: str = "-") -> None:
        """Of clients that have not logged on: a flood of them gets few lines."""
        allowed, withheld = self._budget.take(asyncio.get_running_loop().time())
        if withheld:
            logger.warning("{} more clients were refused, which was not logged one by one", withheld)
        if allowed:
            logger.log(level, "{} connection={} peer={} sender_comp_id={}", event, connection, peer, sender_comp_id)
