"""What came too late: made long ago by its client, or kept waiting here. Ages are nanoseconds."""

from gateway.domain import commands as c
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.session_profile import SessionProfile
from gateway.domain.values import OrdRejReason, TimeInForce

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND


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


def day_over(command: c.NewOrder, day_close: int) -> Denial | None:
    """A day order that was lost on its day and comes again on a later one: it would have ended with its own.

    Only of what is marked as sent before: the time in any other may be one of a clock that is wrong by hours.
    day_close: of the trading day in which it came.
    """
    made_earlier = command.sent_at is not None and command.sent_at < day_close - _DAY
    if not (command.repeated and made_earlier and command.time_in_force is TimeInForce.DAY):
        return None
    return deny("EXPIRE_TIME_PASSED", OrdRejReason.TOO_LATE_TO_ENTER, time_in_force="DAY")


def too_late(asked_at: int, max_age: int, at: int) -> Denial | None:
    """Why no order is to be placed for a replace any more; None while one may be. Times are nanoseconds UTC.

    After a long outage its price is not what the client wants: a new order would not have waited at all.
    """
    age = at - asked_at
    if age <= max_age:
        return None
    figures = {"limit": f"{max_age // _SECOND}s", "age": f"{age // _SECOND}s"}
    return deny("REPLACE_TOO_LATE", OrdRejReason.OTHER, **figures)
