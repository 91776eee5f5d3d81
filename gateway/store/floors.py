"""Above which numbers a database gives out ids, so that none is given out twice by the databases of a deployment.

ExecID(17) is the journal's position, and a client may well drop a fill whose ExecID it knows. So a database that is
new, or restored from a backup, goes on above all that another one can have used: floors grow with the time faster than
a gateway decides.
"""

from sqlalchemy import Connection

from gateway.store.meta_values import meta_value, set_meta_value
from gateway.store.readers import last_order_number, last_position

_POSITION_FLOOR, _ORDER_NUMBER_FLOOR = "position_floor", "order_number_floor"
_SECOND = 1_000_000_000
_EPOCH = 1_767_225_600 * _SECOND  # 2026-01-01, UTC
_POSITIONS_A_SECOND, _ORDERS_A_SECOND = 20_000, 2_000  # more than a gateway decides from its first day to its last
_SECONDS_SKIPPED = 1_000_000  # where the clock, which must be wrong, is behind what was given out already


def raise_floors(connection: Connection, now: int) -> None:
    """Have both go on above all that were given out before, here or elsewhere. now: nanoseconds UTC."""
    seconds = (now - _EPOCH) // _SECOND
    used = max(first_position(connection) // _POSITIONS_A_SECOND, first_order_number(connection) // _ORDERS_A_SECOND)
    if seconds <= used:
        seconds = used + _SECONDS_SKIPPED
    set_meta_value(connection, _POSITION_FLOOR, str(seconds * _POSITIONS_A_SECOND))
    set_meta_value(connection, _ORDER_NUMBER_FLOOR, str(seconds * _ORDERS_A_SECOND))


def first_position(connection: Connection) -> int:
    """The journal position after which to go on."""
    return max(last_position(connection), int(meta_value(connection, _POSITION_FLOOR) or 0))


def first_order_number(connection: Connection) -> int:
    """The number of OrderID(37) after which to go on."""
    return max(last_order_number(connection), int(meta_value(connection, _ORDER_NUMBER_FLOOR) or 0))


def is_above_floor(position: int) -> bool:
    """Whether it is the first one above a floor, so that none need be just below it."""
    return position % _POSITIONS_A_SECOND == 1
