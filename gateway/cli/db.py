"""`fixgw db`: care for the database."""

import getpass
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from gateway.cli.exits import refuse
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption
from gateway.config import load_config
from gateway.engine.lease import SHARD
from gateway.engine.lock import hold
from gateway.errors import ConfigError, GatewayError
from gateway.store.backup import Restored, backup_database, restore_database
from gateway.store.database import database_file, open_existing, upgrade_database
from gateway.store.leases import live_holder
from gateway.store.space import compact as make_compact

db = typer.Typer(no_args_is_help=True, help="Back the database up, restore it, bring its schema up to date.")

_RESTORED = """restored. What happened after the backup was made is not known to this database, so:
  - No new orders are taken (HALTED, see fixgw halts) until two people have reviewed and run: fixgw arm
  - Clients must log on with ResetSeqNumFlag(141)=Y; reports that they are not proven to have come again (PossResend).
  - When the gateway starts it compares with the exchange and takes over fills and ends of the orders it knows.
    Orders placed after the backup it does not know: those still open are shown as orphans, in its alerts and breaks;
    what others of them traded is at the exchange alone, and missing from positions."""


@db.callback()
def main() -> None:
    """Back the database up, restore it, bring its schema up to date."""


@contextmanager
def _database(config: Path, *, alone: bool) -> Iterator[str]:
    """The configured database's URL. alone: the gateway must not be running. Ends the program with what went wrong."""
    try:
        url = load_config(config).database.url
        file = database_file(url)
        if not alone or (file is not None and not file.parent.exists()):
            yield url
        elif file is not None:
            with hold(file.with_name(file.name + ".lock"), f"the database {file}"):
                yield url
        else:
            _refuse_live_holder(url)
            yield url
    except (GatewayError, DBAPIError) as error:
        refuse(str(error))


def _refuse_live_holder(url: str) -> None:
    engine = open_existing(url)
    try:
        with engine.connect() as connection:
            holder = live_holder(connection, SHARD)
    finally:
        engine.dispose()
    if holder:
        raise ConfigError(f"the database is in use by {holder}: stop the gateway first")


@db.command()
def upgrade(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Bring the database's schema to the one this release needs; back it up first. The gateway must not be running.

    Example: fixgw db upgrade --config config/sandbox.toml
    """
    with _database(config, alone=True) as url:
        upgrade_database(url)
    typer.echo(f"the database of {config} has the schema that this release needs")


@db.command()
def compact(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Write the database anew, without the room that deleted records left. The gateway must not be running.

    It takes as much free disk again as the database has.

    Example: fixgw db compact --config config/sandbox.toml
    """
    with _database(config, alone=True) as url:
        database = open_existing(url)
        try:
            make_compact(database)
        finally:
            database.dispose()
    typer.echo(f"the database of {config} has no free room any more")


@db.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The new file. It holds clients' orders: keep it as you keep those.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Copy the database, as of one moment, to a file. The gateway may be running.

    On PostgreSQL this needs pg_dump, at least of the server's version.

    Example: fixgw db backup /backups/monday.fixgw
    """
    with _database(config, alone=False) as url:
        backup_database(url, file)
    typer.echo(f"{file} has the database of {config}")


@db.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that fixgw db backup made.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Fill an empty database from a backup; the gateway then starts HALTED. It must not be running.

    On PostgreSQL this needs pg_restore, of the server's version.

    Example: fixgw db restore /backups/monday.fixgw
    """
    with _database(config, alone=True) as url:
        restore_database(url, file, Restored(time.time_ns(), os.getuid(), getpass.getuser()))
    typer.echo(_RESTORED)
