"""Legal holds: who wants which records kept, since when and why. A row is never changed; a release is another row."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Column, Connection, func, insert, or_, select

from gateway.compliance.retention.select import Hold
from gateway.errors import ConfigError
from gateway.store.dialects import keep_out_writers
from gateway.store.tables import orders
from gateway.store.tables_retention import holds

ADD, RELEASE = "add", "release"


class HoldRow(NamedTuple):
    """As it is stored."""

    number: int
    at: int
    action: str
    hold: int
    since: int
    until: int
    account: str
    session: str
    order_id: str
    uid: int
    who: str
    reason: str


def all_holds(connection: Connection) -> list[HoldRow]:
    """Every one ever added, and every release, oldest first."""
    return [HoldRow(*row) for row in connection.execute(select(holds).order_by(holds.c.number))]


def standing(rows: list[HoldRow]) -> list[HoldRow]:
    """Those that nobody has released."""
    released = {row.hold for row in rows if row.action == RELEASE}
    return [row for row in rows if row.action == ADD and row.number not in released]


def last_number(connection: Connection) -> int:
    """Of the newest row; 0: there is none. It tells whether anything has changed."""
    return int(connection.execute(select(func.coalesce(func.max(holds.c.number), 0))).scalar_one())


def add_hold(connection: Connection, asked: HoldRow) -> HoldRow:
    """Write it down, numbered. Whoever is deleting then stops."""
    keep_out_writers(connection, holds)
    number = last_number(connection) + 1
    row = asked._replace(number=number, hold=number, action=ADD)
    connection.execute(insert(holds).values(row._asdict()))
    return row


def refuse_unknown(connection: Connection, account: str, order_id: str, configured: Collection[str]) -> None:
    """Raises ConfigError for what neither the configuration nor the record has: a slip must not pass for a hold."""
    if order_id and not _has(connection, orders.c.order_id, order_id):
        raise ConfigError(f"no order has the OrderID {order_id!r}; fixgw orders lists them")
    if account and account not in configured and not _has(connection, orders.c.account, account):
        raise ConfigError(f"no account {account!r}, in no order either; there are: {', '.join(sorted(configured))}")


def _has(connection: Connection, column: Column[str], value: str) -> bool:
    return connection.execute(select(column).where(column == value).limit(1)).first() is not None


def release_hold(connection: Connection, hold: int, at: int, uid: int, who: str, reason: str) -> HoldRow:
    """End it. Raises ConfigError where there is no such hold, or none that stands."""
    keep_out_writers(connection, holds)
    found = [row for row in standing(all_holds(connection)) if row.number == hold]
    if not found:
        raise ConfigError(f"no hold {hold} stands; fixgw retention hold list shows them")
    number = last_number(connection) + 1
    row = found[0]._replace(number=number, at=at, action=RELEASE, hold=hold, uid=uid, who=who, reason=reason)
    connection.execute(insert(holds).values(row._asdict()))
    return row


def resolved(connection: Connection, rows: list[HoldRow], since: int, until: int) -> list[Hold]:
    """Those that can be about records between these times, with the orders of then that they are not about."""
    near = [row for row in rows if row.since < until and since < row.until]
    return [Hold(row.since, row.until, _others(connection, row, since, until), row.session or None) for row in near]


def _others(connection: Connection, row: HoldRow, since: int, until: int) -> frozenset[str] | None:
    wanted = [orders.c[name] != value for name in _SCOPE if (value := getattr(row, name))]
    if not wanted:
        return None
    of_then = (orders.c.received_at < until, orders.c.updated_at >= since)
    return frozenset(connection.execute(select(orders.c.order_id).where(*of_then, or_(*wanted))).scalars())


_SCOPE = ("account", "session", "order_id")
