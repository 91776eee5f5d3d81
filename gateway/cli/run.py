"""`fixgw run`: the gateway, all of its processes."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.engine import EXIT_CONFIG
from gateway.cli.supervisor import Child, Supervisor
from gateway.config import load_config
from gateway.errors import ConfigError
from gateway.logs import setup_logging


def run(
    config: Annotated[Path, typer.Option(help="The configuration file.")] = Path("config/sandbox.toml"),
    *,
    allow_live: Annotated[bool, typer.Option("--live", help="Allow environment live: real money.")] = False,
    ready_file: Annotated[
        Path | None, typer.Option(help='Write {"port": N} here once clients can connect (for scripts).')
    ] = None,
) -> None:
    r"""Run the gateway: the front, which clients connect to, and the engine behind it.

    \b
    fixgw run                                  the sandbox (start `fixgw sim` first)
    fixgw run --config config/testnet.toml     an exchange's test network
    """
    try:
        settings = load_config(config)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_CONFIG) from error
    setup_logging(settings.log, "run")
    live = ["--live"] if allow_live else []
    front = settings.front
    arguments = [
        "front",
        "--host",
        front.host,
        "--port",
        str(front.port),
        "--engine-socket",
        str(settings.engine.socket),
    ]
    if ready_file is not None:
        arguments += ["--ready-file", str(ready_file)]
    supervisor = Supervisor(
        [
            Child("engine", ["engine", "--config", str(config), *live], frozenset({EXIT_CONFIG})),
            Child("front", arguments, frozenset({EXIT_CONFIG})),
        ]
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: supervisor.stop())
    raise typer.Exit(supervisor.run())
