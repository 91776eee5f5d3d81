"""Which order a FIX message names, for the columns that it is found by later."""

from gateway.store.rows import storable

NO_ORDER = "NONE"
"""OrderID(37) of an answer about an order that is not known. It is not stored: it would be in the index for nothing."""

_CL_ORD_ID, _ORDER_ID, _END = "\x0111=", "\x0137=", "\x01"


def ids_of(text: str) -> tuple[str | None, str | None]:
    """ClOrdID(11) and OrderID(37) of a message, as SQL can hold them.

    The first that looks like one: a data field that comes earlier could hide it, so this finds messages, and does not
    decide on orders.
    """
    order_id = _value(text, _ORDER_ID)
    return _value(text, _CL_ORD_ID), None if order_id == NO_ORDER else order_id


def _value(text: str, start: str) -> str | None:
    # Faster than taking the message apart, and every message that is sent comes here.
    begin = text.find(start)
    if begin < 0:
        return None
    begin += len(start)
    return storable(text[begin : text.find(_END, begin)]) or None
