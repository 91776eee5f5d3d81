"""`fixgw db`: care for the database."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.config import load_config
from gateway.errors import ConfigError
from gateway.store.database import upgrade_database

db = typer.Typer(no_args_is_help=True, help="Care for the database.")


@db.callback()
def main() -> None:
    """Care for the database. The gateway must not be running."""


@db.command()
def upgrade(
    config: Annotated[Path, typer.Option(help="The configuration file.")] = Path("config/sandbox.toml"),
) -> None:
    """Bring the database's schema to the one this release needs; back it up first.

    Example: fixgw db upgrade --config config/sandbox.toml
    """
    try:
        settings = load_config(config)
        upgrade_database(settings.database.url)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    typer.echo(f"the database of {config} has the schema that this release needs")
