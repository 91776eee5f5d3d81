"""What the demo prints: numbered steps, FIX messages a line each, tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gateway.cli.fields import message_style, shown_fields
from gateway.cli.times import duration, local_time
from gateway.wire.readable import message_name

if TYPE_CHECKING:
    from gateway.client import FixMessage
    from gateway.wire.readable import DescribedField

_WIDEST = 120
_SESSION_TYPES = frozenset("01245A")
_ARROWS = {"out": "──▶", "in": "◀──"}
_LEFT_OUT_OF_REPORTS = frozenset({55, 54, 851, 434})  # as in the request, or said by the step
_LEFT_OUT_IF_ZERO = frozenset({31, 32, 6, 12, 479})  # no execution in this report


class Screen:
    """Prints the conversation step by step. An answer's time counts from the request or the exchange's deed before it.

    Messages are kept until flush: printing takes longer than the gateway, and would be counted as its time.
    """

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        if not self.console.is_terminal or self.console.width > _WIDEST:
            self.console.width = _WIDEST
        self._since = 0
        self._step = 0
        self._kept: list[Table] = []

    def say(self, text: str = "", style: str = "") -> None:
        """A paragraph."""
        self.console.print(Text(text, style=style))

    def step(self, title: str, narration: str) -> None:
        """Announce a step."""
        self._step += 1
        self.console.print()
        self.console.print(Text(f"{self._step:2}. {title}", style="bold cyan"))
        self.console.print(Padding(Text(" ".join(narration.split()), style="italic"), (0, 0, 0, 4)))

    def message(self, direction: Literal["in", "out"], message: FixMessage) -> None:
        """A FIX message; those of the session layer are left out."""
        if message.type in _SESSION_TYPES:
            return
        took = duration(message.at - self._since) if direction == "in" else ""
        if direction == "out":
            self._since = message.at
        style = message_style(message.type, message.get(39))
        fields = [_worded(field) for field in shown_fields(message.type, message.text) if _matters(message, field)]
        name = Text(message_name(message.type), style=f"{style} bold".strip())
        self._row(message.at, _ARROWS[direction], name, Text("  ".join(fields), style=style), took)

    def exchange(self, deed: str, at: int) -> None:
        """What the exchange does because the demo told it to."""
        self._since = at
        self._row(at, " ● ", Text("exchange", style="magenta"), Text(deed, style="magenta"), "")

    def flush(self) -> None:
        """Print what was said since the last time."""
        for row in self._kept:
            self.console.print(row)
        self._kept.clear()

    def table(self, table: Table) -> None:
        """Indented like the conversation."""
        self.console.print(Padding(table, (0, 0, 0, 2)))

    def _row(self, at: int, arrow: str, name: Text, content: Text, took: str) -> None:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=14)
        grid.add_column(width=3)
        grid.add_column(width=18, overflow="fold")
        grid.add_column(ratio=1)
        grid.add_column(width=9, justify="right", no_wrap=True)
        grid.add_row(Text(f"  {local_time(at)}", style="dim"), arrow, name, content, Text(took, style="dim"))
        self._kept.append(grid)


def _matters(message: FixMessage, field: DescribedField) -> bool:
    if message.type != "8":
        return True
    if field.tag in _LEFT_OUT_OF_REPORTS:
        return False
    if field.tag in _LEFT_OUT_IF_ZERO:
        return message.get(150) == "F" or (field.tag == 6 and message.get(14) != "0")
    # Quantity and price are the request's, unless this report says that they changed.
    return field.tag not in (38, 44) or message.get(150) in ("5", "I")


def _worded(field: DescribedField) -> str:
    text = f"{field.name or field.tag}={field.meaning or field.value}"
    return text if field.tag == 58 else text.replace(" ", "\u00a0")  # keeps short fields on one line
