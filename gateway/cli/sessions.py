"""fixgw sessions: the FIX sessions as SQL has them, and what the running front and engine know besides."""

import json
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from gateway.cli.database import reading
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.cli.tables import Column, build_table, console
from gateway.cli.times import local_date_time, utc_text
from gateway.config import load_config
from gateway.control.client import ControlError, look
from gateway.store.readers import load_sessions
from gateway.store.rows import SessionRow


class _Session(NamedTuple):
    """stored: what SQL has. front, engine: what those processes have now; empty where they do not answer."""

    stored: SessionRow
    front: dict[str, Any]
    engine: dict[str, Any]


def _bytes(count: int | None) -> str:
    if count is None or count < 10_000:
        return "" if count is None else str(count)
    return f"{count >> 10}k" if count < 10_000_000 else f"{count >> 20}M"


def _waiting(row: _Session) -> str:
    return _bytes(row.engine.get("waiting_bytes")) + (" held" if row.front.get("held_back") else "")


# NextIn, NextOut: the gateway's side, the number it expects and the one it sends next.
_COLUMNS = (
    Column("Session", lambda row: str(row.stored.session)),
    Column("State", lambda row: _state(row.stored)),
    Column("Epoch", lambda row: str(row.stored.epoch), right=True, spare=True),
    Column("NextIn", lambda row: str(row.stored.next_in), right=True),
    Column("NextOut", lambda row: str(row.stored.next_out), right=True),
    Column("Address", lambda row: row.front.get("address") or ""),
    Column("Certificate", lambda row: row.front.get("certificate") or "", spare=True),
    Column("Throttle", lambda row: _of(row.engine, "throttle_used", "throttle_limit"), right=True, spare=True),
    Column("Waiting", _waiting, right=True, spare=True),
    Column("Unread", lambda row: _bytes(row.front.get("unread_bytes")), right=True, spare=True),
    Column("Last logon", lambda row: local_date_time(row.stored.last_logon_at), spare=True),
    Column("Last received", lambda row: local_date_time(row.stored.last_in_at)),
    Column("Last sent", lambda row: local_date_time(row.stored.last_out_at), spare=True),
)
_TIMES = ("created_at", "last_logon_at", "last_logout_at", "last_in_at", "last_out_at")


def sessions(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, times in UTC.")] = False,
) -> None:
    r"""Show each FIX session: state, numbers, who is connected, how much of its throttle and buffers it uses, activity.

    Throttle: messages of the rate. Waiting: bytes that it has sent and the engine has not done; held: it is not read
    until they are fewer. Unread: bytes that the client leaves unread. What only the running processes know is
    left out where they do not answer, which is said.

    \b
    fixgw sessions
    fixgw sessions --json
    """
    with reading(config) as connection:
        rows = load_sessions(connection)
    settings = load_config(config)
    front, engine = _ask(settings.front_socket, "front"), _ask(settings.engine.control_socket, "engine")
    found = [_Session(row, front.get(row.session, {}), engine.get(row.session, {})) for row in rows]
    if as_json:
        for session in found:
            typer.echo(json.dumps(_object(session)))
    elif found:
        screen = console()
        screen.print(build_table(_COLUMNS, found, screen.width, lambda row: "green" if row.stored.logged_on else ""))
    else:
        typer.echo("no sessions yet")


def _ask(path: Path, who: str) -> dict[str, dict[str, Any]]:
    try:
        return look(path, who)
    except ControlError as error:
        typer.echo(f"what only the {who} knows is missing: {error}", err=True)
        return {}


def _state(row: SessionRow) -> str:
    return "disabled" if row.disabled else "logged on" if row.logged_on else "logged off"


def _of(values: dict[str, Any], used: str, limit: str) -> str:
    return f"{values[used]}/{values[limit]}" if values.get(limit) is not None else ""


def _object(session: _Session) -> dict[str, Any]:
    values = session.stored._asdict()
    return values | {name: utc_text(values[name]) for name in _TIMES} | session.engine | session.front
