"""Plain tables for terminals: no lines, and fewer columns where there is less room."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.wire.readable import printable

_GAP = 2  # between two columns
_PIPED = 200  # nobody wraps lines there


@dataclass(frozen=True, slots=True)
class Column:
    """value: what a row shows here. spare: left out where the terminal is too narrow for all columns."""

    name: str
    value: Callable[[Any], str]
    right: bool = False
    spare: bool = False


def console() -> Console:
    """For people: as wide as the terminal, and wide enough for whole lines when piped. [Brackets] are text."""
    made = Console(highlight=False, markup=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _PIPED
    return made


def build_table(
    columns: Sequence[Column], rows: Iterable[Any], width: int, style: Callable[[Any], str] = lambda _: ""
) -> Table:
    """A line a row; where even that is too wide, values go on below. None is ever cut off."""
    rows = list(rows)
    cells = [[_visible(column.value(row)) for row in rows] for column in columns]
    shown = _fitting(columns, cells, width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (columns[index] for index in shown):
        table.add_column(
            column.name, justify="right" if column.right else "left", no_wrap=column.right, overflow="fold"
        )
    for number, row in enumerate(rows):
        table.add_row(*(Text(cells[index][number]) for index in shown), style=style(row))
    return table


def _visible(text: str) -> str:
    """What others wrote may have what a terminal obeys. Lines of their own stay such."""
    return "\n".join(map(printable, text.split("\n")))


def _fitting(columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """Which columns are shown: of those that can be spared, empty ones go first, then the last."""
    widths = [max(map(cell_len, (column.name, *cells[index]))) for index, column in enumerate(columns)]
    shown = list(range(len(columns)))
    spare = [index for index in reversed(shown) if columns[index].spare]
    for index in sorted(spare, key=lambda index: any(cells[index])):
        if sum(widths[i] + _GAP for i in shown) - _GAP <= width:
            break
        shown.remove(index)
    return shown
