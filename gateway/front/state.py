"""What the connections of one front share."""

import asyncio
import ssl
from typing import TYPE_CHECKING

from loguru import logger

from gateway.front.addresses import Peer
from gateway.front.backend import Backend
from gateway.front.credentials import Credentials
from gateway.front.door import Door
from gateway.front.gate import Gate
from gateway.front.refused import LineBudget
from gateway.front.settings import FrontSettings
from gateway.front.signatures import PublicKeyError
from gateway.front.tls import Dates, TlsError, make_context
from gateway.front.wire_log import Tap, Undecided, WireLog

if TYPE_CHECKING:
    from gateway.front.connection import ClientSide

_REFUSAL_LINES, _REFUSAL_SECONDS = 50, 10.0


class FrontState:
    """Limits, engines with their sessions, and who is connected."""

    def __init__(self, settings: FrontSettings) -> None:
        """Raises TlsError, PublicKeyError."""
        self.settings = settings
        self.tls: ssl.SSLContext | None = None
        """For the next handshake."""
        self.dates: Dates | None = None
        """Of what is in use for it."""
        self._load_tls()
        self.credentials = Credentials(settings)
        self.door = Door(settings.max_connections, settings.max_connections_per_address, settings.max_half_open)
        self.gate = Gate(settings.sessions, live=settings.live)
        self.clients: set[ClientSide] = set()
        wanted = {settings.wire_log, *(backend.wire_log for backend in settings.backends)}
        kept = {wire_log: WireLog(wire_log) for wire_log in wanted if wire_log is not None}
        self.wire_logs = tuple(kept.values())
        self._nobodys_log = kept[settings.wire_log] if settings.wire_log else None
        self.backends = [Backend(s, kept[s.wire_log] if s.wire_log else None) for s in settings.backends]
        self._has_one_log = all(backend.wire_log is self._nobodys_log for backend in self.backends)
        self._owners = {s.logon_as: backend for backend in self.backends for s in backend.settings.sessions}
        self.accepted = 0
        self._budget = LineBudget(_REFUSAL_LINES, _REFUSAL_SECONDS)

    def tap(self, number: int, peer: Peer) -> Tap | None:
        """A new connection's end of the wire log, if one is kept: with several engines, whose is not known yet."""
        log = self._nobodys_log if self._has_one_log else Undecided(self._nobodys_log)
        return Tap(log, number, str(peer), self.settings.max_message_bytes) if log is not None else None

    def backend_of(self, session: tuple[str, str, str]) -> Backend | None:
        """Whose engine owns the session that a Logon names; None: there is no such session."""
        return self._owners.get(session)

    def reload(self) -> None:
        """Read certificates, lists and public keys again. What cannot be used is logged, and the old ones stay."""
        try:
            self._load_tls()
        except TlsError as error:
            logger.error("TLS files not reloaded, the old ones stay in use: {}", error)
        try:
            self.credentials.reload()
        except PublicKeyError as error:
            logger.error("public keys not reloaded, these sessions keep the old ones: {}", error)

    def _load_tls(self) -> None:
        if self.settings.tls is not None:
            self.tls = make_context(self.settings.tls)
            self.dates = Dates(self.settings.tls)
            self.dates.tell()

    def log_refusal(self, level: str, event: str, connection: int, peer: Peer, sender_comp_id: str = "-") -> None:
        """Of clients that have not logged on: a flood of them gets few lines."""
        allowed, withheld = self._budget.take(asyncio.get_running_loop().time())
        if withheld:
            logger.warning("{} more clients were refused, which was not logged one by one", withheld)
        if allowed:
            logger.log(level, "{} connection={} peer={} sender_comp_id={}", event, connection, peer, sender_comp_id)
