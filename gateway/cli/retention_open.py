"""fixgw retention open: archived days made a file that is read like the gateway's database."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from gateway.cli.access import record_access
from gateway.cli.exits import refuse
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.cli.public_key import PublicKeyOption, named_public_key
from gateway.cli.window import FromOption, ToOption, asked_window
from gateway.compliance.retention.opened import IN_A_FILE, OpenedDay
from gateway.compliance.retention.opening import Opening
from gateway.config import load_config
from gateway.domain.wording import counted
from gateway.errors import GatewayError
from gateway.store.database import open_for_reading


def open_command(
    archives: Annotated[Path, typer.Argument(metavar="DIR", help="Where fixgw retention archive put them.")],
    into: Annotated[Path, typer.Option(metavar="FILE", help="The SQLite database to make, a new file.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    dates: Annotated[
        list[str] | None, typer.Option("--date", metavar="YYYY-MM-DD", help="One day, in UTC; may be repeated.")
    ] = None,
    since: FromOption = None,
    until: ToOption = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="|".join(IN_A_FILE), help="Only these; may be repeated.")
    ] = None,
    public_key: PublicKeyOption = None,
) -> None:
    r"""Make archived days a database of their own, which messages, order, orders, explain, export and replay derive
    read with --database. Nothing is put back into the gateway's database, and no gateway runs on the file.

    Whole UTC days: what is archived of them, each archive verified first, and what the gateway's database still has of
    them. Without a time: all days of which something is archived. The gateway may be running. It takes the audit key's
    public half alone.

    \b
    fixgw retention open /mnt/archive --into january.db --from 2026-01-01 --to 2026-02-01
    fixgw retention open /mnt/archive --into two.db --date 2026-01-15 --date 2026-01-30 --only messages
    fixgw order O4 --database january.db
    """
    if unknown := [name for name in only or () if name not in IN_A_FILE]:
        refuse(f"--only {unknown[0]!r}: one of {', '.join(IN_A_FILE)}")
    if dates and (since is not None or until is not None):
        refuse("give --date, or --from and --to, not both")
    windows = [asked_window(date, None, None) for date in dates or ()]
    if since is not None or until is not None:
        windows = [asked_window(None, since, until)]
    asked = {"date": dates, "since": since, "until": until, "only": only}
    record_access(config, "retention open", archives=archives, into=into, **asked)
    try:
        reading = open_for_reading(load_config(config).database.url)
        try:
            key = named_public_key(public_key)
            opening = Opening(reading=reading, key=key, archives=archives, into=into, told=_say)
            done = opening.run(windows, only or IN_A_FILE)
        finally:
            reading.dispose()
    except GatewayError as error:
        refuse(" ".join(str(error).split()))
    except DBAPIError as error:
        refuse(f"{into} was not made: {error.orig}")
    except OSError as error:
        refuse(f"{into} was not made: {error.filename or into}: {error.strerror}")
    _say_what_it_is(into, done)


def _say(one: OpenedDay) -> None:
    source = f"archive {one.archive} (entry {one.entry})" if one.archive else "the gateway's database"
    typer.echo(f"{one.day} {one.record_class}: {counted(one.records, 'record')} from {source}")


def _say_what_it_is(into: Path, done: list[OpenedDay]) -> None:
    days = sorted({one.day for one in done})
    span = days[0] if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"
    records = counted(sum(one.records for one in done), "record")
    typer.echo(f"{into}: {records} of {span}, to be read with --database {into}")
    typer.echo(
        "verified: files, signatures and seals of each archive, and the signed entry that names it; each record, and "
        "the executions, against the seals of the gateway's database"
    )
    typer.echo("not verified: orders as they stand, limits and sessions, which are as the gateway's database has them")
