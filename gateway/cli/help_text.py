"""What `--help` shows, from the docstrings of commands."""

import inspect
from typing import Any


def tidy(command: Any) -> None:
    """Make the help of a command, of its options, and of the commands below it, fit any terminal.

    Typer keeps the line ends of a docstring, takes [brackets] for markup, and keeps the lines of an example only where
    its paragraph starts with a backspace, which a raw docstring spells out.
    """
    if command.help:
        command.help = "\n\n".join(map(_paragraph, inspect.cleandoc(command.help).split("\n\n")))
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = _plain(parameter.help)
    for below in getattr(command, "commands", {}).values():
        tidy(below)


def _paragraph(text: str) -> str:
    text = _plain(text.replace("\\b\n", "\b\n"))
    return text if text.startswith("\b") else " ".join(text.split("\n"))


def _plain(text: str) -> str:
    if "[" not in text:
        return text
    from rich.markup import escape  # noqa: PLC0415 - takes as long to load as a tenth of a command, few need it

    return escape(text)
