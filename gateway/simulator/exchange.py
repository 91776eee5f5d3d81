"""The exchange: accepts, matches, cancels and amends orders, and tells a listener what happened.

No I/O and no clock: every call is given the time in milliseconds. What refuses raises ApiError before
anything changed.
"""

from collections.abc import Iterable
from decimal import Decimal
from random import Random
from typing import Protocol

from gateway.simulator import errors, matching, settlement
from gateway.simulator.accounts import Account, Accounts
from gateway.simulator.market import Market
from gateway.simulator.matching import Fill, Prevented
from gateway.simulator.orders import MARKET_TYPES, Order, Trade
from gateway.simulator.settlement import Fees
from gateway.simulator.symbols import Symbol


class Listener(Protocol):
    """Learns what happened, at once and in order; the order is as it stands right after the execution."""

    def execution(
        self,
        order: Order,
        kind: str,
        now: int,
        execution_id: int,
        trade: Trade | None = None,
        orig_client_order_id: str = "",
        prevented: Prevented | None = None,
    ) -> None: ...

    def balances(self, account: Account, now: int) -> None: ...


class Exchange:
    """All markets and accounts of one simulated exchange."""

    def __init__(
        self,
        symbols: Iterable[Symbol],
        accounts: Accounts,
        listener: Listener,
        fees: Fees | None = None,
        seed: int = 0,
    ) -> None:
        self.markets = {symbol.name: Market(symbol) for symbol in symbols}
        self.accounts = accounts
        self.fees = fees or Fees()
        self.maker = Account("market-maker", 0, unlimited=True)
        self.orders: dict[int, Order] = {}
        self.by_placed_client_id: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self._listener = listener
        self._random = Random(seed)  # noqa: S311 - client ids and prices of a simulation, no secrets
        self._last_order_id = 0
        self._last_execution_id = 0
        self._last_prevented_id = 0
        self._touched: dict[Account, None] = {}

    def random_client_order_id(self) -> str:
        return f"{self._random.getrandbits(88):022x}"

    def next_order_id(self) -> int:
        self._last_order_id += 1
        return self._last_order_id

    # -- commands ---------------------------------------------------------------------------------------

    def place(self, order: Order, now: int) -> None:
        """Accept an order and, in auto mode, match it. Raises ApiError (-2010) when it is refused."""
        market = self.markets[order.symbol]
        self.check(order)
        settlement.reserve(market, order)
        self._register(order)
        self._touch(order.account)
        if not order.awaits_trigger:
            order.working_ms = now
        self.report(order, "NEW", now)
        if order.awaits_trigger:
            market.stops[order.order_id] = order
        else:
            self.work(market, order, now)
            self.run_stops(market, now)
        self.finish(now)

    def check(self, order: Order) -> None:
        """What the matching engine itself refuses, the balance aside."""
        market = self.markets[order.symbol]
        if market.symbol.status != "TRADING":
            raise errors.order_rejected("Market is closed.")
        taken = order.account.by_client_id.get((order.symbol, order.client_order_id))
        if taken is not None and taken.is_open:
            raise errors.order_rejected("Duplicate order sent.")
        if order.awaits_trigger and market.would_trigger(order):
            raise errors.order_rejected("Order would trigger immediately.")
        if order.type == "LIMIT_MAKER" and matching.crosses(market.book, order):
            raise errors.order_rejected("Order would immediately match and take.")

    def cancel(self, order: Order, now: int, new_client_order_id: str | None = None) -> str:
        """Cancel an open order; returns the client id it had. Binance gives it a new one."""
        market = self.markets[order.symbol]
        market.take_off(order)
        order.status = "CANCELED"
        old_id = self._rename(order, new_client_order_id or self.random_client_order_id())
        self._end(market, order, now)
        self.report(order, "CANCELED", now, orig_client_order_id=old_id)
        self.finish(now)
        return old_id

    def amend(self, order: Order, new_qty: Decimal, now: int, new_client_order_id: str | None) -> str:
        """Reduce the quantity of an open order, keeping its priority; returns the client id it had.

        `new_qty` is the new total quantity, above what was executed and below the present one.
        """
        market = self.markets[order.symbol]
        if order.is_buy and order.type not in MARKET_TYPES:
            settlement.release(market, order, (order.qty - new_qty) * order.price)
        elif not order.is_buy:
            settlement.release(market, order, order.qty - new_qty)
        order.qty = new_qty
        order.update_ms = now
        order.amends += 1
        market.book.update_id += 1
        self._touch(order.account)
        old_id = self._rename(order, new_client_order_id or order.client_order_id)
        self.report(order, "REPLACED", now, orig_client_order_id=old_id)
        self.finish(now)
        return old_id

    def reject(self, order: Order, now: int) -> None:
        """Report a refused new order; Binance does so only for the second half of a cancel-replace."""
        order.status = "REJECTED"
        self.report(order, "REJECTED", now)

    def expire(self, order: Order, now: int, status: str = "EXPIRED", prevented: Prevented | None = None) -> None:
        """End an open order by the exchange's own decision. The caller calls `finish` afterwards."""
        market = self.markets[order.symbol]
        market.take_off(order)
        order.status = status
        kind = "EXPIRED"
        if prevented is not None:
            kind = "TRADE_PREVENTION"
            order.prevented_match_id = self._last_prevented_id
            order.prevented_qty += order.leaves
        self._end(market, order, now)
        self.report(order, kind, now, prevented=prevented)

    # -- the steps of matching ----------------------------------------------------------------------------

    def work(self, market: Market, order: Order, now: int) -> None:
        """Match an accepted order, then rest or expire what is left. Manual markets park it instead."""
        if market.manual:
            market.parked[order.order_id] = order
            return
        if order.time_in_force != "FOK" or matching.can_fill(market.book, order):
            for step in matching.cross(market.book, order):
                if isinstance(step, Fill):
                    self.execute(market, order, step.price, step.qty, now, counterparty=step.maker)
                else:
                    self._prevent(order, step, now)
        if not order.is_open:
            return
        if order.type in MARKET_TYPES or order.time_in_force in ("IOC", "FOK"):
            self.expire(order, now)
        else:
            market.book.add(order)

    def execute(
        self,
        market: Market,
        taker: Order,
        price: Decimal,
        qty: Decimal,
        now: int,
        counterparty: Order | None = None,
        is_maker: bool = False,
    ) -> int:
        """Settle and report one execution whose quantities are already on the orders. Returns the trade id."""
        trade_id = market.next_trade_id()
        market.last_price = price
        if counterparty is not None:
            self._settle_side(market, counterparty, price, qty, trade_id, True, now)
        self._settle_side(market, taker, price, qty, trade_id, is_maker, now)
        return trade_id

    def _settle_side(
        self,
        market: Market,
        order: Order,
        price: Decimal,
        qty: Decimal,
        trade_id: int,
        is_maker: bool,
        now: int,
    ) -> None:
        trade = settlement.settle(market, order, price, qty, trade_id, is_maker, self.fees, now)
        if order.account.unlimited:
            return
        self.trades.append(trade)
        if not order.is_open:
            order.account.open_orders(order.symbol).pop(order.order_id, None)
        self._touch(order.account)
        self.report(order, "TRADE", now, trade=trade)

    def _prevent(self, taker: Order, event: Prevented, now: int) -> None:
        self._last_prevented_id += 1
        if event.expire_maker:
            self.expire(event.maker, now, "EXPIRED_IN_MATCH", event)
        if event.expire_taker:
            self.expire(taker, now, "EXPIRED_IN_MATCH", event)

    def run_stops(self, market: Market, now: int) -> None:
        """Put every stop to work whose price was reached; their trades may reach further stops."""
        while (order := market.next_triggered()) is not None:
            del market.stops[order.order_id]
            if order.type in MARKET_TYPES and not market.manual:
                settlement.release(market, order)
                order.working_ms = now
                try:
                    settlement.reserve(market, order)
                except errors.ApiError:
                    self.expire(order, now)
                    continue
            order.working_ms = now
            order.update_ms = now
            self.report(order, "NEW", now)
            self.work(market, order, now)

    # -- bookkeeping --------------------------------------------------------------------------------------

    def report(
        self,
        order: Order,
        kind: str,
        now: int,
        trade: Trade | None = None,
        orig_client_order_id: str = "",
        prevented: Prevented | None = None,
    ) -> None:
        if order.account.unlimited:
            return
        self._last_execution_id += 1
        self._listener.execution(order, kind, now, self._last_execution_id, trade, orig_client_order_id, prevented)

    @property
    def last_execution_id(self) -> int:
        return self._last_execution_id

    def finish(self, now: int) -> None:
        """End of a command: tell each account whose money moved what it has now."""
        for account in self._touched:
            if account.touched:
                account.update_ms = now
                self._listener.balances(account, now)
                account.touched.clear()
        self._touched.clear()

    def _touch(self, account: Account) -> None:
        if not account.unlimited:
            self._touched[account] = None

    def _register(self, order: Order) -> None:
        order.placed_client_order_id = order.client_order_id
        account = order.account
        account.open_orders(order.symbol)[order.order_id] = order
        if account.unlimited:
            return
        self.orders[order.order_id] = order
        self.by_placed_client_id[order.client_order_id] = order
        account.orders[order.order_id] = order
        account.by_client_id[(order.symbol, order.client_order_id)] = order

    def _rename(self, order: Order, new_id: str) -> str:
        old_id = order.client_order_id
        if new_id != old_id and not order.account.unlimited:
            index = order.account.by_client_id
            if index.get((order.symbol, old_id)) is order:
                del index[(order.symbol, old_id)]
            index[(order.symbol, new_id)] = order
            order.client_order_id = new_id
        return old_id

    def _end(self, market: Market, order: Order, now: int) -> None:
        order.update_ms = now
        order.account.open_orders(order.symbol).pop(order.order_id, None)
        settlement.release(market, order)
        self._touch(order.account)
