"""`fixgw run`: the gateway, all of its processes; or the front that several gateways share."""

import os
import re
import signal
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.exits import ENGINE_MISSING, EXIT_CONFIG, EXIT_DRAINED, refuse
from gateway.cli.kill_signal import KillOnSignal
from gateway.cli.options import DEFAULT_CONFIG
from gateway.cli.signals import KILL_SWITCH, RELOAD_KEYS, Signals
from gateway.cli.supervisor import Child, Supervisor
from gateway.compliance.audit.keys import sealing_key
from gateway.config import Config, LogConfig
from gateway.config_shared import SharedFront, gateways_of, load_front
from gateway.engine.private_directory import make_private_directory
from gateway.engine.pulse import GIVEN_UP
from gateway.errors import ConfigError
from gateway.logs import check_log_file, setup_logging

ENGINE_STOP_S = 75.0
"""More than the engine's own deadlines for stopping take together."""
FRONT_STOP_S = 10.0
WATCHDOG_STOP_S = 30.0
AUDIT_STOP_S = 30.0

_FATAL = frozenset({EXIT_CONFIG})

_KEY_VARIABLE = re.compile(
    r"FIXGW_.*_(API_KEY|API_SECRET|PRIVATE_KEY)(_FILE|_COMMAND)?$|FIXGW_DATABASE_PASSWORD|FIXGW_AUDIT_KEY_FILE$|PG[A-Z]+$"
)


def run(
    config: Annotated[Path, typer.Option(envvar="FIXGW_CONFIG", help="The configuration file.")] = DEFAULT_CONFIG,
    *,
    allow_live: Annotated[bool, typer.Option("--live", help="Allow environment live: real money.")] = False,
    ready_file: Annotated[
        Path | None, typer.Option(help='Write {"port": N} here once clients can connect (for scripts).')
    ] = None,
) -> None:
    r"""Run the gateway: the front, which clients connect to, and the engine behind it.

    Keys come from the environment. For the sandbox, with `fixgw sim` running:

    \b
    FIXGW_SIM_MAIN_API_KEY=sim-main-key \
    FIXGW_SIM_MAIN_API_SECRET=sim-main-secret fixgw run

    For an exchange's test network (needs FIXGW_TESTNET_MAIN_API_KEY and _API_SECRET):

    \b
    fixgw run --config config/testnet.toml

    With the file of a shared front it runs that front alone; each of its gateways is run by itself.
    """
    try:
        settings = load_front(config)
        gateways = gateways_of(settings)
        for gateway in gateways:
            make_private_directory(gateway.engine.directory, gateway.engine.control_gid)
        if isinstance(settings, SharedFront):
            make_private_directory(settings.config.directory)
        seals = isinstance(settings, Config) and sealing_key() is not None
    except OSError as error:  # which says where
        refuse(f"{config}: a directory it names cannot be made: {error}")
    except ConfigError as error:
        refuse(str(error))
    if isinstance(settings, SharedFront):
        _log_to(settings.config.log, config)
        children = [_front(config, ready_file or settings.config.directory / "front.json")]
    else:
        if find_spec("quickfix") is None:
            refuse(ENGINE_MISSING)
        if ready_file is not None and settings.front.shared:
            refuse(f"--ready-file: {config} has front.shared, so that there is no port; give it to the front's own run")
        _log_to(settings.log, config)
        children = _children(settings, config, ready_file, live=allow_live, seals=seals)
    signals = Signals(*_stop_signals(), RELOAD_KEYS, KILL_SWITCH)
    kill_switches = [KillOnSignal(gateway.engine.control_socket) for gateway in gateways]
    code = Supervisor(children, signals, kill_switches).run()
    raise typer.Exit(0 if code == EXIT_DRAINED else code)


def _log_to(log: LogConfig, config: Path) -> None:
    try:
        check_log_file(log)
    except ConfigError as error:
        refuse(f"{config}: {error}")
    setup_logging(log, "run")


def _children(settings: Config, config: Path, ready_file: Path | None, *, live: bool, seals: bool) -> list[Child]:
    """Of a gateway. seals: there is a key to seal with."""
    ours = ["--config", str(config), *_parent()]
    allowed = ["--live"] if live else []
    # The engine comes first when stopping too: its Logouts reach the clients through the front.
    children = [Child("engine", ["engine", *ours, *allowed], _FATAL | {EXIT_DRAINED}, ENGINE_STOP_S, has_keys=True)]
    if not settings.front.shared:
        children.append(_front(config, ready_file or settings.engine.directory / "front.json"))
    if settings.engine.emergency_cancel:
        children.append(Child("watchdog", ["watchdog", *ours, *allowed], _FATAL, WATCHDOG_STOP_S, given_up=GIVEN_UP))
    if seals:
        # Last, so that it also seals what the others leave behind when they stop; and nothing stops because of it.
        every = str(settings.audit.seal_seconds)
        children.append(Child("audit", ["audit", "seal", "--every", every, *ours], frozenset(), AUDIT_STOP_S))
    return children


def _front(config: Path, ready: Path) -> Child:
    front = ["front", "--config", str(config), "--ready-file", str(ready), *_parent()]
    return Child("front", front, _FATAL, FRONT_STOP_S, env=_without_keys(os.environ), has_keys=True)


def _parent() -> list[str]:
    return ["--parent", str(os.getpid())]


def _without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """For the process that faces the network."""
    return {name: value for name, value in environ.items() if not _KEY_VARIABLE.match(name)}


def _stop_signals() -> list[signal.Signals]:
    """A terminal that closes ends the gateway too, unless nohup was asked to keep it."""
    stop = [signal.SIGINT, signal.SIGTERM]
    return stop if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [*stop, signal.SIGHUP]
