"""Plain tables for terminals: no lines, and fewer columns where there is less room."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

_ROOMY = 104  # columns of a terminal that take a whole table
_PIPED = 200  # nobody wraps lines there


@dataclass(frozen=True, slots=True)
class Column:
    """value: what a row shows here. spare: left out in a narrow terminal."""

    name: str
    value: Callable[[Any], str]
    right: bool = False
    spare: bool = False


def console() -> Console:
    """For people: as wide as the terminal, and wide enough for whole lines when piped."""
    made = Console(highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _PIPED
    return made


def build_table(
    columns: Sequence[Column], rows: Iterable[Any], width: int, style: Callable[[Any], str] = lambda _: ""
) -> Table:
    """A line a row."""
    shown = [column for column in columns if width >= _ROOMY or not column.spare]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in shown:
        table.add_column(column.name, justify="right" if column.right else "left", no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(column.value(row) for column in shown), style=style(row))
    return table
