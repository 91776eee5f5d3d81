"""fixgw export: the record handed on."""

import csv
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gateway.cli.access import record_reading
from gateway.cli.archived import refuse_archived, refuse_begun_before
from gateway.cli.database import reading
from gateway.cli.exits import refuse
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption, OpenedOption
from gateway.cli.tables import console
from gateway.cli.times import utc_text
from gateway.cli.window import DateOption, FromOption, ToOption, asked_window
from gateway.compliance.derive.window import Window
from gateway.compliance.export.columns import Dataset, Redaction
from gateway.compliance.export.records import MESSAGES, RECORDS
from gateway.compliance.export.rts24 import FIELDS
from gateway.compliance.export.rts24_rows import RTS24
from gateway.compliance.export.run import MOST_DAYS, Written
from gateway.compliance.export.run import export as write_export
from gateway.compliance.export.writers import Format, check_format
from gateway.config import load_config
from gateway.domain.wording import counted
from gateway.engine.clock import DAY
from gateway.errors import GatewayError

_SETTLED = 60 * 10**9
"""What is older is committed: until then a time that is over could still get records (ns)."""

IntoOption = Annotated[
    Path, typer.Option("--into", metavar="DIR", help="A directory of its own; one that was begun goes on.")
]
FormatOption = Annotated[Format, typer.Option("--as", help="How to write it; fix has messages alone.")]

export = typer.Typer(no_args_is_help=True, help="Hand the record on, with a manifest of hashes.")


@export.callback()
def main() -> None:
    """Hand the record on, with a manifest of hashes."""


@export.command()
def records(
    into: IntoOption,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    database: OpenedOption = None,
    date: DateOption = None,
    since: FromOption = None,
    until: ToOption = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="|".join(RECORDS), help="Only these; may be repeated.")
    ] = None,
    shape: FormatOption = Format.CSV,
) -> None:
    r"""Write messages, orders, executions and decisions, a file a day (UTC).

    The same time gives the same bytes, whenever it is asked for. Orders are those that were received in that time, as
    they stood at its end. An export that was interrupted goes on when it is asked for again. Values of the tags in
    [compliance] redact are left out. manifest.json has each file's SHA-256, as has SHA256SUMS.

    \b
    fixgw export records --into january --from 2026-01-01 --to 2026-02-01
    fixgw export records --into friday --date 2026-01-30 --as parquet --only orders --only executions
    fixgw export records --into text --date 2026-01-30 --as fix
    """
    names = only or ([MESSAGES.name] if shape is Format.FIX else list(RECORDS))
    if unknown := [name for name in names if name not in RECORDS]:
        refuse(f"--only {unknown[0]!r}: one of {', '.join(RECORDS)}")
    if shape is Format.FIX and names != [MESSAGES.name]:
        refuse("FIX text is of messages alone: leave --only out, or take csv or parquet")
    _run(config, database, into, [RECORDS[name] for name in dict.fromkeys(names)], shape, _over(date, since, until))


@export.command()
def rts24(
    into: IntoOption,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    database: OpenedOption = None,
    date: DateOption = None,
    since: FromOption = None,
    until: ToOption = None,
    shape: FormatOption = Format.CSV,
) -> None:
    r"""Write what happened to orders in the layout of RTS 24 (MiFID II order record keeping), a file a day (UTC).

    A column for each field, empty where it cannot be told: fixgw export rts24-fields has where each comes from. A row
    for each new order, replace, cancel, rejection, expiry and execution. Otherwise as export records.

    \b
    fixgw export rts24 --into january --from 2026-01-01 --to 2026-02-01
    """
    if shape is Format.FIX:
        refuse("RTS 24 has fields, not messages: take csv or parquet")
    _run(config, database, into, [RTS24], shape, _over(date, since, until))


@export.command("rts24-fields")
def rts24_fields(
    *, as_csv: Annotated[bool, typer.Option("--csv", help="One line a field, for spreadsheets.")] = False
) -> None:
    r"""Show each field of RTS 24, whether it can be filled, and where it comes from or why not.

    \b
    fixgw export rts24-fields
    fixgw export rts24-fields --csv
    """
    if as_csv:
        out = csv.writer(sys.stdout, lineterminator="\n")
        out.writerow(["number", "field", "available", "source"])
        out.writerows([field.number, field.name, field.available.value, field.source] for field in FIELDS)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Nr", justify="right")
    for name in ("Field", "Available", "From"):
        table.add_column(name, overflow="fold")
    for field in FIELDS:
        table.add_row(str(field.number), field.name, field.available.value, field.source)
    console().print(table)


def _run(
    config: Path, database: Path | None, into: Path, datasets: Sequence[Dataset], shape: Format, window: Window
) -> None:
    count = total = 0

    def told(done: Written) -> None:
        nonlocal count, total
        count, total = count + 1, total + done.records
        if done.records:  # a month has many files without
            typer.echo(f"{done.name}: {counted(done.records, 'record')}{', there already' if done.kept else ''}")

    try:
        settings = load_config(config)
        check_format(shape)
        asked = {"records": [dataset.name for dataset in datasets], "format": shape.value, "into": into}
        with reading(config, database) as connection:
            span = {"since": utc_text(window.since), "until": utc_text(window.until)}
            record_reading(connection, config, "export", database, **span, **asked)
            refuse_archived(connection, ("messages", "orders", "decisions"), window, "the export")
            if RTS24 in datasets:  # of each event it tells how the order stood
                refuse_begun_before(connection, window, "the export")
            redaction = Redaction(settings.compliance.redact)
            write_export(connection, into, datasets, shape, window, redaction, told)
    except GatewayError as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"{error.filename}: {error.strerror}")
    typer.echo(f"{counted(total, 'record')} in {counted(count, 'file')}; {into}/manifest.json has the hashes")


def _over(date: str | None, since: str | None, until: str | None) -> Window:
    """A time with two ends that nothing is added to any more."""
    if date is None and (since is None or until is None):
        refuse("which time? give --date, or --from and --to")
    window = asked_window(date, since, until)
    if window.until > time.time_ns() - _SETTLED:
        refuse(
            "the time asked for must have been over for a minute, so that nothing is added to it: "
            "choose an earlier --date or --to"
        )
    if window.until - window.since > MOST_DAYS * DAY:
        refuse(f"at most {MOST_DAYS:,} days at once")
    return window
