"""A database that was restored from a backup. What happened after the backup is not in it, and nobody can tell what
that was: numbers were used, orders placed, reports received. So it begins anew where it can, and asks where it cannot.
"""

from sqlalchemy import Connection, case, select, update

from gateway.domain.halts import TradingState
from gateway.store.database import new_instance
from gateway.store.floors import raise_floors
from gateway.store.meta_values import set_meta_value
from gateway.store.rows import HaltRow
from gateway.store.tables import alerts, halts, leases, meta, sessions

_RESET_REQUIRED = "reset_required:"
"""meta, with the session added: the epoch that began at the restore, and that a client must agree to by 141=Y."""

_SKIPPED_FENCES = 1_000_000  # more than can have been used between a backup and a restore
_RESERVED = 4_001  # as for a new session


def begin_anew(connection: Connection, now: int, source: str, uid: int, who: str) -> None:
    """Make of a backup's content a database that the engine can go on with, halted until it is armed again.

    Sessions begin a new epoch, in which what a client is not proven to have is sent again. No OrderID(37), ExecID(17)
    or client order id at the venue can come again.
    """
    why = f"restored from {source}: what happened after the backup is unknown"
    firm = HaltRow("", "", "", "", "", TradingState.HALTED, why, uid, who, now, -1, 0)
    connection.execute(halts.delete().where(*(column == "" for column in halts.primary_key)))
    connection.execute(halts.insert().values(firm._asdict()))
    set_meta_value(connection, "instance", new_instance())
    raise_floors(connection, now)
    connection.execute(
        update(sessions).values(
            epoch=sessions.c.epoch + 1,
            created_at=now,
            next_in=1,
            next_out=1,
            out_reserved=_RESERVED,
            seen_report_id=case(
                (sessions.c.seen_report_id > sessions.c.last_report_id, sessions.c.seen_report_id),
                else_=sessions.c.last_report_id,
            ),
            last_report_id=sessions.c.proven_report_id,
            logged_on=False,
            clean=True,
        )
    )
    for session, epoch in connection.execute(select(sessions.c.session, sessions.c.epoch)).all():
        set_meta_value(connection, _RESET_REQUIRED + session, str(epoch))
    connection.execute(update(leases).values(fencing_number=leases.c.fencing_number + _SKIPPED_FENCES, expires_at=0))
    connection.execute(alerts.insert().values(at=now, severity="warning", code="RESTORED", text=why))


def epochs_to_agree(connection: Connection) -> dict[str, int]:
    """By session, the epoch that began at a restore: the client has to reset its numbers too."""
    query = select(meta.c.key, meta.c.value).where(meta.c.key.startswith(_RESET_REQUIRED, autoescape=True))
    return {key.removeprefix(_RESET_REQUIRED): int(value) for key, value in connection.execute(query)}
