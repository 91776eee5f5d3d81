"""fixgw front: the process between the network and the engine. The supervisor starts it."""

import json
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.cli.engine import EXIT_CONFIG
from gateway.cli.parent import stop_with_parent
from gateway.config import LogConfig
from gateway.front import FrontError, FrontSettings, run_front
from gateway.logs import setup_logging


def front(
    *,
    engine_socket: Annotated[Path, typer.Option(help="The engine's Unix socket.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 9880,
    ready_file: Annotated[
        Path | None, typer.Option(help='Written with {"port": …} when listening; printed if left out.')
    ] = None,
    logon_deadline: Annotated[float, typer.Option(help="Seconds from connecting to a complete Logon.")] = 10.0,
    max_logon_bytes: Annotated[int, typer.Option(min=64, help="Longest Logon accepted.")] = 8192,
    log_level: Annotated[str, typer.Option(help="As in the configuration's [log].")] = "INFO",
    log_json_lines: Annotated[bool, typer.Option("--log-json-lines", help="Each line a JSON object.")] = False,
    log_file: Annotated[Path | None, typer.Option(help="Instead of standard error.")] = None,
    parent: Annotated[int | None, typer.Option(help="Stop when this process, our parent, ends.")] = None,
) -> None:
    """Accept FIX clients on TCP and hand them to the engine, until SIGTERM or SIGINT."""
    stop_with_parent(parent)
    setup_logging(
        LogConfig.model_validate({"level": log_level, "json_lines": log_json_lines, "file": log_file}), "front"
    )
    settings = FrontSettings(
        host=host,
        port=port,
        engine_socket=engine_socket,
        ready_file=ready_file,
        logon_deadline_seconds=logon_deadline,
        max_logon_bytes=max_logon_bytes,
    )
    announce = None if ready_file else lambda port: typer.echo(json.dumps({"port": port}))
    try:
        uvloop.run(run_front(settings, announce))
    except FrontError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_CONFIG) from error
