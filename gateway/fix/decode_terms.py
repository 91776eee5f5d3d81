"""The terms of an order as D and G state them, and the ids by which F and G name one. Each raises FieldRefused."""

from contextlib import suppress
from decimal import Decimal

from gateway.domain.money import ZERO
from gateway.domain.values import OrdRejReason, OrdType, Side, TimeInForce
from gateway.fix.decode_values import FieldRefused, Values, client_id, end_of_day, label, number, timestamp
from gateway.fix.safe_text import shown
from gateway.wire import tags as t

SIDES = {side.value: side for side in Side}
_ORD_TYPES = {ord_type.value: ord_type for ord_type in OrdType}
_TIMES_IN_FORCE = {tif.value: tif for tif in TimeInForce}


def side(values: Values) -> Side:
    """Side(54). Raises FieldRefused for other than buy and sell."""
    known = SIDES.get(values[t.SIDE])
    if known is None:
        text = f"SIDE_NOT_SUPPORTED side={shown(values[t.SIDE])} allowed=1,2"
        raise FieldRefused(t.SIDE, text, OrdRejReason.UNSUPPORTED)
    return known


def ord_type(values: Values) -> OrdType:
    """OrdType(40). Raises FieldRefused for one that is not offered."""
    value = values.get(t.ORD_TYPE, "")
    known = _ORD_TYPES.get(value)
    if known is None:
        text = f"ORD_TYPE_NOT_SUPPORTED ord_type={shown(value)} allowed=1,2,3,4"
        raise FieldRefused(t.ORD_TYPE, text, OrdRejReason.UNSUPPORTED)
    return known


def time_in_force(values: Values) -> TimeInForce:
    """DAY where absent: FIX's default."""
    value = values.get(t.TIME_IN_FORCE)
    known = TimeInForce.DAY if value is None else _TIMES_IN_FORCE.get(value)
    if known is None:
        text = f"TIME_IN_FORCE_NOT_SUPPORTED time_in_force={shown(value or '')} allowed=0,1,3,4,6"
        raise FieldRefused(t.TIME_IN_FORCE, text, OrdRejReason.UNSUPPORTED)
    return known


def order_qty(values: Values) -> Decimal:
    """OrderQty(38), in base units. Raises FieldRefused where it is missing, or no number."""
    qty = number(values, t.ORDER_QTY)
    if qty is None:
        raise FieldRefused(
            t.ORDER_QTY, f"MISSING_ORDER_QTY {label(t.ORDER_QTY)} is missing", OrdRejReason.INCORRECT_QUANTITY
        )
    return qty


def expire_time(values: Values, *, absent: TimeInForce) -> int | None:
    """When a GTD order ends. ExpireTime(126) goes before ExpireDate(432), which means the end of that UTC day.

    Either one with another TimeInForce(59) is a contradiction, and refused. absent: what no TimeInForce(59) means.
    """
    tag = t.EXPIRE_TIME if t.EXPIRE_TIME in values else t.EXPIRE_DATE
    value = values.get(tag)
    if value is None:
        return None
    tif = values.get(t.TIME_IN_FORCE, absent.value)
    if tif != TimeInForce.GTD:
        text = f"UNEXPECTED_EXPIRE_TIME {label(tag)}={shown(value)} time_in_force={shown(tif)} allowed=6"
        raise FieldRefused(tag, text)
    return timestamp(value, tag) if tag == t.EXPIRE_TIME else end_of_day(value, tag)


def sent_at(values: Values) -> int | None:
    """When the client made the message: the older of OrigSendingTime(122), which a resend has, and TransactTime(60).

    What cannot be read says nothing.
    """
    times = []
    for tag in (t.ORIG_SENDING_TIME, t.TRANSACT_TIME):
        if tag in values:
            with suppress(FieldRefused):
                times.append(timestamp(values[tag], tag))
    return min(times, default=None)


def readable_qty(values: Values) -> Decimal:
    """OrderQty(38) for a refusal: zero where it is absent, negative or no number. Raises nothing."""
    try:
        return max(number(values, t.ORDER_QTY) or ZERO, ZERO)
    except FieldRefused:
        return ZERO


def named_order(values: Values) -> tuple[str, str | None]:
    """OrigClOrdID(41) ("" where absent) and OrderID(37): at least one of them."""
    orig_cl_ord_id = client_id(values, t.ORIG_CL_ORD_ID)
    order_id = client_id(values, t.ORDER_ID) or None
    if not orig_cl_ord_id and order_id is None:
        text = f"MISSING_ORIG_CL_ORD_ID {label(t.ORIG_CL_ORD_ID)} or {label(t.ORDER_ID)} must name the order"
        raise FieldRefused(t.ORIG_CL_ORD_ID, text)
    return orig_cl_ord_id, order_id
