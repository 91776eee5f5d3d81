"""Whose venue accounts are, as SQL has it: rows of `meta`."""

from sqlalchemy import Engine, select

from gateway.store.dialects import one_moment
from gateway.store.rows import MetaRow
from gateway.store.tables import meta

_KEY = "owner:"


def owner_row(venue_account: str, owner: str) -> MetaRow:
    """The row that says so."""
    return MetaRow(_KEY + venue_account, owner)


def owners_in(engine: Engine) -> dict[str, str]:
    """By venue account."""
    query = select(meta.c.key, meta.c.value).where(meta.c.key.startswith(_KEY, autoescape=True))
    with one_moment(engine) as connection:
        return {key.removeprefix(_KEY): value for key, value in connection.execute(query)}
