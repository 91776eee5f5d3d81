"""`fixgw run`: the gateway, all of its processes."""

import os
import re
import signal
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.exits import ENGINE_MISSING, EXIT_CONFIG, EXIT_DRAINED
from gateway.cli.kill_signal import KillOnSignal
from gateway.cli.signals import KILL_SWITCH, RELOAD_KEYS, Signals
from gateway.cli.supervisor import Child, Supervisor
from gateway.compliance.audit.keys import sealing_key
from gateway.config import load_config
from gateway.engine.private_directory import make_private_directory
from gateway.engine.pulse import GIVEN_UP
from gateway.errors import ConfigError
from gateway.logs import setup_logging

ENGINE_STOP_S = 75.0
"""More than the engine's own deadlines for stopping take together."""
FRONT_STOP_S = 10.0
WATCHDOG_STOP_S = 30.0
AUDIT_STOP_S = 30.0

_KEY_VARIABLE = re.compile(
    r"FIXGW_.*_(API_KEY|API_SECRET|PRIVATE_KEY)(_FILE|_COMMAND)?$|FIXGW_DATABASE_PASSWORD|FIXGW_AUDIT_KEY_FILE$|PG[A-Z]+$"
)


def run(
    config: Annotated[Path, typer.Option(help="The configuration file.")] = Path("config/sandbox.toml"),
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
    """
    if find_spec("quickfix") is None:
        typer.echo(ENGINE_MISSING, err=True)
        raise typer.Exit(EXIT_CONFIG)
    try:
        settings = load_config(config)
        make_private_directory(settings.engine.directory, settings.engine.control_gid)
        seals = sealing_key() is not None
    except OSError as error:
        typer.echo(f"{config}: engine.directory: cannot be made: {error}", err=True)
        raise typer.Exit(EXIT_CONFIG) from error
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_CONFIG) from error
    setup_logging(settings.log, "run")
    ours = ["--parent", str(os.getpid())]
    live = ["--live"] if allow_live else []
    fatal = frozenset({EXIT_CONFIG})
    ready = ready_file or settings.engine.directory / "front.json"
    # The engine comes first when stopping too: its Logouts reach the clients through the front.
    children = [
        Child(
            "engine",
            ["engine", "--config", str(config), *live, *ours],
            fatal | {EXIT_DRAINED},
            ENGINE_STOP_S,
            has_keys=True,
        ),
        Child(
            "front",
            ["front", "--config", str(config), "--ready-file", str(ready), *ours],
            fatal,
            FRONT_STOP_S,
            env=_without_keys(os.environ),
            has_keys=True,
        ),
    ]
    if settings.engine.emergency_cancel:
        watchdog = ["watchdog", "--config", str(config), *live, *ours]
        children.append(Child("watchdog", watchdog, fatal, WATCHDOG_STOP_S, given_up=GIVEN_UP))
    if seals:
        # Last, so that it also seals what the others leave behind when they stop; and nothing stops because of it.
        every = str(settings.audit.seal_seconds)
        audit = ["audit", "seal", "--config", str(config), "--every", every, *ours]
        children.append(Child("audit", audit, frozenset(), AUDIT_STOP_S))
    signals = Signals(*_stop_signals(), RELOAD_KEYS, KILL_SWITCH)
    code = Supervisor(children, signals, KillOnSignal(settings.engine.control_socket)).run()
    raise typer.Exit(0 if code == EXIT_DRAINED else code)


def _without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """For the process that faces the network."""
    return {name: value for name, value in environ.items() if not _KEY_VARIABLE.match(name)}


def _stop_signals() -> list[signal.Signals]:
    """A terminal that closes ends the gateway too, unless nohup was asked to keep it."""
    stop = [signal.SIGINT, signal.SIGTERM]
    return stop if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [*stop, signal.SIGHUP]
