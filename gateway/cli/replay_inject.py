"""fixgw replay inject: a recorded span, gone through once more by a gateway of its own."""

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.access import record_access
from gateway.cli.archived import PARTS, refuse_archived
from gateway.cli.database import EXIT_UNUSABLE, reading
from gateway.cli.exits import refuse
from gateway.cli.inject_steps import Steps
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.cli.scratch import Scratch
from gateway.cli.window import DateOption, FromOption, ToOption, asked_window
from gateway.client import ClientError
from gateway.compliance.derive.window import Window
from gateway.compliance.inject.compare import ReportDifference, compare
from gateway.compliance.inject.compare_decisions import compare_decisions
from gateway.compliance.inject.given import read_decisions
from gateway.compliance.inject.not_replayable import ThereIs
from gateway.compliance.inject.record import Record, read_record, read_reports
from gateway.config import Config, load_config
from gateway.domain.wording import counted
from gateway.errors import GatewayError
from gateway.store.limits import load_limits
from gateway.store.tables import meta

_NEEDED = (*PARTS, "alerts")  # with which go what came and went: sessions, connections, the engine

_BEFORE_NS = 5_000_000_000
"""How long before the first step the scratch gateway starts, by its own time: longer than starting takes."""


def inject_command(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    date: DateOption = None,
    since: FromOption = None,
    until: ToOption = None,
    speed: Annotated[float, typer.Option(min=0.001, help="So many times the recorded pace.")] = 1.0,
    fast: Annotated[bool, typer.Option("--as-fast-as-possible", help="Without the recorded pauses.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a difference, then one with the counts.")
    ] = False,
) -> None:
    r"""Send the recorded messages of the clients once more, to a scratch gateway, and compare its reports tag by tag.

    The scratch gateway has a database, a simulated exchange and keys of its own, in a temporary directory, and reaches
    no other exchange. What the venue said then is said again, word by word and in its place. Limits are judged again,
    on the prices and balances that are stored with the decisions. Orders whose story has other causes are left out,
    and named with the reason. Exit code 0: no difference; 1: some; 2: nothing to go through.

    \b
    fixgw replay inject --date 2026-01-31 --as-fast-as-possible
    fixgw replay inject --from 2026-01-31T09:00 --to 2026-01-31T10:00 --speed 10
    """
    window = asked_window(date, since, until)
    record_access(config, "replay inject", date=date, since=since, until=until)
    started = time.monotonic()
    try:
        loaded = load_config(config)
        record, instance = _read(config, loaded, window)
        if not record.steps:
            typer.echo("nothing to go through: no message of a client in this time that could be sent again", err=True)
            _show_left_out(record, as_json=as_json)
            raise typer.Exit(EXIT_UNUSABLE)
        differences = asyncio.run(_inject(loaded, record, instance, None if fast else speed))
    except (GatewayError, ClientError) as error:
        refuse(str(error))
    for difference in differences:
        typer.echo(json.dumps(difference._asdict()) if as_json else str(difference))
    _show(record, len(differences), time.monotonic() - started, as_json=as_json)
    if differences:
        raise typer.Exit(1)


def _read(config: Path, loaded: Config, window: Window) -> tuple[Record, str]:
    sessions = frozenset(s.key for s in loaded.sessions if not s.is_drop_copy)
    left = frozenset(s.key for s in loaded.sessions if s.cancel_on_disconnect != "none")
    with reading(config) as connection:
        refuse_archived(connection, _NEEDED, window, "what is gone through")
        throttled = frozenset(s.key for s in loaded.sessions if s.throttle is not None)
        is_one = len(loaded.venue_accounts) == 1
        there_is = ThereIs(sessions, left=left, throttled=throttled, is_one_account=is_one)
        record = read_record(connection, window, there_is)
        of_database = connection.execute(meta.select().where(meta.c.key == "instance")).one().value
    instance = record.stem.removeprefix(loaded.deployment).removeprefix("-") if record.stem else str(of_database)
    return record, instance


async def _inject(loaded: Config, record: Record, instance: str, speed: float | None) -> list[ReportDifference]:
    differences: list[ReportDifference] = []
    with tempfile.TemporaryDirectory(prefix="fixgw-inject-") as directory:
        begin = record.steps[0].at - _BEFORE_NS
        scratch = Scratch(Path(directory), loaded, record, instance, begin)
        try:
            await asyncio.to_thread(scratch.start)
            steps = Steps(record, scratch, loaded, speed, differences.append)
            await steps.run(_progress)
            with scratch.sql() as sql:
                made = read_reports(sql, Window())
                decided = read_decisions(sql, Window(), load_limits(sql))
            differences += compare(record.reports, made, steps.order_ids)
            differences += compare_decisions(record.decisions(), decided.given, time_stands=speed is None)
        finally:
            await asyncio.to_thread(scratch.stop)
    return differences


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {of:,} steps", end="", file=sys.stderr, flush=True)


def _show(record: Record, differences: int, seconds: float, *, as_json: bool) -> None:
    counts = {
        "orders": record.orders - len(record.left_out),
        "steps": len(record.steps),
        "reports": len(record.reports),
        "decisions": sum(1 for _ in record.decisions()),
        "orders_left_out": len(record.left_out),
        "messages_left_out": record.messages_left_out,
    }
    if as_json:
        more = {
            "not_replayable": record.left_out,
            "taken_from_record": record.taken,
            "limits_not_given": record.limits_not_given,
            "not_repeated": record.not_again,
            "lists_left_out": record.lists_left_out,
        }
        typer.echo(json.dumps({**counts, **more, "differences": differences}))
        return
    typer.echo(f"went through {_said(counts)}; {seconds:.1f} s")
    _show_left_out(record, as_json=as_json)
    for kind, codes in record.taken.items():
        typer.echo(f"taken from the decisions' record, and not reckoned again: {kind}, of {', '.join(codes)}")
    if record.lists_left_out:
        asked = counted(record.lists_left_out, "SecurityListRequest(x)", "SecurityListRequests(x)")
        typer.echo(f"not replayable, what the venue listed is not recorded: {asked}")
    if record.limits_not_given:
        typer.echo(f"limits that the scratch gateway does not have: {', '.join(record.limits_not_given)}")
    if record.not_again:
        typer.echo(f"what operators asked for and is not repeated: {', '.join(record.not_again)}")
    typer.echo(counted(differences, "difference") if differences else "no differences")


def _said(counts: dict[str, int]) -> str:
    left_out = " left out"
    texts = []
    for name, count in counts.items():
        what = name.replace("_", " ")
        thing = what.removesuffix(left_out).removesuffix("s")
        texts.append(counted(count, thing) + (left_out if what.endswith(left_out) else ""))
    return ", ".join(texts)


def _show_left_out(record: Record, *, as_json: bool) -> None:
    if as_json or not record.left_out:
        return
    for reason, count in sorted(Counter(record.left_out.values()).items()):
        some = [order_id for order_id, why in record.left_out.items() if why == reason]
        more = " …" if count > 10 else ""
        typer.echo(f"not replayable, {reason}: {' '.join(some[:10])}{more} ({count:,})")
