"""`fixgw watchdog`: cancels what an engine leaves that has lost SQL. `fixgw run` starts it."""

from pathlib import Path
from typing import Annotated

import typer
import uvloop
from loguru import logger

from gateway.cli.exits import EXIT_CONFIG
from gateway.config import load_config
from gateway.errors import ConfigError
from gateway.logs import setup_logging
from gateway.parent import stop_with_parent
from gateway.watchdog import run_watchdog


def watchdog(
    config: Annotated[Path, typer.Option(help="The configuration file.")],
    *,
    allow_live: Annotated[bool, typer.Option("--live", help="Allow environment live: real money.")] = False,
    parent: Annotated[int | None, typer.Option(help="Stop when this process, our parent, ends.")] = None,
) -> None:
    """Wait for the engine to lose its database (normally started by `fixgw run`)."""
    stop_with_parent(parent)
    try:
        settings = load_config(config)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_CONFIG) from error
    setup_logging(settings.log, "watchdog")
    try:
        uvloop.run(run_watchdog(settings, allow_live=allow_live))
    except OSError as error:
        logger.error("the watchdog does not start: {}", error)
        raise typer.Exit(1) from error
