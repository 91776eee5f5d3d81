"""Positions: reckoned anew from every trade in the journal."""

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from gateway.compliance.derive.difference import Difference, Found, columns_that_differ
from gateway.domain import events as e
from gateway.domain.money import ZERO, subtract
from gateway.domain.order import Order
from gateway.domain.positions import Ledger, Position
from gateway.engine.clock import day_start
from gateway.store.positions import find_positions, trades_before
from gateway.store.rows import PositionRow

_TRADES = (e.OrderFilled, e.TradeCanceled, e.TradeCorrected)
_FEES = msgspec.json.Decoder(dict[str, Decimal])
_FLOWS = ("realized", "bought", "paid")
"""Figures that the trading day has one of its own of, as it has of the fees."""
_COLUMNS = ("qty", "cost", *_FLOWS, "fees", *(f"{name}_today" for name in _FLOWS), "fees_today", "day")


class _Before(NamedTuple):
    """What a position's figures were when its last day of trades began. day: when that was, nanoseconds UTC."""

    day: int
    flows: tuple[Decimal, ...]
    fees: dict[str, Decimal]


class Positions:
    """Hears every event of the journal, in order."""

    def __init__(self, day_end_seconds: int, found: Found) -> None:
        self._day_end = day_end_seconds
        self._found = found
        self._ledger = Ledger()
        self._before: dict[tuple[str, str], _Before] = {}
        self.count = 0

    def event(self, event: e.Event, order: Order | None) -> None:
        """The event, and the order after it."""
        if isinstance(event, e.PositionSet):
            self._begin((event.account, event.symbol), event.at)
            self._ledger.set(event)
        elif isinstance(event, _TRADES) and order is not None:
            self._begin((order.account, order.symbol), event.at)
            self._ledger.record(event, order)

    def _begin(self, key: tuple[str, str], at: int) -> None:
        """Remember how its day began."""
        before, day = self._before.get(key), day_start(at, self._day_end)
        if before is None or before.day != day:
            held = self._ledger.of(key[0]).get(key[1], Position())
            self._before[key] = _Before(day, tuple(getattr(held, name) for name in _FLOWS), dict(held.fees))

    def events_before(self, connection: Connection, position: int, archived: int = 0) -> None:
        """The trades before this journal position, without the rest. archived: up to here the journal may lack them."""
        for event, order in trades_before(connection, position, archived):
            self.event(event, order)

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
                derived_row = self._values(key, derived[key], row.day)
                text = columns_that_differ(_COLUMNS, _values_of(row), derived_row)
            if text:
                self._found(Difference("positions", " ".join(key), text))

    def _values(self, key: tuple[str, str], position: Position, stored_day: int) -> tuple[Any, ...]:
        before = self._before[key]
        flows = [getattr(position, name) for name in _FLOWS]
        today = [subtract(now, was) for now, was in zip(flows, before.flows, strict=True)]
        paid = {asset: subtract(fee, before.fees.get(asset, ZERO)) for asset, fee in position.fees.items()}
        day, fees = before.day, {asset: fee for asset, fee in paid.items() if fee}
        if stored_day > day:  # a start that reckoned everything anew wrote it on a day without trades
            day, fees, today = stored_day, {}, [ZERO] * len(_FLOWS)
        return (position.qty, position.cost, *flows, position.fees, *today, fees, day)


def _values_of(row: PositionRow) -> tuple[Any, ...]:
    flows = [Decimal(getattr(row, name)) for name in _FLOWS]
    today = [Decimal(getattr(row, f"{name}_today")) for name in _FLOWS]
    fees, fees_today = _FEES.decode(row.fees), _FEES.decode(row.fees_today)
    return (Decimal(row.qty), Decimal(row.cost), *flows, fees, *today, fees_today, row.day)
