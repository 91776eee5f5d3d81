"""Leases in PostgreSQL: which engine may write, told by a fencing number that grows with every change of hands.

Every commit of an engine asserts its number and locks the row until it has ended. So a lease changes hands between
two commits and never within one: what the old holder has committed the new one reads, and what it has not it never can.
Expiry is judged by the database's clock alone. SQLite needs none of this: there a file's lock does it (engine/lock.py).
"""

from typing import NamedTuple

from sqlalchemy import Connection, Engine, Row, inspect, select, text
from sqlalchemy.exc import DBAPIError

from gateway.store.tables import leases

_NOW = "(extract(epoch from clock_timestamp()) * 1000000000)::bigint"

# The row's lock is held to the end of the transaction: who would take the lease over waits for it.
GUARD = "SELECT 1 FROM leases WHERE shard = %s AND fencing_number = %s FOR NO KEY UPDATE"

_TAKE = text(
    f"""
    INSERT INTO leases (shard, fencing_number, holder, place, backend, taken_at, expires_at)
    VALUES (:shard, 1, :holder, :place, current_setting('application_name'), {_NOW}, {_NOW} + :ttl)
    ON CONFLICT (shard) DO UPDATE SET
        fencing_number = leases.fencing_number + 1, holder = excluded.holder, place = excluded.place,
        backend = excluded.backend, taken_at = excluded.taken_at, expires_at = {_NOW} + :ttl
    WHERE leases.expires_at <= {_NOW} OR leases.place = excluded.place
    RETURNING fencing_number
    """  # noqa: S608 -- constants of ours
)
_RENEW = text(
    f"UPDATE leases SET expires_at = {_NOW} + :ttl WHERE shard = :shard AND fencing_number = :fencing_number"  # noqa: S608 -- as above
)
_IS_FREE = text(
    f"SELECT expires_at <= {_NOW} OR place = :place FROM leases WHERE shard = :shard"  # noqa: S608 -- as above
)
_END_HOLDER = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = :backend AND pid <> pg_backend_pid()"
)


class Fence(NamedTuple):
    """What each commit asserts."""

    shard: str
    fencing_number: int


class Claim(NamedTuple):
    """Who wants a lease. holder: for people; ttl: nanoseconds.

    place: equal to another's only where that one is certainly dead, so that a lease need not be waited for.
    """

    shard: str
    holder: str
    place: str
    ttl: int


def lease_connection(database: Engine) -> Connection:
    """A connection for the functions below, on which each statement is a transaction of its own."""
    return database.connect().execution_options(isolation_level="AUTOCOMMIT")


def read_lease(connection: Connection, shard: str) -> Row[tuple[str, int, str, str, str, int, int]] | None:
    """The lease as it stands, expired or not; None where there never was one."""
    return connection.execute(select(leases).where(leases.c.shard == shard)).one_or_none()


def live_holder(connection: Connection, shard: str) -> str:
    """Who holds a lease that has not expired; empty when nobody does."""
    if not inspect(connection).has_table(leases.name):
        return ""  # an older schema
    query = select(leases.c.holder).where(leases.c.shard == shard, text(f"expires_at > {_NOW}"))
    return connection.execute(query).scalar() or ""


def take_lease(connection: Connection, claim: Claim) -> int | None:
    """Take it if it is free: expired, or of our own place. Returns the fencing number; None where it is not free.

    The last holder's connections are ended first: one that stopped in the middle of a commit would hold the row's lock
    for as long as the server believes in it.
    """
    found = read_lease(connection, claim.shard)
    if found is not None:
        if not connection.execute(_IS_FREE, {"shard": claim.shard, "place": claim.place}).scalar():
            return None
        _end_connections(connection, found.backend)
    values = {"shard": claim.shard, "holder": claim.holder, "place": claim.place, "ttl": claim.ttl}
    number = connection.execute(_TAKE, values).scalar()
    return None if number is None else int(number)


def _end_connections(connection: Connection, backend: str) -> None:
    try:
        connection.execute(_END_HOLDER, {"backend": backend}).all()
    except DBAPIError as error:
        if (
            getattr(error.orig, "sqlstate", None) != "42501"
        ):  # not allowed to: another role's; then its lock is waited for
            raise


def renew_lease(connection: Connection, fence: Fence, ttl: int) -> bool:
    """Put its end off to ttl nanoseconds from now. Returns whether it is still ours."""
    values = {"shard": fence.shard, "fencing_number": fence.fencing_number, "ttl": ttl}
    return bool(connection.execute(_RENEW, values).rowcount)


def end_lease(connection: Connection, fence: Fence) -> None:
    """Let it expire now, so that another engine need not wait."""
    renew_lease(connection, fence, 0)
