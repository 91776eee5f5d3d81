"""Rows that are made of the journal alone: how an order stands, and what it executed.

What is an enumeration is given as its plain text: sqlite3 looks for a way to convert anything else, at the price of
five columns.
"""

from gateway.domain import events as e
from gateway.domain.money import text_of
from gateway.domain.order import Order
from gateway.store.rows import ExecutionRow, OrderRow, storable


def execution_row(position: int, event: e.OrderFilled, order: Order) -> ExecutionRow:
    """The trade that the event at this journal position is."""
    return ExecutionRow(
        position,
        order.order_id,
        order.venue_account,
        order.symbol,
        order.side._value_,
        event.trade_id,
        event.venue_order_id,
        text_of(event.last_qty),
        text_of(event.last_px),
        text_of(event.commission),
        event.commission_currency,
        event.liquidity._value_ if event.liquidity is not None else None,
        event.transact_time,
        event.at,
    )


def order_row(order: Order, at: int) -> OrderRow:
    """How the order stands. at: of its last event."""
    terms = order.terms
    return OrderRow(
        order.order_id,
        order.session,
        order.cl_ord_id,
        order.first_cl_ord_id,
        order.account,
        order.venue_account,
        order.symbol,
        order.side._value_,
        order.ord_type._value_,
        order.time_in_force._value_,
        text_of(terms.order_qty),
        text_of(terms.price) if terms.price is not None else None,
        text_of(terms.stop_px) if terms.stop_px is not None else None,
        text_of(order.cum_qty),
        text_of(order.avg_px),
        text_of(order.leaves_qty),
        order.ord_status._value_,
        order.is_open,
        order.is_unknown,
        storable(order.text),
        order.received_at,
        at,
    )
