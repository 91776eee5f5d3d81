"""Whether an order says what its type needs, and the venue can do it. Nothing is turned into something else."""

from gateway.domain.instruments import Capabilities
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.terms import OrderTerms
from gateway.domain.values import OrdRejReason, OrdType, TimeInForce


def check_form(order: OrderTerms, capabilities: Capabilities, at: int) -> Denial | None:
    """What the order's own fields say, and whether the venue can do it. at: nanoseconds UTC."""
    unsupported = OrdRejReason.UNSUPPORTED
    if order.order_qty <= 0:
        return deny("BAD_QTY", OrdRejReason.INCORRECT_QUANTITY, order=order.order_qty, allowed="above zero")
    if order.ord_type not in capabilities.ord_types:
        return deny("ORD_TYPE_NOT_SUPPORTED", unsupported, ord_type=order.ord_type.name)
    if (
        order.time_in_force not in capabilities.times_in_force
        and order.time_in_force not in capabilities.gateway_expires
    ):
        return deny("TIME_IN_FORCE_NOT_SUPPORTED", unsupported, time_in_force=order.time_in_force.name)
    if order.post_only and not (capabilities.post_only and order.ord_type is OrdType.LIMIT):
        return deny("EXEC_INST_NOT_SUPPORTED", unsupported, exec_inst="6", ord_type=order.ord_type.name)
    immediate = order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    if order.post_only and immediate:
        return deny("EXEC_INST_NOT_SUPPORTED", unsupported, exec_inst="6", time_in_force=order.time_in_force.name)
    if order.ord_type is OrdType.STOP and immediate:
        return deny("TIME_IN_FORCE_NOT_SUPPORTED", unsupported, time_in_force=order.time_in_force.name, ord_type="STOP")
    if order.time_in_force is TimeInForce.GTD and order.is_new:
        if order.expire_time is None:
            return deny("MISSING_EXPIRE_TIME", OrdRejReason.OTHER, time_in_force="GTD")
        if order.expire_time <= at:
            return deny("EXPIRE_TIME_PASSED", OrdRejReason.TOO_LATE_TO_ENTER, time_in_force="GTD")
    return _check_prices_present(order)


def _check_prices_present(order: OrderTerms) -> Denial | None:
    kind, other = order.ord_type, OrdRejReason.OTHER
    for name, price, belongs in (
        ("price", order.price, kind.has_price),
        ("stop_px", order.stop_px, kind.has_stop_px),
    ):
        if price is None:
            if belongs:
                return deny(f"MISSING_{name.upper()}", other, ord_type=kind.name)
        elif not belongs:
            return deny(f"UNEXPECTED_{name.upper()}", other, **{name: price}, ord_type=kind.name)
        elif price <= 0:
            return deny("BAD_PRICE", other, **{name: price}, allowed="above zero")
    return None
