"""fixgw retention: how long records stay, what is held, and days that go into archives."""

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.exc import DBAPIError

from gateway.cli.access import record_access
from gateway.cli.database import reading
from gateway.cli.exits import refuse
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.cli.retention_holds import hold
from gateway.cli.retention_open import open_command
from gateway.cli.tables import Column, build_table, console
from gateway.cli.times import utc_text
from gateway.compliance.audit.keys import KEY_VARIABLE, SealingKey, sealing_key
from gateway.compliance.audit.sealing import seal_all
from gateway.compliance.audit.wire import WireHead
from gateway.compliance.retention.choose import Choice
from gateway.compliance.retention.classes import WIRE_LOG
from gateway.compliance.retention.ledger import archived_days, in_force, nothing_left
from gateway.compliance.retention.measure import ENOUGH, Measured, count_orders, measure
from gateway.compliance.retention.run import Archiving, Who
from gateway.compliance.retention.wire_days import wire_files
from gateway.config import Config, load_config
from gateway.control.peer import login_name
from gateway.domain.wording import counted
from gateway.errors import ConfigError, GatewayError
from gateway.store.database import open_existing, open_for_reading
from gateway.store.space import give_back

retention = typer.Typer(no_args_is_help=True, help="How long records stay, legal holds, and archives of whole days.")
retention.add_typer(hold, name="hold")
retention.command("open")(open_command)


@retention.callback()
def main() -> None:
    """How long records stay, legal holds, and archives of whole days."""


@retention.command()
def show(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a class.")] = False,
) -> None:
    """Show what there is of each class, how old and how large, and what would go. Reads alone, and all of the file.

    Example: fixgw retention show
    """
    settings = _settings(config)
    with reading(config) as connection:
        try:
            measured, orders = measure(connection, settings.wire_log_directory), count_orders(connection)
            over = nothing_left(in_force(connection).values())
            due = _due(Choice(connection, _keep_days(settings), time.time_ns(), None), settings, over)
        except (GatewayError, OSError) as error:
            refuse(" ".join(str(error).split()))
        archived = archived_days(connection)
    if as_json:
        for one in measured:
            typer.echo(json.dumps(_object(one, settings, due[one.record_class], archived)))
        return
    screen = console()
    columns = [
        Column("CLASS", lambda one: str(one.record_class)),
        Column("KEPT", lambda one: _kept(settings, one.record_class)),
        Column("RECORDS", lambda one: f"{one.rows:,}", right=True),
        Column("BYTES", lambda one: _size(one.bytes), right=True),
        Column("OLDEST", lambda one: (utc_text(one.oldest) or "")[:10]),
        *([_FOR_A_MILLION] if any(one.per_million is not None for one in measured) else []),
        Column("WOULD GO", lambda one: f"{due[one.record_class].goes:,}", right=True),
        Column("ARCHIVED DAYS", lambda one: str(len(archived.get(one.record_class, ()))), right=True),
    ]
    screen.print(build_table(columns, measured, screen.width))
    screen.print("\n" + _for_a_million(measured, orders))
    for name, found in due.items():
        if found.reasons:
            reasons = ", ".join(f"{count:,} {why}" for why, count in sorted(found.reasons.items()))
            screen.print(f"of {name} that are old enough stay: {reasons}")


@retention.command()
def archive(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where archives go: the same directory each time.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Do it; without this it only shows.")] = False,
) -> None:
    r"""Write whole sealed days that are older than [retention] says into archives, and delete them from the database.

    Each archive is read back and verified before anything of it is deleted. What is held stays, and what the gateway
    may need again. The gateway may be running. A run that was cut short is finished by the next. Needs the audit key.

    \b
    fixgw retention archive --to /mnt/archive
    fixgw retention archive --to /mnt/archive --delete
    """
    settings = _settings(config)
    if not delete:
        show(config, as_json=False)
        typer.echo(f"\nnothing was done; to archive what would go, to {to}, and delete it here, add --delete")
        return
    record_access(config, "retention archive", to=to)
    try:
        key = sealing_key()
        if key is None:
            raise ConfigError(f"no key: {KEY_VARIABLE} names none; archives and entries are signed with it")
        _archive(settings, key, to)
    except (GatewayError, DBAPIError, OSError) as error:
        refuse(" ".join(str(error).split()))


