"""The exchange: accepts, matches, cancels and amends orders.

No I/O and no clock: every call is given the time in milliseconds. What refuses raises ApiError before
anything changed.
"""

from collections.abc import Iterable
from decimal import Decimal

from gateway.simulator import errors, matching, settlement
from gateway.simulator.accounts import Accounts
from gateway.simulator.ledger import Ledger, Listener
from gateway.simulator.market import Market
from gateway.simulator.matching import Fill, Prevented
from gateway.simulator.orders import MARKET_TYPES, Order
from gateway.simulator.settlement import Fees
from gateway.simulator.symbols import Symbol


class Exchange(Ledger):
    """All markets and accounts of one simulated exchange."""

    def __init__(
        self,
        symbols: Iterable[Symbol],
        accounts: Accounts,
        listener: Listener,
        fees: Fees | None = None,
        seed: int = 0,
        first_id: int = 0,
    ) -> None:
        super().__init__(symbols, accounts, listener, seed, first_id)
        self.fees = fees or Fees()
        self._last_prevented_id = 0

    # -- commands ---------------------------------------------------------------------------------------

    def place(self, order: Order, now: int) -> None:
        """Accept an order and, in auto mode, match it. Raises ApiError (-2010) when it is refused."""
        market = self.markets[order.symbol]
        self.check(order)
        settlement.reserve(market, order)
        self.register(order)
        self.touch(order.account)
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
        old_id = self.rename(order, new_client_order_id or self.random_client_order_id())
        self.end(market, order, now)
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
        self.touch(order.account)
        old_id = self.rename(order, new_client_order_id or order.client_order_id)
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
        self.end(market, order, now)
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
        if not order.is_open:
            order.account.open_orders(order.symbol).pop(order.order_id, None)
        if order.account.unlimited:
            return
        trade = settlement.settle(market, order, price, qty, trade_id, is_maker, self.fees, now)
        self.trades.append(trade)
        self.touch(order.account)
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
