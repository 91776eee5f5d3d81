"""What came too late: made long ago by its client, or kept waiting here. Ages are nanoseconds."""

from gateway.domain import commands as c
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.session_profile import SessionProfile
from gateway.domain.values import OrdRejReason

_SECOND = 1_000_000_000


def too_old(command: c.NewOrder | c.ReplaceOrder, profile: SessionProfile) -> Denial | None:
    """What was made before an outage and arrives after it is no longer what the client wants."""
    limit = profile.max_order_age
    if limit is None or command.sent_at is None or command.at - command.sent_at <= limit:
        return None
    age = (command.at - command.sent_at) // _SECOND
    return deny(
        "MAX_ORDER_AGE",
        OrdRejReason.TOO_LATE_TO_ENTER,
        limit=f"{limit // _SECOND}s",
        age=f"{age}s",
        session=profile.key,
    )


def waited_here(command: c.ReplaceOrder, max_age: int, now: int) -> Denial | None:
    """So long that it would be too late when its cancel is done: the order would be gone, and nothing placed for it."""
    age = now - command.at
    if age <= max_age:
        return None
    figures = {"limit": f"{max_age // _SECOND}s", "age": f"{age // _SECOND}s"}
    return deny("REPLACE_TOO_LATE", OrdRejReason.OTHER, **figures)
