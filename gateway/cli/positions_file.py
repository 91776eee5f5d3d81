"""A file of positions as people make it in a spreadsheet: CSV with a line that names the columns."""

import csv
from collections.abc import Collection
from pathlib import Path

from gateway.domain.money import parse_decimal
from gateway.engine.operations import HeldLine
from gateway.errors import GatewayError

_COLUMNS = ("account", "symbol", "quantity", "average_cost")
_MOST_LINES = 20_000


class PositionsFileError(GatewayError):
    """The file cannot be read as positions; the text names each line and what is wrong with it."""


def read_positions(path: Path, accounts: Collection[str]) -> list[HeldLine]:
    """Every line of the file, its figures checked. Raises PositionsFileError.

    accounts: that the gateway has, as far as we know. Lines of others are named beside what is wrong otherwise; where
    nothing else is, the engine has the last word.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, strict=True, restkey="")
            return _read(path, rows, accounts)
    except OSError as error:
        raise PositionsFileError(f"{path}: cannot be read: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise PositionsFileError(f"{path}: not CSV in UTF-8: {error}") from error


def _read(path: Path, rows: "csv.DictReader[str]", accounts: Collection[str]) -> list[HeldLine]:
    columns = [name.strip() for name in rows.fieldnames or ()]
    if sorted(columns) != sorted(_COLUMNS):
        raise PositionsFileError(f"{path}: line 1: the columns have to be {','.join(_COLUMNS)}; it has {columns}")
    rows.fieldnames = columns
    lines: list[HeldLine] = []
    problems: list[str] = []
    is_wrong = False
    for row in rows:
        values = {name: text.strip() for name, text in row.items() if isinstance(text, str)}
        fits = len(row) == len(values) == len(_COLUMNS)
        found = _problems(values) if fits else [f"there have to be {len(_COLUMNS)} values"]
        is_wrong = is_wrong or bool(found)
        if (account := values.get("account")) and account not in accounts:
            found.append(f"no account {account!r}; there are: {', '.join(sorted(accounts))}")
        problems += [f"{path}: line {rows.line_num}: {text}" for text in found]
        if not is_wrong:
            lines.append(
                HeldLine(
                    line=rows.line_num,
                    account=values["account"],
                    name=values["symbol"],
                    qty=values["quantity"],
                    avg_px=values["average_cost"],
                )
            )
    if is_wrong:
        raise PositionsFileError("\n".join(problems))
    if len(lines) > _MOST_LINES:
        raise PositionsFileError(f"{path}: {len(lines):,} lines; at most {_MOST_LINES:,} at once")
    return lines


def _problems(values: dict[str, str]) -> list[str]:
    """What is wrong with a line, each thing by itself."""
    problems = [f"{name} is empty" for name in ("account", "symbol") if not values[name]]
    for name in ("quantity", "average_cost"):
        if values[name] or name == "quantity":
            try:
                parse_decimal(values[name])
            except ValueError as error:
                problems.append(f"{name}: {error}")
    return problems
