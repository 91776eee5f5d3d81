"""fixgw replay import: other engines' logs."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.exits import refuse
from gateway.cli.import_report import print_report, report_object
from gateway.compliance.logs.import_logs import import_logs
from gateway.errors import GatewayError


def import_command(
    logs: Annotated[list[Path], typer.Argument(metavar="LOG...", help="Message logs of any engine.")],
    into: Annotated[Path, typer.Option(metavar="FILE", help="The SQLite database to make, a new file.")],
    *,
    we: Annotated[
        list[str] | None, typer.Option(metavar="COMPID", help="CompID of the side that kept the log.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object, times in UTC.")] = False,
) -> None:
    r"""Read message logs of QuickFIX (C++, J, n, go) or of anything that writes FIX with SOH, | or ^A into a database
    of their own, and report sessions, gaps, duplicates, faults and answering times.

    What stands between messages is passed over. Several logs are merged by time. No gateway runs on such a database.
    Where no message is found at all, none is made (exit code 2).

    \b
    fixgw replay import FIX.4.4-US-THEM.messages.current.log --into friday.db
    fixgw replay import in.log out.log --we US --into friday.db
    fixgw messages --database friday.db --tag 11=ABC
    """
    errors = Console(stderr=True)  # where the bar goes: the report alone is the output
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    try:
        with bar:
            task = bar.add_task("reading", total=sum(log.stat().st_size for log in logs if log.is_file()))
            report = import_logs(logs, into, we or [], lambda size: bar.advance(task, size))
    except GatewayError as error:
        refuse(str(error))
    if as_json:
        typer.echo(json.dumps(report_object(report)))
    else:
        print_report(report, into)
