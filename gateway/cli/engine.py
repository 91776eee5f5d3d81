"""`fixgw engine`: the engine process, started by `fixgw run`."""

import gc
import os
import signal
import socket
from pathlib import Path
from typing import Annotated

import typer
from loguru import logger
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from gateway.cli.exits import ENGINE_MISSING, EXIT_CONFIG, EXIT_DRAINED, EXIT_HALTED
from gateway.cli.host import bind, keep_awake
from gateway.cli.signals import RELOAD_KEYS, Signals
from gateway.config import Config, load_config
from gateway.errors import ConfigError, GatewayError, JournalHalted
from gateway.logs import setup_logging
from gateway.parent import stop_with_parent
from gateway.venues.fork import VenueProcess


def engine(
    config: Annotated[Path, typer.Option(help="The configuration file.")],
    *,
    allow_live: Annotated[bool, typer.Option("--live", help="Allow environment live: real money.")] = False,
    parent: Annotated[int | None, typer.Option(help="Stop when this process, our parent, ends.")] = None,
) -> None:
    """Run the engine alone (normally started by `fixgw run`)."""
    stop_with_parent(parent)
    # Orders live long and make no reference cycles: the collector would only walk them again and again.
    gc.set_threshold(50_000, 20, 100)
    try:
        settings = load_config(config)
        setup_logging(settings.log, "engine")
        unbound = bind(config, settings.engine.cpu)
        keep_awake(config, settings.engine.cpu_latency_us)
        try:
            from gateway.bootstrap import EngineProcess  # noqa: PLC0415 - imports quickfix, which may be missing
        except ModuleNotFoundError as error:
            if error.name != "quickfix":
                raise
            raise ConfigError(ENGINE_MISSING) from error
        gc.freeze()  # what was imported stays
        venues = VenueProcess(lambda connection: _serve_venues(connection, settings, unbound, allow_live=allow_live))
        signals = Signals(signal.SIGINT, signal.SIGTERM, RELOAD_KEYS)  # after quickfix was imported: it resets them
        process = EngineProcess(
            settings,
            venues,
            on_halt=_halt,
            go_on=lambda seconds: signals.wait(seconds) in (None, RELOAD_KEYS),
        )
        process.start()
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_CONFIG) from error
    except (GatewayError, DBAPIError) as error:  # the latter: lost while the state was read
        logger.error("engine does not start: {}", error)
        raise typer.Exit(1) from error
    database = make_url(settings.database.url)  # printed without its password
    logger.info("engine started environment={} database={}", settings.environment, database.render_as_string())
    while signals.wait() == RELOAD_KEYS:
        process.reload_keys()
    clean = process.stop()
    logger.info("engine stopped clean={}", clean)
    drained = EXIT_DRAINED if process.drainer.stopped else 0
    raise typer.Exit(drained if clean else 1)


def _serve_venues(connection: socket.socket, config: Config, cpus: set[int], *, allow_live: bool) -> None:
    """cpus: those it may use; empty: as we do."""
    from gateway.venues.process import serve  # noqa: PLC0415 - for the venues' process alone: adapters import much
    from gateway.venues.registry import builders_of  # noqa: PLC0415 - likewise

    if cpus:
        os.sched_setaffinity(0, cpus)
    setup_logging(config.log, "venues")
    gc.freeze()
    serve(connection, builders_of(config, allow_live=allow_live))


def _halt(error: BaseException) -> None:
    """Nothing may be sent or decided any more, so the process ends at once."""
    if isinstance(error, JournalHalted):
        logger.critical("journal halted: {}", error)
    else:
        logger.opt(exception=error).critical("engine halted")
    os._exit(EXIT_HALTED)
