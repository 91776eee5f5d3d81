"""fixgw front: the process between the network and the engine. The supervisor starts it."""

import json
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.cli.exits import EXIT_CONFIG
from gateway.config import Config, SessionConfig
from gateway.config_front import PasswordLogonConfig, SignatureLogonConfig, TlsConfig
from gateway.config_shared import SharedFront, gateways_of, load_front
from gateway.config_wire import WireLogConfig
from gateway.errors import ConfigError
from gateway.front import (
    BackendSettings,
    FrontError,
    FrontSettings,
    PasswordLogon,
    SessionPolicy,
    SignatureLogon,
    TlsError,
    TlsSettings,
    WireLogSettings,
    parse_identity,
    run_front,
)
from gateway.logs import setup_logging
from gateway.parent import stop_with_parent
from gateway.wire.versions import transport


def front(
    config: Annotated[Path, typer.Option(help="The configuration file.")],
    *,
    ready_file: Annotated[
        Path | None, typer.Option(help='Written with {"port": …} when listening; printed if left out.')
    ] = None,
    parent: Annotated[int | None, typer.Option(help="Stop when this process, our parent, ends.")] = None,
) -> None:
    """Accept FIX clients on TCP and hand them to the engine of their session, until SIGTERM or SIGINT.

    SIGUSR2 has it read TLS files and public keys again.
    """
    stop_with_parent(parent)
    announce = None if ready_file else lambda port: typer.echo(json.dumps({"port": port}))
    try:
        loaded = load_front(config)
        setup_logging(loaded.config.log if isinstance(loaded, SharedFront) else loaded.log, "front")
        uvloop.run(run_front(front_settings(loaded), ready_file, announce))
    except (ConfigError, FrontError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_CONFIG) from error


def front_settings(loaded: Config | SharedFront) -> FrontSettings:
    """The part of the configuration that the front needs: it faces the network, and keeps no more than that.

    Raises ConfigError for a gateway that shares its front: what its door demands of clients is in that front's file.
    """
    if isinstance(loaded, Config) and loaded.front.shared:
        raise ConfigError("front.shared: clients come by a shared front; give its file, which names this gateway's")
    shared = loaded if isinstance(loaded, SharedFront) else None
    gateways = gateways_of(loaded)
    front = shared.config.front if shared is not None else gateways[0].front
    backends = tuple(_backend(gateway) for gateway in gateways)
    return FrontSettings(
        host=front.host,
        port=front.port,
        backends=backends,
        live=any(gateway.is_live for gateway in gateways),
        logon_deadline_seconds=front.logon_deadline_seconds,
        max_logon_bytes=front.max_logon_bytes,
        max_message_bytes=front.max_message_bytes,
        max_beyond_gap_bytes=front.max_beyond_gap_bytes,
        max_buffered_bytes=front.max_buffered_bytes,
        slow_reader_seconds=front.slow_reader_seconds,
        max_connections=front.max_connections,
        max_connections_per_address=front.max_connections_per_address,
        max_half_open=front.max_half_open,
        proxies=front.proxies,
        max_logon_failures=front.max_logon_failures,
        lockout_seconds=front.lockout_seconds,
        tls=_tls(front.tls) if front.tls else None,
        wire_log=backends[0].wire_log if shared is None else _wire_log(shared.config.wire_log, shared),
    )


def _backend(config: Config) -> BackendSettings:
    return BackendSettings(
        engine_socket=config.engine.socket,
        sessions=tuple(_policy(session, config.front.users_file) for session in config.sessions),
        wire_log=_wire_log(config.wire_log, config),
        control_socket=config.front_socket,
        control_gid=config.engine.control_gid,
    )


def _wire_log(wire: WireLogConfig, of: Config | SharedFront) -> WireLogSettings | None:
    if not wire.enabled:
        return None
    return WireLogSettings(
        directory=of.wire_log_directory,
        on_full=wire.on_full,
        segment_bytes=wire.segment_mb << 20,
        keep_free_bytes=wire.keep_free_mb << 20,
        max_queued_bytes=wire.max_queued_mb << 20,
    )


def _tls(tls: TlsConfig) -> TlsSettings:
    return TlsSettings(tls.certificate, tls.private_key, tls.client_ca, tls.client_crl)


def _policy(session: SessionConfig, users_file: Path) -> SessionPolicy:
    return SessionPolicy(
        begin_string=transport(session.begin_string),
        client_comp_id=session.target_comp_id,
        gateway_comp_id=session.sender_comp_id,
        allow_from=session.allow_from,
        certificates=_certificates(session),
        logon=_logon(session.logon, users_file),
        test=session.test,
    )


def _logon(
    logon: PasswordLogonConfig | SignatureLogonConfig | None, users_file: Path
) -> PasswordLogon | SignatureLogon | None:
    if isinstance(logon, PasswordLogonConfig):
        return PasswordLogon(frozenset(logon.users), users_file)
    if isinstance(logon, SignatureLogonConfig):
        return SignatureLogon(logon.public_keys, logon.window_seconds)
    return None


def _certificates(session: SessionConfig) -> frozenset[str]:
    try:
        return frozenset(parse_identity(text) for text in session.client_certificates)
    except TlsError as error:
        raise ConfigError(f"sessions.client_certificates of {session.target_comp_id!r}: {error}") from error
