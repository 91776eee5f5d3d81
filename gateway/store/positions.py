"""Positions in SQL: a projection of the journal's executions, so that a start need not read all of them."""

import heapq
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec
from sqlalchemy import Connection, select

from gateway.domain.events import Event, OrderFilled, PositionSet, TradeCanceled, TradeCorrected
from gateway.domain.money import text_of
from gateway.domain.order import Order
from gateway.domain.positions import Ledger, Position
from gateway.domain.values import LiquidityInd, Side
from gateway.store.codec import decode_event, encode_json
from gateway.store.rows import PositionRow
from gateway.store.tables import executions, journal, orders, positions

_RARE = (TradeCanceled.__name__, TradeCorrected.__name__, PositionSet.__name__)
"""Beside executions; the journal keeps these for good (compliance/retention)."""

_END = 1 << 62
_ROWS_AT_ONCE = 5000
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
    """Reckon every position anew from the executions, and from what a person set or the venue took back."""
    before = True
    for event, order in trades_before(connection, _END, _END):
        if before and event.at >= today:
            before = False
            ledger.start_day()
        if isinstance(event, PositionSet):
            ledger.set(event)
        elif order is not None:
            ledger.record(event, order)
    if before:
        ledger.start_day()


def trades_before(connection: Connection, position: int, archived: int) -> Iterator[tuple[Event, Order | None]]:
    """What changed positions before this place in the journal, with its order, as far as an execution needs one.

    archived: up to here the journal may lack what has been archived. Executions never are, and stand for their events.
    """
    yield from (
        (event, order)
        for _, event, order in heapq.merge(
            _executed(connection, min(archived + 1, position)),
            _in_journal(connection, 0, min(archived + 1, position), _RARE),
            key=lambda one: one[0],
        )
    )
    if archived + 1 < position:
        for _, event, order in _in_journal(connection, archived + 1, position, (OrderFilled.__name__, *_RARE)):
            yield event, order


_Trade = tuple[int, Event, Order | None]


def _executed(connection: Connection, until: int) -> Iterator[_Trade]:
    query = (
        select(executions, orders.c.account)
        .join(orders, orders.c.order_id == executions.c.order_id)
        .where(executions.c.position < until)
        .order_by(executions.c.position)
    )
    for row in connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
        event = OrderFilled(
            order_id=row.order_id,
            at=row.at,
            leg=0,
            trade_id=row.trade_id,
            venue_order_id=row.venue_order_id,
            last_qty=row.last_qty,
            last_px=row.last_px,
            commission=row.commission,
            commission_currency=row.commission_currency,
            liquidity=LiquidityInd(row.liquidity) if row.liquidity is not None else None,
            transact_time=row.transact_time,
        )
        yield row.position, event, _holder(row.account, row.symbol, Side(row.side))


def _in_journal(connection: Connection, first: int, until: int, kinds: Sequence[str]) -> Iterator[_Trade]:
    query = (
        select(journal, orders.c.account, orders.c.symbol, orders.c.side)
        .outerjoin(orders, orders.c.order_id == journal.c.order_id)
        .where(journal.c.position >= first, journal.c.position < until, journal.c.event_type.in_(kinds))
        .order_by(journal.c.position)
    )
    for row in connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
        order = _holder(row.account, row.symbol, Side(row.side)) if row.account is not None else None
        yield row.position, decode_event(row.event_type, row.payload), order


def _holder(account: str, symbol: str, side: Side) -> Order:
    """As much of an order as an execution needs to be booked."""
    values = dict.fromkeys(Order._fields[:12])
    # None is in the fields that booking does not look at.
    return Order(**values | {"account": account, "symbol": symbol, "side": side})  # type: ignore[arg-type]
