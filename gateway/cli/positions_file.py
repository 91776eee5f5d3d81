"""A file of positions as people make it in a spreadsheet: CSV with a line that names the columns."""

import csv
from pathlib import Path

from gateway.domain.money import parse_decimal
from gateway.engine.operations import HeldLine
from gateway.errors import GatewayError

_COLUMNS = ("account", "symbol", "quantity", "average_cost")
_MOST_LINES = 20_000


class PositionsFileError(GatewayError):
    """The file cannot be read as positions; the text names each line and what is wrong with it."""


def read_positions(path: Path) -> list[HeldLine]:
    """Every line of the file, its figures checked. Raises PositionsFileError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, strict=True, restkey="")
            return _read(path, rows)
    except OSError as error:
        raise PositionsFileError(f"{path}: cannot be read: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise PositionsFileError(f"{path}: not CSV in UTF-8: {error}") from error


def _read(path: Path, rows: "csv.DictReader[str]") -> list[HeldLine]:
    columns = [name.strip() for name in rows.fieldnames or ()]
    if sorted(columns) != sorted(_COLUMNS):
        raise PositionsFileError(f"{path}: line 1: the columns have to be {','.join(_COLUMNS)}; it has {columns}")
    rows.fieldnames = columns
    lines: list[HeldLine] = []
    problems: list[str] = []
    for row in rows:
        try:
            lines.append(_line(rows.line_num, row))
        except ValueError as error:
            problems.append(f"{path}: line {rows.line_num}: {error}")
    if problems:
        raise PositionsFileError("\n".join(problems))
    if len(lines) > _MOST_LINES:
        raise PositionsFileError(f"{path}: {len(lines)} lines; at most {_MOST_LINES} at once")
    return lines


def _line(number: int, row: dict[str, str]) -> HeldLine:
    """Raises ValueError saying what is wrong."""
    if "" in row or None in row.values():
        raise ValueError(f"there have to be {len(_COLUMNS)} values")
    values = {name: text.strip() for name, text in row.items()}
    for name in ("account", "symbol"):
        if not values[name]:
            raise ValueError(f"{name} is empty")
    for name in ("quantity", "average_cost"):
        if values[name] or name == "quantity":
            try:
                parse_decimal(values[name])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
    return HeldLine(
        line=number,
        account=values["account"],
        name=values["symbol"],
        qty=values["quantity"],
        avg_px=values["average_cost"],
    )
