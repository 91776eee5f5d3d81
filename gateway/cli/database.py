"""Reading a gateway's database from the command line, beside the running engine or without it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.config import load_config
from gateway.errors import GatewayError
from gateway.store.database import open_for_reading
from gateway.store.readers import load_sessions

ConfigOption = Annotated[
    Path, typer.Option(envvar="FIXGW_CONFIG", help="The gateway's configuration file; it names the database.")
]
DEFAULT_CONFIG = Path("config/sandbox.toml")
EXIT_UNUSABLE = 2


@contextmanager
def reading(config: Path) -> Iterator[Connection]:
    """A connection that cannot write. Ends the program with one line when there is nothing to read."""
    try:
        engine = open_for_reading(load_config(config).database.url)
    except GatewayError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_UNUSABLE) from error
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        typer.echo(f"the database cannot be read: {error.orig}", err=True)
        raise typer.Exit(EXIT_UNUSABLE) from error
    finally:
        engine.dispose()


def comp_id(session: str) -> str:
    """The client's CompID in a SessionID: FIX.4.4:FIXGW->DESK is DESK."""
    return session.rpartition("->")[2]


def session_key(connection: Connection, name: str) -> str:
    """The SessionID that a person means by a CompID or by the whole SessionID. Ends the program if none or several."""
    keys = [row.session for row in load_sessions(connection)]
    found = [key for key in keys if name in (key, comp_id(key))]
    if len(found) == 1:
        return found[0]
    problem = f"several sessions are called {name!r}; give one of" if found else f"no session {name!r}; there are"
    typer.echo(f"{problem}: {', '.join(found or keys) or 'none yet'}", err=True)
    raise typer.Exit(EXIT_UNUSABLE)
