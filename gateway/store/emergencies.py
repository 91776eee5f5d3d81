"""Which emergencies SQL has taken in: rows of `meta`, so that none is taken twice however its file fares."""

from sqlalchemy import Engine, select

from gateway.store.dialects import one_moment
from gateway.store.rows import MetaRow
from gateway.store.tables import meta

_KEY = "emergency:"


def emergency_row(name: str) -> MetaRow:
    """The row that says so, by the file's name."""
    return MetaRow(_KEY + name, "imported")


def emergencies_in(engine: Engine) -> set[str]:
    """The names of their files."""
    query = select(meta.c.key).where(meta.c.key.startswith(_KEY, autoescape=True))
    with one_moment(engine) as connection:
        return {key.removeprefix(_KEY) for key in connection.execute(query).scalars()}
