"""fixgw audit: the proof that the record is as it was written."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from loguru import logger
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.cli.access import record_access
from gateway.cli.archives import overlaps, show_archives
from gateway.cli.database import reading
from gateway.cli.exits import refuse
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.cli.public_key import PublicKeyOption, named_public_key
from gateway.cli.signals import Signals
from gateway.cli.times import utc_text
from gateway.cli.window import DateOption, FromOption, ToOption, asked_window
from gateway.compliance.audit.comparison import Finding
from gateway.compliance.audit.cross_check import cross_check
from gateway.compliance.audit.keys import (
    KEY_VARIABLE,
    SealingKey,
    create_key,
    public_path,
    sealing_key,
)
from gateway.compliance.audit.sealing import seal_all
from gateway.compliance.audit.seals import copied_seals, stored_seals
from gateway.compliance.audit.verify import Verified
from gateway.compliance.audit.verify import verify as verify_all
from gateway.compliance.audit.wire import WireHead, has_segments, verify_wire
from gateway.compliance.derive.window import Window
from gateway.compliance.retention.classes import TABLES, WIRE_LOG
from gateway.compliance.retention.ledger import archived_until, newest_wire
from gateway.config import Config, load_config
from gateway.domain.wording import counted
from gateway.errors import GatewayError
from gateway.logs import setup_logging
from gateway.parent import stop_with_parent
from gateway.store.database import open_existing

_UNDER_WAY = 5 * 10**9
"""Of a running gateway: what is younger may be in one of the two records alone (ns)."""

audit = typer.Typer(no_args_is_help=True, help="Seal the record, and prove that nothing of it was altered.")


@audit.callback()
def main() -> None:
    """Seal the record, and prove that nothing of it was altered."""


@audit.command()
def key(
    file: Annotated[Path, typer.Argument(help="Where the private key goes; the public one beside it, .pub.")],
) -> None:
    """Make the deployment's key. Keep the public half where nobody who can write the database can write.

    Example: fixgw audit key /etc/fixgw/audit.key
    """
    try:
        public = create_key(file)
    except GatewayError as error:
        refuse(str(error))
    typer.echo(f"key {public.key_id}: {file}, public {public_path(file)}")
    typer.echo(f"to seal with it, start the gateway with {KEY_VARIABLE}={file.resolve()}")


@audit.command()
def seal(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    every: Annotated[int | None, typer.Option(help="Go on, and seal again after so many seconds.")] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Seal what was recorded since the last seal. `fixgw run` does so by itself when it has the key.

    Example: fixgw audit seal
    """
    settings, sealer = _settings(config), _sealing_key()
    if sealer is None:
        refuse(f"no key: {KEY_VARIABLE} names none; fixgw audit key makes one")
    wire_head = WireHead(settings.wire_log_directory)
    if every is None:
        try:
            typer.echo(f"{counted(_seal(settings, sealer, wire_head), 'new seal')}, by the key {sealer.public.key_id}")
        except (GatewayError, DBAPIError, OSError) as error:
            refuse(f"not sealed: {error}")
        return
    stop_with_parent(parent)
    setup_logging(settings.log, "audit")
    os.nice(10)  # the engine comes first
    signals = Signals(signal.SIGINT, signal.SIGTERM)
    is_over = False
    while not is_over:
        is_over = signals.wait(every) is not None  # then too, once more: what the engine wrote last
        try:
            made = _seal(settings, sealer, wire_head)
        except (GatewayError, DBAPIError, OSError) as error:  # the database is away, or another sealed: again later
            logger.warning("not sealed, again in {} s: {}", every, " ".join(str(error).split()))
        else:
            logger.debug("sealed seals={}", made)


