"""Reading a gateway's database from the command line, beside the running engine or without it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.cli.exits import refuse
from gateway.config import load_config
from gateway.domain.session_names import OWN_SESSION, find_session
from gateway.errors import GatewayError
from gateway.store.database import open_for_reading
from gateway.store.dialects import one_moment, parse_url
from gateway.store.readers import load_sessions
from gateway.store.unchanging import unchanging

EXIT_UNUSABLE = 2


@contextmanager
def reading(config: Path, file: Path | None = None) -> Iterator[Connection]:
    """A connection that cannot write, to this file where one is named, else to the configured database.

    What is read is of the moment of the first query: see one_moment.
    Ends the program with one line when there is nothing to read.
    """
    if file is not None and not file.is_file():
        refuse(f"{file}: no such file")
    try:
        url = load_config(config).database.url if file is None else f"sqlite:///{file}"
        engine = open_for_reading(url)
        alone = unchanging(parse_url(url))
    except GatewayError as error:
        refuse(str(error))
    try:
        with one_moment(engine) as connection:
            yield connection
        if alone is not None and alone.has_changed():
            refuse(f"the database was written to while it was read, so what was shown may be wrong: {alone.file}")
    except DBAPIError as error:
        refuse(f"the database cannot be read: {error.orig}")
    finally:
        engine.dispose()


def session_named(connection: Connection, name: str) -> str:
    """The SessionID that a person means by a CompID or by the whole SessionID. Ends the program if none or several."""
    if name == OWN_SESSION:
        return name
    try:
        return find_session(name, (row.session for row in load_sessions(connection)))
    except ValueError as error:
        refuse(str(error))
