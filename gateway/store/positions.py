"""Positions in SQL: a projection of the journal's executions, so that a start need not read all of them."""

from decimal import Decimal

import msgspec
from sqlalchemy import Connection, select

from gateway.domain.events import PositionSet
from gateway.domain.money import text_of
from gateway.domain.order import Order
from gateway.domain.positions import Ledger, Position
from gateway.domain.values import Side
from gateway.store.codec import decode_event, encode_json
from gateway.store.rows import PositionRow
from gateway.store.tables import journal, orders, positions

_TRADES = ("OrderFilled", "TradeCanceled", "TradeCorrected")
_FEES = msgspec.json.Decoder(dict[str, Decimal])


def position_row(account: str, symbol: str, position: Position, day: int) -> PositionRow:
    """As it stands. day: when the trading day began that *_today is about."""
    return PositionRow(
        account,
        symbol,
        text_of(position.qty),
        text_of(position.cost),
        text_of(position.realized),
        text_of(position.realized_today),
        encode_json(position.fees),
        encode_json(position.fees_today),
        text_of(position.bought),
        text_of(position.bought_today),
        text_of(position.paid),
        text_of(position.paid_today),
        day,
    )


def find_positions(connection: Connection) -> list[PositionRow]:
    """Every position as it was last written."""
    query = select(positions).order_by(positions.c.account, positions.c.symbol)
    return [PositionRow(*row) for row in connection.execute(query)]


def load_ledger(connection: Connection, ledger: Ledger, today: int) -> None:
    """Every position as it was last written; from the journal, where none was ever written."""
    rows = find_positions(connection)
    if not rows:
        rebuild(connection, ledger, today)
        return
    for row in rows:
        same_day = row.day == today
        ledger.load(
            row.account,
            row.symbol,
            Position(
                qty=Decimal(row.qty),
                cost=Decimal(row.cost),
                realized=Decimal(row.realized),
                realized_today=Decimal(row.realized_today) if same_day else Decimal(0),
                fees=_FEES.decode(row.fees),
                fees_today=_FEES.decode(row.fees_today) if same_day else {},
                bought=Decimal(row.bought),
                bought_today=Decimal(row.bought_today) if same_day else Decimal(0),
                paid=Decimal(row.paid),
                paid_today=Decimal(row.paid_today) if same_day else Decimal(0),
            ),
        )


def rebuild(connection: Connection, ledger: Ledger, today: int) -> None:
    """Reckon every position anew from the journal."""
    query = (
        select(journal.c.event_type, journal.c.payload, journal.c.at, orders.c.account, orders.c.symbol, orders.c.side)
        .outerjoin(orders, orders.c.order_id == journal.c.order_id)
        .where(journal.c.event_type.in_((*_TRADES, PositionSet.__name__)))
        .order_by(journal.c.position)
        .execution_options(yield_per=5000)
    )
    before = True
    for event_type, payload, at, account, symbol, side in connection.execute(query):
        if before and at >= today:
            before = False
            ledger.start_day()
        event = decode_event(event_type, payload)
        if isinstance(event, PositionSet):
            ledger.set(event)
        else:
            ledger.record(event, _holder(account, symbol, Side(side)))
    if before:
        ledger.start_day()


def _holder(account: str, symbol: str, side: Side) -> Order:
    """As much of an order as an execution needs to be booked."""
    values = dict.fromkeys(Order._fields[:12])
    return Order(**values | {"account": account, "symbol": symbol, "side": side})  # type: ignore[arg-type]
