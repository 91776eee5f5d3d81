"""Which schema the database has, and how it gets the one this program needs."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from gateway.errors import ConfigError
from gateway.store.dialects import open_error
from gateway.store.tables_retention import archives

if TYPE_CHECKING:
    from alembic.config import Config

CURRENT_REVISION = "0017"
"""The newest of migrations/versions (a test compares them)."""


def check_schema(engine: Engine) -> bool:
    """Whether the schema is the current one; False for an empty database.

    Raises ConfigError when there is another schema; ConfigError or DatabaseUnavailable when it cannot be read.
    """
    where = engine.url.render_as_string()
    try:
        with engine.connect() as connection:
            found = _revision(connection)
            if found == CURRENT_REVISION:
                return True
            if found is None and not _has_our_tables(connection):
                return False
    except DBAPIError as error:
        raise open_error(engine.url, error) from error
    if found is None:
        raise ConfigError(f"database {where} holds tables of another program; name an empty database")
    raise ConfigError(
        f"database {where} has schema {found}, this program needs {CURRENT_REVISION}; stop the gateway, make a backup "
        "and run: fixgw db upgrade (or use the release that wrote it, if that is newer)"
    )


def _revision(connection: Connection) -> str | None:
    """The schema's revision; None where Alembic has never been."""
    try:
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError:
        connection.rollback()
        if inspect(connection).has_table("alembic_version"):
            raise
        return None
    return None if revision is None else str(revision)


def _has_our_tables(connection: Connection) -> bool:
    """Whether tables stand where ours would go."""
    return bool(set(inspect(connection).get_table_names()) & set(archives.metadata.tables))


def upgrade(connection: Connection) -> None:
    """Bring the schema to the current revision, from empty or from an older one, in the connection's transaction."""
    from alembic import command  # noqa: PLC0415 -- takes a third of a second to load, and is seldom needed

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def alembic_config() -> "Config":
    """Alembic pointed at our migrations, without a file of its own."""
    from alembic.config import Config  # noqa: PLC0415 -- as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
