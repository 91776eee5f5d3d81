"""Tables for terminals: what is shown is whole, whatever the width."""

import io
import re
from collections.abc import Sequence

import pytest
from rich.console import Console

from gateway.cli.tables import Column, build_table, console

COLUMNS = (
    Column("Limit", lambda row: str(row[0])),
    Column("Value", lambda row: str(row[1]), right=True),
    Column("Until", lambda row: str(row[2]), spare=True),
    Column("Why", lambda row: str(row[3])),
    Column("When", lambda row: str(row[4]), spare=True),
)
ROW = ("MAX_ORDER_NOTIONAL", "500000", "", "a month's end", "2026-01-31 09:30:00")


def drawn(width: int, rows: Sequence[tuple[str, ...]] = (ROW,)) -> list[list[str]]:
    screen = Console(file=io.StringIO(), width=width, highlight=False)
    screen.print(build_table(COLUMNS, rows, width))
    assert isinstance(screen.file, io.StringIO)
    lines = screen.file.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    return [re.split(r"\s{2,}", line.strip()) for line in lines]


def test_all_columns_are_shown_where_there_is_room() -> None:
    assert drawn(120)[0] == ["Limit", "Value", "Until", "Why", "When"]


def test_an_empty_column_makes_room_first_then_the_last_that_can_be_spared() -> None:
    assert drawn(66)[0] == ["Limit", "Value", "Why", "When"]
    assert drawn(60) == [["Limit", "Value", "Why"], ["MAX_ORDER_NOTIONAL", "500000", "a month's end"]]


def test_a_value_goes_on_below_and_is_never_cut_off() -> None:
    lines = drawn(36)
    assert "…" not in str(lines)
    assert lines[1:] == [["MAX_ORDER_NOT", "500000", "a month's end"], ["IONAL"]]


def test_square_brackets_are_text() -> None:
    why = "see [risk] and [/red]"
    assert drawn(120, [(*ROW[:3], why, ROW[4])])[1][2] == why


def test_a_line_of_its_own_may_have_square_brackets_too(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("A-1 refused: [/red] is no account")
    assert "[/red] is" in capsys.readouterr().out


def test_what_others_wrote_is_not_obeyed_by_a_terminal() -> None:
    shown = drawn(120, [("MAX_POSITION", "5", "", "\x1b[31mred\x9b2J ü\nsecond line", "")])
    assert shown[1:] == [["MAX_POSITION", "5", "\\x1b[31mred\\x9b2J ü"], ["second line"]]
