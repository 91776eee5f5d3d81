"""Every control, in the order in which an order meets them."""

from gateway.domain.risk.control import Control
from gateway.domain.risk.counts import CANCEL_RATIO, MAX_OPEN_ORDERS, MAX_ORDERS_PER_DAY
from gateway.domain.risk.order_size import MAX_ORDER_NOTIONAL, MAX_ORDER_QTY, MIN_ORDER_NOTIONAL
from gateway.domain.risk.position import MAX_POSITION, SHORT_SALE

CONTROLS: dict[str, Control] = {
    control.code: control
    for control in (
        MAX_ORDER_QTY,
        MAX_ORDER_NOTIONAL,
        MIN_ORDER_NOTIONAL,
        MAX_POSITION,
        SHORT_SALE,
        MAX_OPEN_ORDERS,
        MAX_ORDERS_PER_DAY,
        CANCEL_RATIO,
    )
}
"""By code."""
