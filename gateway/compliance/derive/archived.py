"""Days of which records are archived: what is derived begins after them, but for positions, whose executions stay."""

from typing import NamedTuple

from sqlalchemy import Connection

from gateway.compliance.retention.ledger import archived_until, in_force

_READ = ("orders", "decisions", "messages")
"""The classes of record that deriving reads."""


class ArchivedBefore(NamedTuple):
    """until: when the last of these days ended, nanoseconds UTC. position: the journal's last one of it; 0: none is
    archived.
    """

    until: int
    position: int


def archived_before(connection: Connection) -> ArchivedBefore:
    """As the entries say; whether they are signed, `fixgw audit verify` tells."""
    entries = in_force(connection).values()
    positions = [gone.last for entry in entries if (gone := entry.streams.get("journal")) is not None]
    return ArchivedBefore(archived_until(entries, _READ), max(positions, default=0))
