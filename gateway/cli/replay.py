"""fixgw replay: the record gone through again."""

import json
import sys
import time
from collections.abc import Callable

import typer

from gateway.cli.access import record_reading
from gateway.cli.archived import refuse_archived
from gateway.cli.database import reading
from gateway.cli.exits import refuse
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption, OpenedOption
from gateway.cli.replay_import import import_command
from gateway.cli.replay_inject import inject_command
from gateway.cli.times import utc_text
from gateway.cli.window import DateOption, FromOption, ToOption, asked_window
from gateway.compliance.derive.difference import Difference
from gateway.compliance.derive.left_out import CLASSES
from gateway.compliance.derive.run import Derived
from gateway.compliance.derive.run import derive as derive_again
from gateway.compliance.retention.opened import is_opened
from gateway.config import load_config
from gateway.domain.wording import counted
from gateway.engine.clock import seconds_of_day
from gateway.errors import GatewayError
from gateway.fix.codec import Codec

replay = typer.Typer(
    no_args_is_help=True, help="Derive the record again, send it again, or read another engine's logs."
)


@replay.callback()
def main() -> None:
    """Go through the record again."""


replay.command("import")(import_command)
replay.command("inject")(inject_command)


@replay.command()
def derive(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    database: OpenedOption = None,
    date: DateOption = None,
    since: FromOption = None,
    until: ToOption = None,
    as_json: bool = typer.Option(False, "--json", help="One JSON object a difference, then one with the counts."),
) -> None:
    r"""Fold the journal from nothing, and compare what comes of it with what is stored.

    Orders, executions, positions, decisions and reports are made again and compared; each stored row that is
    otherwise, missing, or made by nothing is named. Reads alone, beside the running gateway or without it. Positions
    are compared where the span reaches the journal's end. In a file of opened archives orders are left out that went on
    on days which it does not have. Exit code 0: no difference; 1: some; 2: nothing to read.

    \b
    fixgw replay derive
    fixgw replay derive --date 2026-01-31
    fixgw replay derive --database january.db
    """
    window = asked_window(date, since, until)
    try:
        loaded = load_config(config)
        day_end = seconds_of_day(loaded.engine.day_end)
    except GatewayError as error:
        refuse(str(error))
    started = time.monotonic()

    def found(difference: Difference) -> None:
        typer.echo(json.dumps(difference._asdict()) if as_json else str(difference))

    with reading(config, database) as connection:
        record_reading(connection, config, "replay derive", database, date=date, since=since, until=until)
        if is_opened(connection):
            refuse_archived(connection, CLASSES, window, "what is derived")
        derived = derive_again(connection, Codec(loaded.timestamp_precisions), window, day_end, found, _progress())
    _show(derived, time.monotonic() - started, as_json=as_json)
    if derived.differences:
        raise typer.Exit(1)


def _progress() -> Callable[[int, int], None]:
    def show(done: int, of: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done:,} of {of:,} events", end="", file=sys.stderr, flush=True)

    return show


def _show(derived: Derived, seconds: float, *, as_json: bool) -> None:
    counts = {
        "events": derived.events,
        "orders": derived.orders,
        "executions": derived.executions,
        "decisions": derived.decisions,
        "reports": derived.reports,
        "status_reports": derived.answers,
        "positions": derived.positions,
    }
    if as_json:
        more = {"not_derivable": derived.not_derivable, "left_out": sorted(derived.left_out)}
        typer.echo(json.dumps({**counts, **more, "differences": derived.differences}))
        return
    said = ", ".join(
        counted(number, name.replace("_", " ").removesuffix("s"))
        for name, number in counts.items()
        if number is not None
    )
    rate = derived.events / seconds if seconds else 0.0
    typer.echo(f"derived {said}; {rate:,.0f} events/s")
    if derived.not_derivable:
        kinds = ", ".join(f"{count:,} of MsgType(35)={kind}" for kind, count in sorted(derived.not_derivable.items()))
        typer.echo(f"not in the journal, so not derived: answers that are about no order ({kinds})")
    if derived.archived_until:
        until = (utc_text(derived.archived_until) or "")[:10]
        typer.echo(f"days before {until} are archived (fixgw retention show), and were not derived")
    if derived.left_out:
        some = " ".join(sorted(derived.left_out)[:10]) + (" …" if len(derived.left_out) > 10 else "")
        typer.echo(
            f"not derived, as they went on, or may have, on days that this file does not have: {some} "
            f"({counted(len(derived.left_out), 'order')})"
        )
    if derived.positions is None:
        typer.echo("positions were not compared: they stand as of the journal's end")
    typer.echo(counted(derived.differences, "difference") if derived.differences else "no differences")
