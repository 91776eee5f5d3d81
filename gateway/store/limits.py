"""Limits as SQL has them: every version, who set it and why; and what a configuration adds at the first start."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from gateway.domain.risk import Limit, make_limit
from gateway.domain.totals import Scope
from gateway.store.rows import LimitRow
from gateway.store.tables import limits

CONFIGURATION = "configuration"
"""Who set what came from the configuration file."""


def load_limits(connection: Connection) -> list[LimitRow]:
    """Every version of every limit, oldest first."""
    return [LimitRow(*row) for row in connection.execute(select(limits).order_by(limits.c.limit_id))]


def limit_of(row: LimitRow) -> Limit:
    """The limit as it is checked. Raises BadLimitError for what this release cannot apply."""
    return make_limit(
        row.limit_id,
        row.code,
        Scope(row.account, row.session, row.symbol),
        row.value,
        warn_percent=row.warn_percent,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


Given = tuple[str, Scope, str, int | None]
"""A limit as the configuration gives it: code, scope, value, percentage at which to warn."""


def first_limits(given: Iterable[Given], at: int) -> list[LimitRow]:
    """The configuration's limits as the rows of a first start. at: nanoseconds UTC."""
    return [
        LimitRow(number, code, *scope, text, warn_percent, at, None, CONFIGURATION, "first start", at)
        for number, (code, scope, text, warn_percent) in enumerate(given, 1)
    ]


def set_aside(given: Iterable[Given], rows: Sequence[LimitRow]) -> list[str]:
    """What the configuration says now and SQL has not taken from it: since the first start SQL decides."""
    taken = {(r.code, Scope(r.account, r.session, r.symbol)): r for r in rows if r.who == CONFIGURATION}
    left = []
    for code, scope, text, warn_percent in given:
        row = taken.get((code, scope))
        if row is None or (row.value, row.warn_percent) != (text, warn_percent):
            where = " ".join(f"{name}={part}" for name, part in zip(Scope._fields, scope, strict=True) if part)
            left.append(f"{code}={text} {where or 'scope=firm'}")
    return left