@audit.command()
def verify(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    date: DateOption = None,
    since: FromOption = None,
    until: ToOption = None,
    offline: Annotated[
        Path | None, typer.Option(help="A directory with copies, kept elsewhere, of what sealing wrote.")
    ] = None,
    archive: Annotated[
        Path | None, typer.Option(help="The directory of archives that fixgw retention wrote: verify these too.")
    ] = None,
    public_key: PublicKeyOption = None,
) -> None:
    r"""Check every seal, and hash every sealed record again. What was changed, left out, put in or moved is named.

    All seals are checked always; of the records those that were sealed in the time that is asked for. Reads alone.
    Exit code 0: all is as it was sealed; 1: something is not; 2: it could not be told, as of a day that has no seal.

    \b
    fixgw audit verify
    fixgw audit verify --date 2026-01-31
    fixgw audit verify --offline /mnt/seals --public-key /mnt/seals/audit.key.pub
    fixgw audit verify --archive /mnt/archive
    """
    window = asked_window(date, since, until)
    settings = _settings(config)
    wire = offline if offline is not None and has_segments(offline) else settings.wire_log_directory
    if archive is not None and not archive.is_dir():
        refuse(f"--archive {archive}: no such directory; it wants the one that fixgw retention archive --to was given")
    try:
        known = named_public_key(public_key)
        copies = list(copied_seals(offline)) if offline is not None else None
    except FileNotFoundError as error:
        refuse(
            f"{error.filename}: not there; --offline wants a directory with a copy of the gateway's audit/seals.jsonl"
        )
    except (GatewayError, OSError, ValueError, TypeError) as error:
        refuse(str(error))
    started = time.monotonic()
    findings = 0

    def found(finding: Finding) -> None:
        nonlocal findings
        findings += 1
        typer.echo(str(finding))

    with reading(config) as connection:
        asked = {"date": date, "since": since, "until": until, "offline": offline, "archive": archive}
        record_access(config, "audit verify", **asked)
        # Before SQL is first read, which then is seen as it was at that moment, however long this takes.
        sql_until = min(window.until, time.time_ns() - _UNDER_WAY)
        verified = verify_all(connection, known, found, since=window.since, until=window.until, copies=copies)
        _show(verified, time.monotonic() - started)
        if has_segments(wire):
            _verify_wire(connection, wire, window._replace(until=sql_until), found, verified)
    if archive is not None:
        show_archives(archive, known, found, window, verified.entries.values())
    elif verified.entries:
        typer.echo(f"the rest is in {counted(len(verified.entries), 'archive')}; --archive DIR verifies that as well")
    if findings:
        typer.echo(f"{counted(findings, 'finding')}, named above")
        raise typer.Exit(1)
    if not any(overlaps(day, window) for day in verified.days):
        refuse(f"nothing is sealed of that time, so nothing can be told of it; {_days(verified.days)}")
    typer.echo("nothing was altered")


def _days(days: list[str]) -> str:
    """What there is instead; some seal has a day."""
    return f"seals are of {days[0]}" if len(days) == 1 else f"seals are of {len(days):,} days, {days[0]} to {days[-1]}"


def _verify_wire(
    connection: Connection, directory: Path, window: Window, found: Callable[[Finding], None], verified: Verified
) -> None:
    """The files, and whether they and SQL tell of the same messages."""
    try:
        count = verify_wire(directory, stored_seals(connection), found, newest_wire(verified.entries.values()))
        gone = archived_until(verified.entries.values(), ("messages", WIRE_LOG))
        both = cross_check(
            connection,
            directory,
            window.since,
            window.until,
            found,
            archived_until=gone,
            states_archived_until=archived_until(verified.entries.values(), (TABLES["state_changes"],)),
        )
    except OSError as error:
        found(Finding("wire log", str(error.filename), f"cannot be read: {error.strerror}"))
        return
    typer.echo(f"{counted(count, 'record')} of the wire log; in it and in SQL: {counted(both.matched, 'message')}")
    for name, counts in (("wire log", both.wire_alone), ("SQL", both.sql_alone)):
        if counts:
            typer.echo(f"in the {name} alone: " + ", ".join(f"{n:,} {why}" for why, n in sorted(counts.items())))
    if both.masked:
        typer.echo(f"{both.masked:,} with secrets masked, which were not compared")


def _show(verified: Verified, seconds: float) -> None:
    rate = verified.records / seconds if seconds else 0.0
    seals, records = counted(verified.seals, "seal"), counted(verified.records, "record")
    typer.echo(f"{seals}, {records} hashed again, {rate:,.0f} records/s")
    if verified.archived:
        typer.echo(f"archived, and gone as signed entries say: {counted(verified.archived, 'record')}")
    if verified.last_seal is not None:
        unsealed = sum(verified.unsealed.values())
        last = verified.last_seal
        typer.echo(
            f"last seal {last.number}, {utc_text(last.at)}; not sealed yet, since then: {counted(unsealed, 'record')}"
        )


def _seal(settings: Config, sealer: SealingKey, wire_head: WireHead) -> int:
    directory = settings.audit_directory
    directory.mkdir(parents=True, exist_ok=True)
    database = open_existing(settings.database.url)
    try:
        return len(seal_all(database, sealer, time.time_ns(), directory=directory, wire_head=wire_head))
    except IntegrityError as error:  # of the seal's number
        raise GatewayError("another process made a seal at the same moment") from error
    finally:
        database.dispose()


def _settings(config: Path) -> Config:
    try:
        return load_config(config)
    except GatewayError as error:
        refuse(str(error))


def _sealing_key() -> SealingKey | None:
    try:
        return sealing_key()
    except GatewayError as error:
        refuse(str(error))
