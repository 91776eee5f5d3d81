"""Exit codes of the processes, what the supervisor makes of them, and the one way in which a command gives up."""

from typing import NoReturn

import typer

EXIT_CONFIG = 2  # what a person has to change: starting again does not help
EXIT_DRAINED = 3  # the engine was told to empty itself and end: the gateway ends too
EXIT_HALTED = 70  # SQL may not have the last batch: a fresh start reads what is true

ENGINE_MISSING = (
    "The FIX session engine is not installed: pip install '.[binary]' in the repository (prebuilt), "
    "or '.[source]' (compiles for about five minutes)."
)


def refuse(text: str) -> NoReturn:
    """End the command with one line for the person who asked: it cannot be done as it was asked for."""
    typer.echo(text, err=True)
    raise typer.Exit(EXIT_CONFIG)
