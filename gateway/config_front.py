"""The part of the configuration that says who may connect, and how."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, IPvAnyNetwork, model_validator

from gateway.config_section import Section


class TlsConfig(Section):
    """TLS 1.2 and 1.3, by PEM files; SIGUSR2 to `fixgw run` has them read again.

    certificate: the gateway's, with its chain. client_ca: authorities whose certificates clients must have; every
    session then names its own. client_crl: revocation lists of them.
    """

    certificate: Path
    private_key: Path
    client_ca: Path | None = None
    client_crl: Path | None = None

    @model_validator(mode="after")
    def _lists_have_an_authority(self) -> Self:
        if self.client_crl is not None and self.client_ca is None:
            raise ValueError("client_crl is of use with client_ca alone")
        return self


class FrontConfig(Section):
    """The TCP listener that clients connect to.

    host: an address or a name; empty: all addresses of this machine, IPv4 and IPv6.
    max_connections_per_address: an IPv6 address counts by its /64, since one machine has as many as it likes of those.
    max_half_open: connections that have not sent a complete Logon yet.
    max_message_bytes: of one message; the connection of a client that sends a longer one ends.
    max_beyond_gap_bytes: of what a client sends while it owes messages before it. It is kept in memory till those come,
    and a client that sends more is logged out. A field counts its bytes and 130 more.
    max_buffered_bytes, slow_reader_seconds: a client that leaves so much unread for so long is disconnected.
    users_file: who logs on with a password, see `fixgw user`. max_logon_failures: of one user, who is then locked for
    lockout_seconds.
    control_socket: where it tells who is connected; left out: front.sock in engine.directory.
    shared: clients come by a front that several gateways share, see config_shared.py. All the rest but users_file and
    control_socket is then said in its file.
    proxies: where a load balancer connects from that says, with PROXY protocol version 2, for whom. It must.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 9880
    logon_deadline_seconds: Annotated[int, Field(ge=1, le=60)] = 5
    max_logon_bytes: Annotated[int, Field(ge=256, le=65536)] = 4096
    max_message_bytes: Annotated[int, Field(ge=4096, le=8 << 20)] = 4 << 20
    max_beyond_gap_bytes: Annotated[int, Field(ge=1 << 16, le=1 << 30)] = 32 << 20
    max_buffered_bytes: Annotated[int, Field(ge=4096, le=256 << 20)] = 1 << 20
    slow_reader_seconds: Annotated[int, Field(ge=1, le=300)] = 10
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 1000
    max_connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = 100
    max_half_open: Annotated[int, Field(ge=1, le=100_000)] = 200
    proxies: tuple[IPvAnyNetwork, ...] = ()
    tls: TlsConfig | None = None
    users_file: Path = Path("var/users.json")
    max_logon_failures: Annotated[int, Field(ge=1, le=1000)] = 5
    lockout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    control_socket: Path | None = None
    shared: bool = False

    @model_validator(mode="after")
    def _is_said_in_one_place(self) -> Self:
        elsewhere = self.model_fields_set - OF_EACH_GATEWAY
        if self.shared and elsewhere:
            raise ValueError(
                f"{', '.join(sorted(elsewhere))}: with shared = true this belongs into the shared front's file; "
                "users_file and control_socket alone are said here"
            )
        return self


OF_EACH_GATEWAY = frozenset({"shared", "users_file", "control_socket"})
"""Keys of [front] that are a gateway's own where it shares its front."""


def check_certificates(tls: TlsConfig | None, sessions: Iterable[tuple[str, tuple[str, ...]]]) -> None:
    """Raises ValueError unless clients are asked for certificates exactly where sessions name some.

    sessions: each client's CompID and the certificates that its session names.
    """
    asked_for = tls is not None and tls.client_ca is not None
    for comp_id, certificates in sessions:
        if asked_for and not certificates:
            raise ValueError(
                f"sessions.client_certificates: session {comp_id!r} names none, so that anybody's "
                "would do; with front.tls.client_ca every session has its own"
            )
        if certificates and not asked_for:
            raise ValueError(
                f"sessions.client_certificates: session {comp_id!r} names some, but clients are not "
                "asked for theirs: front.tls.client_ca is missing"
            )


class PasswordLogonConfig(Section):
    """Username(553) and Password(554). users: who may use the session; `fixgw user` makes them."""

    method: Literal["password"]
    users: Annotated[tuple[str, ...], Field(min_length=1)]

    @property
    def names(self) -> tuple[str, ...]:
        """The users."""
        return self.users


class SignatureLogonConfig(Section):
    """An Ed25519 signature in RawData(96). public_keys: PEM files of the keys that may sign.

    window_seconds: how far SendingTime(52) may be from our time.
    """

    method: Literal["signature"]
    public_keys: Annotated[tuple[Path, ...], Field(min_length=1)]
    window_seconds: Annotated[int, Field(ge=1, le=120)] = 10

    @property
    def names(self) -> tuple[str, ...]:
        """No users."""
        return ()


LogonConfig = Annotated[PasswordLogonConfig | SignatureLogonConfig, Field(discriminator="method")]
