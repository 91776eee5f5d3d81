"""Files of exported rows. The same rows give the same bytes, with Parquet as long as pyarrow is the same version."""

import csv
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from gateway.compliance.export.columns import Column, Kind, utc
from gateway.errors import ConfigError
from gateway.wire.raw import to_text
from gateway.wire.readable import readable

_GROUP = 10_000
"""Rows of a Parquet row group: what is in memory at a time."""


class Format(StrEnum):
    """How rows are written; the value is the file's suffix. FIX text is of messages alone."""

    CSV = "csv"
    PARQUET = "parquet"
    FIX = "fix"


def check_format(shape: Format) -> None:
    """Raises ConfigError where what it takes is not installed."""
    if shape is Format.PARQUET:
        try:
            import pyarrow as pa  # noqa: F401, PLC0415 -- an extra, slow to load
        except ModuleNotFoundError as error:
            raise ConfigError("Parquet needs pyarrow, which is not installed: pip install '.[parquet]'") from error


def write_rows(path: Path, shape: Format, columns: Sequence[Column], rows: Iterator[Sequence[Any]]) -> int:
    """Write a file anew. Returns how many rows it has."""
    if shape is Format.PARQUET:
        return _write_parquet(path, columns, rows)
    if shape is Format.FIX:
        return _write_fix(path, columns, rows)
    return _write_csv(path, columns, rows)


def _write_csv(path: Path, columns: Sequence[Column], rows: Iterator[Sequence[Any]]) -> int:
    """With a head line; times as UTC text, messages with `|` for the delimiter, nothing for NULL."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([column.name for column in columns])
        for row in rows:
            out.writerow([_cell(column, value) for column, value in zip(columns, row, strict=True)])
            count += 1
    return count


def _cell(column: Column, value: Any) -> Any:
    if value is None:
        return ""
    if column.kind is Kind.TIME:
        return utc(value)
    if column.kind is Kind.MESSAGE:
        return readable(to_text(value))
    return str(value).lower() if column.kind is Kind.BOOLEAN else value


def _write_fix(path: Path, columns: Sequence[Column], rows: Iterator[Sequence[Any]]) -> int:
    """A message a line, byte for byte, after its time and direction: what `fixgw replay import` reads."""
    names = [column.name for column in columns]
    at, direction, message = (names.index(name) for name in ("at", "direction", "message"))
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(f"{utc(row[at])} {row[direction]} ".encode() + row[message] + b"\n")
            count += 1
    return count


def _write_parquet(path: Path, columns: Sequence[Column], rows: Iterator[Sequence[Any]]) -> int:
    """Times are timestamps in nanoseconds UTC, decimals text, messages bytes."""
    import pyarrow as pa  # noqa: PLC0415 -- an extra, slow to load
    import pyarrow.parquet as pq  # noqa: PLC0415 -- likewise

    types: dict[Kind, Any] = {
        Kind.TEXT: pa.string(), Kind.DECIMAL: pa.string(), Kind.INTEGER: pa.int64(), Kind.BOOLEAN: pa.bool_(),
        Kind.TIME: pa.timestamp("ns", tz="UTC"), Kind.MESSAGE: pa.binary(),
    }  # fmt: skip
    schema = pa.schema([(column.name, types[column.kind]) for column in columns])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as out:
        while group := list(islice(rows, _GROUP)):
            arrays = [
                pa.array(values, kind) for values, kind in zip(zip(*group, strict=True), schema.types, strict=True)
            ]
            out.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(group)
    return count
