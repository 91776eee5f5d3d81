"""Positions with what they cost and earned, from executions: average cost, exact decimals, fees in their own assets.

What was realized plus what a position is worth less its cost is exact always. Average cost rounds how much of that
counts as realized, to 12 decimals, when a part of a position is closed. A trade that is taken back is undone at the
average cost of then, so that a bust of an older trade may leave another split between the two than without the trade.
Fees of trades that were taken back stay: whether a venue gives them back is its own later word.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.domain import events as e
from gateway.domain.money import ZERO, add, avg_px, multiply, subtract
from gateway.domain.order import Order
from gateway.domain.values import Side


@dataclass(slots=True)
class Position:
    """One account's in one symbol, or the firm's. qty is signed; cost is what the open part was bought for, in quote
    currency, negative for what was sold short. *_today: of the trading day.

    bought, paid: what executions alone moved, base units in and quote currency out, below zero the other way round.
    """

    qty: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    realized_today: Decimal = ZERO
    fees: dict[str, Decimal] = field(default_factory=dict)  # by asset
    fees_today: dict[str, Decimal] = field(default_factory=dict)
    bought: Decimal = ZERO
    bought_today: Decimal = ZERO
    paid: Decimal = ZERO
    paid_today: Decimal = ZERO

    @property
    def given(self) -> Decimal:
        """The part of the quantity that no execution brought."""
        return subtract(self.qty, self.bought)

    @property
    def avg_px(self) -> Decimal:
        """What one unit of the open part was bought or sold for."""
        return avg_px(self.cost, self.qty)


_FIGURES = ("qty", "cost", "realized", "realized_today", "bought", "bought_today", "paid", "paid_today")


class Ledger:
    """Every position. It changes by executions, busts and corrections, and by what a person sets."""

    def __init__(self) -> None:
        self.recording = True  # not while a start folds a journal whose outcome is loaded
        self.firm: dict[str, Position] = {}
        self.changed: set[tuple[str, str]] = set()  # (account, symbol), until whoever writes them has cleared it
        self._accounts: dict[str, dict[str, Position]] = {}

    def of(self, account: str) -> Mapping[str, Position]:
        """An account's positions by symbol; the same object always."""
        return self._accounts.setdefault(account, {})

    def items(self) -> Iterator[tuple[str, str, Position]]:
        """(account, symbol, position) of each."""
        for account, positions in self._accounts.items():
            for symbol, position in positions.items():
                yield account, symbol, position

    def load(self, account: str, symbol: str, position: Position) -> None:
        """Take over what was stored."""
        self._accounts.setdefault(account, {})[symbol] = position
        firm = self.firm.setdefault(symbol, Position())
        for name in _FIGURES:
            setattr(firm, name, add(getattr(firm, name), getattr(position, name)))
        for asset, fee in position.fees.items():
            firm.fees[asset] = add(firm.fees.get(asset, ZERO), fee)
        for asset, fee in position.fees_today.items():
            firm.fees_today[asset] = add(firm.fees_today.get(asset, ZERO), fee)

    def set(self, event: e.PositionSet) -> None:
        """A person said what is held. What executions moved and earned stays as it was."""
        position = self._position(event.account, event.symbol)
        more, cost = subtract(event.qty, position.qty), subtract(event.cost, position.cost)
        for one in (position, self.firm[event.symbol]):
            one.qty = add(one.qty, more)
            one.cost = add(one.cost, cost)
        self.changed.add((event.account, event.symbol))

    def start_day(self) -> None:
        """What was earned and paid today begins again."""
        for position in (*self.firm.values(), *(position for _, _, position in self.items())):
            position.realized_today = position.bought_today = position.paid_today = ZERO
            position.fees_today = {}

    def record(self, event: e.Event, order: Order) -> None:
        """An event of an order, if it is about an execution."""
        if not self.recording:
            return
        match event:
            case e.OrderFilled():
                self.executed(order.account, order.symbol, _signed(order, event.last_qty), event.last_px)
                if event.commission:
                    self.charged(order.account, order.symbol, event.commission_currency, event.commission)
            case e.TradeCanceled():
                self.taken_back(order.account, order.symbol, _signed(order, event.last_qty), event.last_px)
            case e.TradeCorrected():
                self.taken_back(order.account, order.symbol, _signed(order, event.old_qty), event.old_px)
                self.executed(order.account, order.symbol, _signed(order, event.last_qty), event.last_px)

    def executed(self, account: str, symbol: str, signed_qty: Decimal, px: Decimal) -> None:
        """Bought (above zero) or sold so much."""
        position = self._position(account, symbol)
        flow = multiply(signed_qty, px)
        qty = add(position.qty, signed_qty)
        if not position.qty or (position.qty > 0) is (signed_qty > 0):  # it opens or adds
            cost = flow
        elif abs(signed_qty) < abs(position.qty):
            cost = multiply(position.avg_px, signed_qty)
        else:  # it closes all, and perhaps opens the other way
            cost = subtract(multiply(qty, px), position.cost)
        self._change(account, symbol, qty, cost, flow)

    def taken_back(self, account: str, symbol: str, signed_qty: Decimal, px: Decimal) -> None:
        """A trade is void: undone at the average cost, if it closed something, else out of the cost it went into."""
        position = self._position(account, symbol)
        same_way = (position.qty > 0) is (signed_qty > 0)
        if not position.qty or (same_way and abs(signed_qty) > abs(position.qty)):  # nothing to undo it in
            self.executed(account, symbol, signed_qty.copy_negate(), px)
            return
        qty = subtract(position.qty, signed_qty)
        flow = multiply(signed_qty, px).copy_negate()
        if not same_way:
            cost = multiply(position.avg_px, signed_qty).copy_negate()
        else:
            cost = flow if qty else position.cost.copy_negate()
        self._change(account, symbol, qty, cost, flow)

    def charged(self, account: str, symbol: str, asset: str, fee: Decimal) -> None:
        """A fee was paid, in an asset of the venue's choice."""
        for position in (self._position(account, symbol), self.firm[symbol]):
            position.fees[asset] = add(position.fees.get(asset, ZERO), fee)
            position.fees_today[asset] = add(position.fees_today.get(asset, ZERO), fee)

    def _position(self, account: str, symbol: str) -> Position:
        positions = self._accounts.setdefault(account, {})
        position = positions.get(symbol)
        if position is None:
            position = positions[symbol] = Position()
            self.firm.setdefault(symbol, Position())
        return position

    def _change(self, account: str, symbol: str, qty: Decimal, cost: Decimal, flow: Decimal) -> None:
        """The quantity becomes so much, the cost grows by so much, and flow was paid: what they differ by is earned."""
        position, firm = self._accounts[account][symbol], self.firm[symbol]
        realized = subtract(cost, flow)
        change = subtract(qty, position.qty)
        for one in (position, firm):
            one.qty = add(one.qty, change)
            one.cost = add(one.cost, cost)
            one.bought = add(one.bought, change)
            one.bought_today = add(one.bought_today, change)
            one.paid = add(one.paid, flow)
            one.paid_today = add(one.paid_today, flow)
            if realized:
                one.realized = add(one.realized, realized)
                one.realized_today = add(one.realized_today, realized)
        self.changed.add((account, symbol))


def _signed(order: Order, qty: Decimal) -> Decimal:
    return qty if order.side is Side.BUY else qty.copy_negate()
