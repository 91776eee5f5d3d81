"""What the front is told at start."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from gateway.domain.session_names import session_key
from gateway.front.addresses import Network
from gateway.front.tls import TlsSettings
from gateway.front.wire_log import WireLogSettings


@dataclass(frozen=True, slots=True)
class PasswordLogon:
    """The users, by Username(553), one of whom the Logon must name with the password that the file has of it."""

    users: frozenset[str]
    users_file: Path


@dataclass(frozen=True, slots=True)
class SignatureLogon:
    """PEM files of Ed25519 public keys, one of which must have signed the Logon, so many seconds ago at most."""

    public_keys: tuple[Path, ...]
    window_seconds: int = 10


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """Who may log on as one session. begin_string: BeginString(8) on the wire.

    client_comp_id is the Logon's SenderCompID(49), gateway_comp_id its 56.
    """

    begin_string: str
    client_comp_id: str
    gateway_comp_id: str
    allow_from: tuple[Network, ...] = ()
    """Networks it may connect from; none: from anywhere."""
    certificates: frozenset[str] = frozenset()
    """Client certificates it may be used with, as tls.parse_identity gives them; none: without."""

    logon: PasswordLogon | SignatureLogon | None = None
    """What the Logon must prove; None: nothing."""

    test: bool = False
    """Whether it is for tests, which are refused where the environment is live."""

    @property
    def is_open_to_anybody(self) -> bool:
        """Whether nothing is asked of a client but the right CompIDs."""
        return not (self.allow_from or self.certificates or self.logon)

    @property
    def logon_as(self) -> tuple[str, str, str]:
        """BeginString(8), SenderCompID(49) and TargetCompID(56) of its Logons."""
        return self.begin_string, self.client_comp_id, self.gateway_comp_id

    @property
    def key(self) -> str:
        """The SessionID as the engine writes it."""
        return session_key(self.begin_string, self.gateway_comp_id, self.client_comp_id)


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """One engine behind the front, and the sessions that it owns. engine_socket: its Unix socket."""

    engine_socket: Path
    sessions: tuple[SessionPolicy, ...]
    wire_log: WireLogSettings | None = None
    """Of its sessions' connections; None: none is kept."""
    control_socket: Path | None = None
    """Where to tell who is connected, see front/control.py; None: nowhere."""
    control_gid: int | None = None
    """The group of the host whose members may ask as well."""


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """Where the front listens, which engines it serves, who may log on, and the bounds of a connection.

    host: address or name to listen on, IPv4 or IPv6; empty: all addresses. port: 0 takes a free one.
    backends: one at least; a session is in one of them alone.
    """

    host: str
    port: int
    backends: tuple[BackendSettings, ...]
    live: bool = False
    """Whether orders reach a venue that trades real money."""
    tls: TlsSettings | None = None
    """None: clients speak plain TCP."""
    wire_log: WireLogSettings | None = None
    """Of connections that named no session: a backend's, or one of the front's own. None: none is kept."""
    max_logon_failures: int = 5
    """Of one user, until it is locked."""
    lockout_seconds: float = 300.0
    logon_deadline_seconds: float = 10.0
    """From accepting a connection to its complete Logon."""
    engine_wait_seconds: float = 4.0
    """How long a Logon waits for an engine that is away. Many clients give up after 5 or 10 s."""
    answer_deadline_seconds: float = 15.0
    """From forwarding the Logon to the engine's complete first message."""
    max_logon_bytes: int = 8192
    max_message_bytes: int = 4 << 20
    """Of a message after the Logon; for a longer one the connection ends."""
    message_deadline_seconds: float = 10.0
    """From the first bytes of a message to its last. A BodyLength(9) that is too long makes all that follows part of
    the message, so the wait must end."""
    max_garbage_bytes: int = 1 << 16
    """Bytes of a connection that may belong to no message, and are passed over, until it ends."""
    max_beyond_gap_bytes: int = 32 << 20
    """Of messages beyond a gap in their numbers, as they are in the engine's memory; then the client is not read, and
    the engine, which is told, logs it out."""
    max_buffered_bytes: int = 1 << 20
    """Waiting to be written to one side; above it the other side is not read (one chunk more may arrive)."""
    slow_reader_seconds: float = 10.0
    """A client that does not halve a full buffer in this time is dropped; also the time to flush when closing."""
    max_connections: int = 1000
    max_connections_per_address: int = 100
    max_half_open: int = 200
    """Connections without a complete Logon yet."""
    proxies: tuple[Network, ...] = ()
    """Who connects from here says with PROXY protocol version 2 for whom, and must."""
    stop_seconds: float = 3.0
    """When stopping: time for the clients' last bytes before connections are cut."""

    @property
    def sessions(self) -> tuple[SessionPolicy, ...]:
        """Of all backends."""
        return tuple(session for backend in self.backends for session in backend.sessions)


def open_to_anybody(settings: FrontSettings) -> list[str]:
    """The sessions that whoever reaches the port may use; none where that is this host alone."""
    try:
        is_of_this_host = settings.host == "localhost" or ip_address(settings.host).is_loopback
    except ValueError:  # a name, or empty: all addresses
        is_of_this_host = False
    return [] if is_of_this_host else [session.key for session in settings.sessions if session.is_open_to_anybody]
