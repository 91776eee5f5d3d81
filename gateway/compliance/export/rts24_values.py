"""What the fields of RTS 24 are made of: an event and its order, in the codes of the Annex."""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from gateway.compliance.export.columns import utc
from gateway.domain import events as e
from gateway.domain.order import Order
from gateway.domain.session_names import session_name
from gateway.domain.values import LiquidityInd, OrdType, Side, TimeInForce
from gateway.wire import tags as t

_ISIN = "4"  # SecurityIDSource(22)

Value = str | Decimal | None


class Happening(NamedTuple):
    """An event of field 21. order: as it is after the event; None of a NewOrderRefused, which never became one."""

    position: int
    code: str
    event: e.Event
    order: Order | None


def code_of(event: e.Event, order: Order | None) -> str | None:
    """Field 21. None: it has no code for such an event, or nothing happened to the order."""
    if isinstance(event, e.OrderFilled):
        return "FILL" if order is not None and order.is_filled else "PARF"
    if isinstance(event, e.OrderCanceled):
        return "CAME" if event.cl_ord_id else "CAMO"
    return _CODES.get(type(event))


_CODES: dict[type[e.Event], str] = {
    e.OrderReceived: "NEWO",
    e.OrderReplaced: "REME",
    e.OrderRestated: "REMA",
    e.OrderExpired: "EXPI",
    e.OrderRejected: "REMO",
    e.NewOrderRefused: "REMO",
}

VALIDITY = {
    TimeInForce.DAY: "DAVY",
    TimeInForce.GTC: "GTCV",
    TimeInForce.IOC: "IOCV",
    TimeInForce.FOK: "FOKV",
    TimeInForce.GTD: "GTSV",
}
"""Field 10 by TimeInForce(59)."""

CAPACITY = {"A": "AOTC", "I": "AOTC", "W": "AOTC", "P": "DEAL", "G": "DEAL", "R": "MTCH"}
"""Field 7 by OrderCapacity(528)."""


def either(name: str) -> Callable[[Happening], Value]:
    """Of the order, or of what never became one."""
    return lambda h: getattr(h.order if h.order is not None else h.event, name)


def of_order(value: Callable[[Order], Value]) -> Callable[[Happening], Value]:
    """Of what became an order."""
    return lambda h: None if h.order is None else value(h.order)


def of_fill(value: Callable[[e.OrderFilled], Value]) -> Callable[[Happening], Value]:
    """Of an execution."""
    return lambda h: value(h.event) if isinstance(h.event, e.OrderFilled) else None


def sent(order: Order, tag: int) -> str | None:
    """A field of the client's NewOrderSingle that is sent back as it came."""
    return next((value for known, value in order.echo if known == tag), None)


def moment(nanoseconds: int) -> str:
    """Cut to microseconds, which is the field's form."""
    return f"{utc(nanoseconds)[:-4]}Z"


def client(h: Happening) -> Value:
    """Who sent it."""
    session = either("session")(h)
    return session_name(session) if isinstance(session, str) else None


def isin(order: Order) -> Value:
    """The instrument, where the client names it so."""
    return sent(order, t.SECURITY_ID) if sent(order, t.SECURITY_ID_SOURCE) == _ISIN else None


def side(h: Happening) -> Value:
    """Field 32."""
    return {Side.BUY.value: "BUYI", Side.SELL.value: "SELL"}.get(str(either("side")(h)))


def quantity(h: Happening) -> Value:
    """Field 36."""
    return h.order.terms.order_qty if h.order is not None else either("order_qty")(h)


def status(order: Order) -> Value:
    """Field 33."""
    if not order.is_open or not order.acknowledged:
        return "INAC"
    return None if order.ord_type.has_stop_px else "ACTI"


def displayed(order: Order) -> Value:
    """Field 38."""
    rests = order.ord_type is OrdType.LIMIT and order.time_in_force not in (TimeInForce.IOC, TimeInForce.FOK)
    return order.leaves_qty if rests and order.acknowledged else None


def aggressor(fill: e.OrderFilled) -> Value:
    """Field 44."""
    return {LiquidityInd.ADDED: "PASV", LiquidityInd.REMOVED: "AGRE"}.get(fill.liquidity) if fill.liquidity else None