def _archive(settings: Config, key: SealingKey, to: Path) -> None:
    writing, readers = open_existing(settings.database.url), open_for_reading(settings.database.url)
    try:
        archiving = Archiving(
            database=writing,
            reading=readers,
            key=key,
            keep_days=_keep_days(settings),
            to=to,
            wire_directory=settings.wire_log_directory,
            who=Who(os.getuid(), login_name(os.getuid())),
        )
        count = 0
        for done in archiving.run():
            count += 1
            what = "segment" if done.record_class == WIRE_LOG else "record"
            stay = f", {done.kept:,} left" if done.kept else ""
            typer.echo(f"{done.name}: archived and verified, {counted(done.records, what)} deleted{stay}")
        if not count:
            typer.echo("nothing is due")
            return
        settings.audit_directory.mkdir(parents=True, exist_ok=True)
        head = WireHead(settings.wire_log_directory)
        try:
            seal_all(writing, key, time.time_ns(), directory=settings.audit_directory, wire_head=head)
        except DBAPIError:
            typer.echo("the entries are sealed by the gateway's own next seal")
        typer.echo(give_back(writing))
    finally:
        readers.dispose()
        writing.dispose()


class _Due:
    """What would go of a class, and why the rest of its days stays."""

    def __init__(self) -> None:
        self.goes = 0
        self.reasons: Counter[str] = Counter()


def _due(choice: Choice, settings: Config, over: Collection[tuple[str, str]]) -> dict[str, _Due]:
    due: dict[str, _Due] = defaultdict(_Due)
    for chosen in choice.choices(over):
        due[chosen.record_class].goes += chosen.goes.total()
        due[chosen.record_class].reasons += chosen.reasons
    for day in choice.due(WIRE_LOG):
        if choice.is_held(day):
            due[WIRE_LOG].reasons["files from a held day on"] += 1
            break
        due[WIRE_LOG].goes = len(wire_files(settings.wire_log_directory, day))
    return due


_FOR_A_MILLION = Column("FOR A MILLION ORDERS", lambda one: _size(one.per_million), right=True)


def _for_a_million(measured: list[Measured], orders: int) -> str:
    if orders < ENOUGH:
        return f"what a million orders take is reckoned from {ENOUGH:,} on; recorded so far: {counted(orders, 'order')}"
    if any(one.bytes is None for one in measured):
        return "this SQLite cannot tell what tables take (it has no dbstat)"
    total = sum(one.per_million for one in measured if one.per_million is not None)
    return f"for a million orders like those recorded: {_size(total)} bytes; of the wire log, files are counted"


def _keep_days(settings: Config) -> dict[str, int]:
    return {name: days for name, days in settings.retention.model_dump().items() if days is not None}


def _kept(settings: Config, record_class: str) -> str:
    days = _keep_days(settings).get(record_class)
    return "always" if days is None else counted(days, "day")


def _object(one: Measured, settings: Config, due: _Due, archived: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "class": one.record_class,
        "days": _keep_days(settings).get(one.record_class),
        "records": one.rows,
        "bytes": one.bytes,
        "oldest": utc_text(one.oldest),
        "bytes_per_million_orders": one.per_million,
        "would_go": due.goes,
        "stay": dict(due.reasons),
        "archived_days": archived.get(one.record_class, []),
    }


def _size(size: int | None) -> str:
    return "" if size is None else f"{size:,}"


def _settings(config: Path) -> Config:
    try:
        return load_config(config)
    except GatewayError as error:
        refuse(" ".join(str(error).split()))
