"""fixgw messages: any FIX message that was recorded."""

from collections.abc import Callable
from difflib import get_close_matches
from itertools import islice
from typing import Annotated, Any

import typer
from sqlalchemy import Row

from gateway.cli.access import record_reading
from gateway.cli.archived import say_archived
from gateway.cli.database import reading, session_named
from gateway.cli.exits import refuse
from gateway.cli.follow import FollowOption, follow_rows
from gateway.cli.message_lines import Shape, printer
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption, ImportedOption, LimitOption
from gateway.cli.tables import console
from gateway.cli.window import DateOption, FromOption, ToOption, asked_window
from gateway.compliance.search import MessageFilter, search
from gateway.wire.field_names import VALUE_NAMES
from gateway.wire.tags import MSG_TYPE

_LONGEST_MSG_TYPE = 2  # characters of a value of FIX's own


def messages(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    database: ImportedOption = None,
    date: DateOption = None,
    since: FromOption = None,
    until: ToOption = None,
    session: Annotated[str | None, typer.Option(help="Only this client's, by its CompID, such as DESK.")] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="8 or ExecutionReport; may be repeated.")
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG=VALUE", help="Only with this field; all, if repeated.")
    ] = None,
    text: Annotated[str, typer.Option(help="Only with this somewhere in the message; case matters.")] = "",
    direction: Annotated[str | None, typer.Option(metavar="in|out", help="Received or sent.")] = None,
    limit: LimitOption = 50,
    everything: Annotated[bool, typer.Option("--all", help="No limit, the oldest first.")] = False,
    before: Annotated[int | None, typer.Option(metavar="ID", help="The page before the message with this id.")] = None,
    after: Annotated[int | None, typer.Option(metavar="ID", help="The page after it.")] = None,
    follow: FollowOption = False,
    shape: Annotated[Shape, typer.Option("--as", help="How to print; raw has | for the delimiter.")] = Shape.TABLE,
) -> None:
    r"""Find FIX messages, the newest last. The gateway may be running or not.

    Look-ups by ClOrdID(11), OrderID(37), or a session with MsgSeqNum(34) use an index; all others read through the
    time that is asked for. Times in the table are local, elsewhere and in options UTC.

    \b
    fixgw messages --tag 11=ABC
    fixgw messages --session DESK --tag 34=17
    fixgw messages --date 2026-01-31 --type OrderCancelReject --all --as csv
    fixgw messages --text "insufficient" --from 2026-01-31T09:30 --as raw
    fixgw messages --session DESK --follow
    fixgw messages --database friday.db --tag 37=O4 --as json
    """
    window = asked_window(date, since, until)
    if direction not in (None, "in", "out"):
        refuse(f"--direction {direction!r}: in or out")
    if after is not None and before is not None:
        refuse("give --before or --after, not both")
    with reading(config, database) as connection:
        asked = {"types": types, "tags": tags, "text": text, "direction": direction, "all": everything}
        pages = {"before": before, "after": after, "follow": follow}
        span = {"date": date, "since": since, "until": until, "session": session}
        record_reading(connection, config, "messages", database, **span, **asked, **pages)
        wanted = MessageFilter(
            session=None if session is None else session_named(connection, session),
            direction=direction,
            msg_types=[_msg_type(name) for name in types or ()],
            window=window,
            tags=[_field(pair) for pair in tags or ()],
            text=text,
        )
        show = printer(shape, console())
        if everything or after is not None:
            rows = search(connection, wanted, after=after or 0, before=before)
            last = _show(rows if everything else islice(rows, limit), show) or after or 0
        else:
            newest = list(islice(search(connection, wanted, before=before, newest_first=True), limit))
            last = _show(reversed(newest), show)
            if shape is Shape.TABLE and not follow:
                _say_more(newest, limit)
        if everything or after is not None or window.since > 0 or not last:
            say_archived(connection, "messages", window)
        if follow:
            follow_rows(connection, last, lambda shown: search(connection, wanted, after=shown), show)


def _show(rows: Any, show: Callable[[Row[Any]], None]) -> int:
    """Print them. Returns the last one's id, 0 for none."""
    last = 0
    for row in rows:
        show(row)
        last = row.id
    return last


def _say_more(newest: list[Row[Any]], limit: int) -> None:
    if not newest:
        typer.echo("no messages")
    elif len(newest) == limit:
        typer.echo(f"earlier ones: --before {newest[-1].id}; --limit N, or --all, for more at once", err=True)


def _msg_type(name: str) -> str:
    """35's value, of a value or a name."""
    by_name = {meaning: value for value, meaning in VALUE_NAMES[MSG_TYPE].items()}
    if name not in by_name and len(name) > _LONGEST_MSG_TYPE:
        near = get_close_matches(name, by_name) or ["ExecutionReport"]
        refuse(f"--type {name!r}: no such message; write MsgType(35), such as 8, or a name, such as {near[0]}")
    return by_name.get(name, name)


def _field(pair: str) -> tuple[int, str]:
    tag, equals, value = pair.partition("=")
    if not equals or not (tag.isascii() and tag.isdigit()) or not 0 < len(tag) <= 9:
        refuse(f"--tag {pair!r}: write TAG=VALUE, such as 11=ABC")
    return int(tag), value
