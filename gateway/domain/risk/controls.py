"""Every control, in the order in which an order meets them."""

from gateway.domain.risk.buying_power import BUYING_POWER
from gateway.domain.risk.collar import PRICE_COLLAR
from gateway.domain.risk.control import Control
from gateway.domain.risk.counts import CANCEL_RATIO, MAX_OPEN_ORDERS, MAX_ORDERS_PER_DAY
from gateway.domain.risk.exposure import MAX_GROSS_EXPOSURE, MAX_NET_EXPOSURE
from gateway.domain.risk.fat_finger import FAT_FINGER
from gateway.domain.risk.loss import MAX_DAILY_LOSS
from gateway.domain.risk.order_size import MAX_ORDER_NOTIONAL, MAX_ORDER_QTY, MIN_ORDER_NOTIONAL
from gateway.domain.risk.permissions import MARKET_HOURS, ORDER_TYPE_NOT_ALLOWED, RESTRICTED_SYMBOL, SIDE_NOT_ALLOWED
from gateway.domain.risk.position import MAX_POSITION, SHORT_SALE
from gateway.domain.risk.rate import ORDER_RATE
from gateway.domain.risk.repetition import DUPLICATE_ORDER, REPEATED_EXECUTION
from gateway.domain.risk.self_trade import SELF_TRADE

CONTROLS: dict[str, Control] = {
    control.code: control
    for control in (
        RESTRICTED_SYMBOL,
        SIDE_NOT_ALLOWED,
        ORDER_TYPE_NOT_ALLOWED,
        MARKET_HOURS,
        REPEATED_EXECUTION,
        MAX_ORDER_QTY,
        MAX_ORDER_NOTIONAL,
        MIN_ORDER_NOTIONAL,
        PRICE_COLLAR,
        FAT_FINGER,
        SELF_TRADE,
        DUPLICATE_ORDER,
        MAX_POSITION,
        MAX_GROSS_EXPOSURE,
        MAX_NET_EXPOSURE,
        SHORT_SALE,
        BUYING_POWER,
        MAX_DAILY_LOSS,
        MAX_OPEN_ORDERS,
        MAX_ORDERS_PER_DAY,
        ORDER_RATE,
        CANCEL_RATIO,
    )
}
"""By code."""
