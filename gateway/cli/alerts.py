"""fixgw alerts: what a person should look at."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from sqlalchemy import Row

from gateway.cli.access import record_reading
from gateway.cli.archived import say_archived
from gateway.cli.database import reading, session_named
from gateway.cli.follow import FollowOption, follow_rows
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption, OpenedOption
from gateway.cli.tables import console
from gateway.cli.times import local_date_time, utc_text
from gateway.cli.window import DateOption, FromOption, ToOption, asked_window
from gateway.domain.session_names import session_name
from gateway.store.queries import AlertFilter, find_alerts, newest_alerts
from gateway.wire.readable import printable

_CRITICAL = "critical"


def alerts(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    database: OpenedOption = None,
    date: DateOption = None,
    since: FromOption = None,
    until: ToOption = None,
    codes: Annotated[
        list[str] | None, typer.Option("--code", metavar="CODE", help="Only these, such as KILL_SWITCH; repeatable.")
    ] = None,
    critical: Annotated[bool, typer.Option("--critical", help="Only what stopped trading, or could have.")] = False,
    session: Annotated[str | None, typer.Option(help="Only this client's, by its CompID, such as DESK.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    follow: FollowOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, times in UTC.")] = False,
) -> None:
    r"""Show what a person should look at, the newest last. The gateway may be running or not.

    What each code means, and what to do about it: docs/OPERATING.md, Alerts.

    \b
    fixgw alerts
    fixgw alerts --date 2026-01-31 --critical
    fixgw alerts --code DONT_KNOW_TRADE --session DESK
    fixgw alerts --follow --json
    """
    window = asked_window(date, since, until)
    with reading(config, database) as connection:
        asked = {"codes": codes, "critical": critical, "session": session, "follow": follow}
        record_reading(connection, config, "alerts", database, date=date, since=since, until=until, **asked)
        wanted = AlertFilter(
            codes=[code.upper() for code in codes or ()],
            severity=_CRITICAL if critical else None,
            session=None if session is None else session_named(connection, session),
            since=window.since,
            until=window.until,
        )
        show = _show_json if as_json else _shows_lines(console())
        found = newest_alerts(connection, wanted, limit)
        for row in found:
            show(row)
        if not found and not as_json and not follow:
            typer.echo("no alerts")
        elif len(found) == limit:
            typer.echo(f"there may be earlier ones: more with --limit {2 * limit}", err=True)
        if window.since > 0 or len(found) < limit:
            say_archived(connection, "alerts", window)
        if follow:
            last = found[-1].id if found else 0
            follow_rows(connection, last, lambda shown: find_alerts(connection, wanted, after=shown), show)


def _show_json(row: Row[Any]) -> None:
    typer.echo(json.dumps(dict(row._mapping) | {"at": utc_text(row.at)}))  # noqa: SLF001 - SQLAlchemy's public name


def _shows_lines(screen: Console) -> Callable[[Row[Any]], None]:
    return lambda row: screen.print(_line(row), soft_wrap=True)


def _line(row: Row[Any]) -> Text:
    """`2026-01-31 17:40:34 critical KILL_SWITCH what happened  session=DESK order=O4`."""
    line = Text(f"{local_date_time(row.at)} ", style="dim")
    line.append(f"{row.severity:<8} {row.code} ", style="bold red" if row.severity == _CRITICAL else "yellow")
    line.append(printable(row.text))
    whose = {"session": row.session and session_name(row.session), "order": row.order_id}
    line.append("".join(f"  {name}={printable(value)}" for name, value in whose.items() if value), style="dim")
    return line
