"""Commands that ask the running engine for something, and how its answer is shown."""

import json
from pathlib import Path
from typing import Any

import typer

from gateway.cli.exits import refuse
from gateway.config import load_config
from gateway.control.client import Answer, ControlError, ask
from gateway.errors import GatewayError

EXIT_REFUSED = 1


def operate(config: Path, command: str, arguments: dict[str, Any]) -> Answer:
    """Ask the engine of this configuration. Ends the program with one line when there is none to ask."""
    try:
        settings = load_config(config)
        given = {name: value for name, value in arguments.items() if value is not None}
        return ask(settings.engine.control_socket, command, given, settings.flatten.within_seconds)
    except (ControlError, GatewayError) as error:
        refuse(str(error))


def show(answer: Answer, *, as_json: bool) -> None:
    """Print the answer; ends the program with 1 when it is a refusal."""
    if as_json:
        typer.echo(json.dumps(answer._asdict()))
    elif answer.done:
        typer.echo(answer.text)
    else:
        typer.echo(f"refused: {answer.text}", err=True)
    if not answer.done:
        raise typer.Exit(EXIT_REFUSED)
