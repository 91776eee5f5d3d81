"""Positions: reckoned anew from every trade in the journal."""

from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from gateway.compliance.derive.difference import Difference, Found, columns_that_differ
from gateway.compliance.derive.stored import ROWS_AT_ONCE
from gateway.domain import events as e
from gateway.domain.money import ZERO, subtract
from gateway.domain.order import Order
from gateway.domain.positions import Ledger, Position
from gateway.engine.clock import day_start
from gateway.store.codec import decode_event
from gateway.store.positions import find_positions
from gateway.store.tables import journal

_TRADES = (e.OrderFilled, e.TradeCanceled, e.TradeCorrected)
_FEES = msgspec.json.Decoder(dict[str, Decimal])
_COLUMNS = ("qty", "cost", "realised", "fees", "realised_today", "fees_today", "day")


class Positions:
    """Hears every event of the journal, in order."""

    def __init__(self, day_end_seconds: int, found: Found) -> None:
        self._day_end = day_end_seconds
        self._found = found
        self._ledger = Ledger()
        self._days: dict[tuple[str, str], tuple[int, Decimal, dict[str, Decimal]]] = {}
        self.count = 0

    def event(self, event: e.Event, order: Order | None) -> None:
        """The event, and the order after it."""
        if not isinstance(event, _TRADES) or order is None:
            return
        key, day = (order.account, order.symbol), day_start(event.at, self._day_end)
        if self._days.get(key, (0,))[0] != day:  # what follows is earned and paid on this day
            held = self._ledger.of(order.account).get(order.symbol, Position())
            self._days[key] = day, held.realised, dict(held.fees)
        self._ledger.record(event, order)

    def events_before(self, connection: Connection, position: int) -> None:
        """The trades before this journal position, without the rest."""
        received = journal.alias()
        names = [kind.__name__ for kind in _TRADES]
        query = (
            select(journal.c.event_type, journal.c.payload, received.c.payload)
            .join(received, received.c.order_id == journal.c.order_id)
            .where(journal.c.position < position, journal.c.event_type.in_(names))
            .where(received.c.event_type == e.OrderReceived.__name__)
            .order_by(journal.c.position)
            .execution_options(yield_per=ROWS_AT_ONCE)
        )
        for event_type, payload, first in connection.execute(query):
            order = decode_event(e.OrderReceived.__name__, first)
            self.event(decode_event(event_type, payload), order)  # type: ignore[arg-type]  # it names account, symbol, side

    def finish(self, connection: Connection) -> None:
        """Compare them all. The journal was read to its end."""
        stored = {(row.account, row.symbol): row for row in find_positions(connection)}
        derived = {(account, symbol): position for account, symbol, position in self._ledger.items()}
        for key in sorted(stored.keys() | derived.keys()):
            self.count += 1
            text = ""
            if key not in stored:
                text = "not stored, and the journal makes it"
            elif key not in derived:
                text = "stored, and nothing in the journal makes it"
            else:
                row = stored[key]
                fees = _FEES.decode(row.fees), _FEES.decode(row.fees_today)
                values = Decimal(row.qty), Decimal(row.cost), Decimal(row.realised), fees[0]
                today = Decimal(row.realised_today), fees[1], row.day
                text = columns_that_differ(_COLUMNS, (*values, *today), self._values(key, derived[key]))
            if text:
                self._found(Difference("positions", " ".join(key), text))

    def _values(self, key: tuple[str, str], position: Position) -> tuple[Any, ...]:
        day, realised, fees = self._days[key]
        paid = {asset: subtract(fee, fees.get(asset, ZERO)) for asset, fee in position.fees.items()}
        return (
            position.qty,
            position.cost,
            position.realised,
            position.fees,
            subtract(position.realised, realised),
            {asset: fee for asset, fee in paid.items() if fee},
            day,
        )
