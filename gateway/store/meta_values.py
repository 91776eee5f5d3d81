"""What the table `meta` says: a value for each name."""

from sqlalchemy import Connection, select

from gateway.store.tables import meta


def meta_value(connection: Connection, key: str) -> str | None:
    """None: it says nothing of it."""
    value: str | None = connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar()
    return value


def set_meta_value(connection: Connection, key: str, value: str) -> None:
    """In the place of what it said."""
    connection.execute(meta.delete().where(meta.c.key == key))
    connection.execute(meta.insert().values(key=key, value=value))
