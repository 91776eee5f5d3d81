"""Opening the database: for the engine, which owns it, and for those who only read."""

import secrets
import string
import time
from pathlib import Path

from sqlalchemy import URL, Engine, select
from sqlalchemy.exc import DBAPIError

from gateway.errors import ConfigError
from gateway.store.dialects import (
    make_engine,
    one_moment,
    open_error,
    parse_url,
    prepare_storage,
    use_write_ahead_log,
)
from gateway.store.floors import raise_floors
from gateway.store.schema import check_schema, upgrade
from gateway.store.tables import meta
from gateway.store.unchanging import unchanging

ONLY_READ = "only_read"
"""In `meta`, of a file that is made to be read alone: what it is, in words for people."""

_FOR_GOOD = ("testnet", "live")
"""Environments whose databases' ids no other one gives out again."""
_INSTANCE_LETTERS = string.ascii_lowercase + string.digits
_INSTANCE_LENGTH = 4


def open_database(url: str, environment: str, deployment: str | None = None) -> Engine:
    """The database, ready to be written: an empty one gets the schema, and a new one is stamped.

    environment: 'sim', 'testnet' or 'live'; deployment: the prefix of venue client order ids. A database belongs to one
    of each for good, so that orders of one are never taken for orders of the other.
    Raises ConfigError when the database cannot be opened, has another schema, or belongs to another;
    DatabaseUnavailable when it is down or full, and may be back later.
    """
    parsed = parse_url(url)
    prepare_storage(parsed)
    engine = make_engine(parsed)
    try:
        is_current = check_schema(engine)
        if is_current:
            refuse_only_read(engine)
        use_write_ahead_log(engine)
        if not is_current:
            with engine.begin() as connection:
                upgrade(connection)
        _stamp(engine, "environment", environment)
        if deployment is not None:
            _stamp(engine, "deployment", deployment)
        _name(engine, environment)
    except DBAPIError as error:
        engine.dispose()
        raise open_error(parsed, error) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def database_file(url: str) -> Path | None:
    """The file that an SQLite URL names, links resolved; None for a server. Raises ConfigError for an unusable URL."""
    parsed = parse_url(url)
    return Path(str(parsed.database)).resolve() if parsed.get_backend_name() == "sqlite" else None


def open_for_reading(url: str) -> Engine:
    """The database for looking only: its own connections, which the engine does not wait for and which cannot write.

    A file in a directory that cannot be written to is taken for one that does not change: see unchanging.py.
    Raises ConfigError when there is no such database, it has another schema, or cannot be read where it is.
    """
    parsed = _existing(url)
    alone = unchanging(parsed)
    engine = make_engine(parsed, read_only=True, uri=alone.uri if alone else "")
    try:
        is_current = check_schema(engine)
    except BaseException:
        engine.dispose()
        raise
    if not is_current:
        engine.dispose()
        raise _nothing_there(parsed)
    return engine


def open_existing(url: str) -> Engine:
    """A database that is there, as it is, to be written by other than the engine.

    Raises ConfigError when it is not, or is there to be read alone.
    """
    engine = make_engine(_existing(url))
    refuse_only_read(engine)
    return engine


def refuse_only_read(engine: Engine) -> None:
    """Raise ConfigError for a file that is no gateway's record. What cannot be read is not refused here."""
    if engine.dialect.name != "sqlite":
        return
    try:
        with one_moment(engine) as connection:
            found = connection.execute(select(meta.c.value).where(meta.c.key == ONLY_READ)).scalar()
    except DBAPIError:
        return
    if found is not None:
        engine.dispose()
        raise ConfigError(
            f"database {engine.url.render_as_string()} is {found}: it is there to be read, no gateway runs on it and "
            "nothing is written to it; name the gateway's own database"
        )


def upgrade_database(url: str) -> None:
    """Bring an existing database's schema to the one this program needs. The gateway must not be running."""
    engine = open_existing(url)
    try:
        with engine.begin() as connection:
            upgrade(connection)
    finally:
        engine.dispose()


def _existing(url: str) -> URL:
    """The URL, unless it names an SQLite file that is absent, which connecting would create."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(str(parsed.database)).is_file():
        raise _nothing_there(parsed)
    return parsed


def _nothing_there(url: URL) -> ConfigError:
    return ConfigError(f"database {url.render_as_string()}: nothing there yet; fixgw run creates it")


def instance_of(engine: Engine) -> str:
    """What tells this database's ids from those of another one of the deployment, such as one that was deleted."""
    with engine.connect() as connection:
        return str(connection.execute(select(meta.c.value).where(meta.c.key == "instance")).scalar_one())


def _name(engine: Engine, environment: str) -> None:
    """Give a new database its instance id, by chance and for good, and ids above those of others.

    In a sandbox they count from 1, which is nicer to type.
    """
    with engine.begin() as connection:
        if connection.execute(select(meta.c.value).where(meta.c.key == "instance")).scalar() is None:
            connection.execute(meta.insert().values(key="instance", value=new_instance()))
            if environment in _FOR_GOOD:
                raise_floors(connection, time.time_ns())


def new_instance() -> str:
    """By chance."""
    return "".join(secrets.choice(_INSTANCE_LETTERS) for _ in range(_INSTANCE_LENGTH))


def _stamp(engine: Engine, key: str, value: str) -> None:
    with engine.begin() as connection:
        found = connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar()
        if found is None:
            connection.execute(meta.insert().values(key=key, value=value))
        elif found != value:
            where = engine.url.render_as_string()
            raise ConfigError(f"database {where} belongs to {key} '{found}', not '{value}'; use another database")
