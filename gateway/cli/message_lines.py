"""Stored FIX messages as lines: for people, as raw FIX, as JSON, as CSV."""

import csv
import io
import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.text import Text
from sqlalchemy import Row

from gateway.cli.fields import fields_by_name, message_style, short, shown_fields
from gateway.cli.times import local_date_time, utc_text
from gateway.wire.raw import to_text
from gateway.wire.readable import describe, message_name, printable, readable

_COLUMNS = ("id", "at", "session", "epoch", "direction", "msg_seq_num", "msg_type", "poss_dup", "cl_ord_id", "order_id")


class Shape(StrEnum):
    """How messages are printed."""

    TABLE = "table"
    RAW = "raw"
    JSON = "json"
    CSV = "csv"


def printer(shape: Shape, screen: Console) -> Callable[[Row[Any]], None]:
    """What prints one message after the other; a CSV's head at once."""
    if shape is Shape.TABLE:
        return lambda row: screen.print(_line(row), soft_wrap=True)
    if shape is Shape.CSV:
        print(_csv_line([*_COLUMNS, "message"]), flush=True)
    plain = {Shape.RAW: _raw, Shape.JSON: _json, Shape.CSV: _csv}[shape]
    return lambda row: print(plain(row), flush=True)


def _line(row: Row[Any]) -> Text:
    """`18:01:18.074123 DESK ──▶ 2 NewOrderSingle ClOrdID=…`, from the client, or to it."""
    text = to_text(row.raw)
    status = next((field.value for field in describe(text) if field.tag == 39), None)
    session = printable(row.session.rpartition("->")[2])
    arrow = "──▶" if row.direction == "in" else "◀──"
    again = " (again)" if row.poss_dup else ""
    words = " ".join(short(field) for field in shown_fields(row.msg_type, text))
    line = Text(f"{local_date_time(row.at)}.{row.at // 1000 % 1_000_000:06d} ", style="dim")
    line.append(f"{session:<10} {arrow} {row.msg_seq_num:>6} ", style="dim")
    line.append(f"{message_name(row.msg_type)}{again} {words}", style=message_style(row.msg_type, status))
    return line


def _raw(row: Row[Any]) -> str:
    """One line that `fixgw replay import` reads too: time, direction, the message with `|`."""
    return f"{utc_text(row.at)} {row.direction} {readable(to_text(row.raw))}"


def _json(row: Row[Any]) -> str:
    text = to_text(row.raw)
    values = {name: getattr(row, name) for name in _COLUMNS} | {"at": utc_text(row.at)}
    return json.dumps({**values, "message": message_name(row.msg_type), "fields": fields_by_name(text)})


def _csv(row: Row[Any]) -> str:
    values = {name: getattr(row, name) for name in _COLUMNS} | {"at": utc_text(row.at)}
    return _csv_line([*values.values(), readable(to_text(row.raw))])


def _csv_line(values: list[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    return out.getvalue()
