"""What the exchange remembers: accounts, orders, trades and their numbers; and how it tells what happened."""

from collections.abc import Iterable
from random import Random
from typing import Protocol

from gateway.simulator import settlement
from gateway.simulator.accounts import Account, Accounts
from gateway.simulator.market import Market
from gateway.simulator.matching import Prevented
from gateway.simulator.orders import Order, Trade
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


class Ledger:
    """The memory of the exchange. Market makers and other unlimited accounts are kept out of the lists."""

    def __init__(
        self, symbols: Iterable[Symbol], accounts: Accounts, listener: Listener, seed: int, first_id: int
    ) -> None:
        """first_id: orders, trades and executions are numbered from the one after it."""
        self.markets = {symbol.name: Market(symbol, first_id) for symbol in symbols}
        self.accounts = accounts
        self.maker = Account("market-maker", 0, unlimited=True)
        self.orders: dict[int, Order] = {}
        self.by_placed_client_id: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self._listener = listener
        self._random = Random(seed)  # noqa: S311 - client ids of a simulation, no secrets
        self._last_order_id = first_id
        self._last_execution_id = first_id
        self._touched: dict[Account, None] = {}

    def random_client_order_id(self) -> str:
        """For orders and cancels that name none."""
        return f"{self._random.getrandbits(88):022x}"

    def next_order_id(self) -> int:
        self._last_order_id += 1
        return self._last_order_id

    def report(
        self,
        order: Order,
        kind: str,
        now: int,
        trade: Trade | None = None,
        orig_client_order_id: str = "",
        prevented: Prevented | None = None,
    ) -> None:
        """Number an execution and tell the listener. kind: `x` of an executionReport. now: ms since the epoch."""
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

    def touch(self, account: Account) -> None:
        """Its balances moved: `finish` tells of them."""
        if not account.unlimited:
            self._touched[account] = None

    def register(self, order: Order) -> None:
        """A new order: it is found by its ids and among the open ones from now on."""
        order.placed_client_order_id = order.client_order_id
        account = order.account
        account.open_orders(order.symbol)[order.order_id] = order
        if account.unlimited:
            return
        self.orders[order.order_id] = order
        self.by_placed_client_id[order.client_order_id] = order
        account.orders[order.order_id] = order
        account.by_client_id[(order.symbol, order.client_order_id)] = order

    def rename(self, order: Order, new_id: str) -> str:
        """Give the order another client id, as cancels do. Returns the one it had."""
        old_id = order.client_order_id
        if new_id != old_id and not order.account.unlimited:
            index = order.account.by_client_id
            if index.get((order.symbol, old_id)) is order:
                del index[(order.symbol, old_id)]
            index[(order.symbol, new_id)] = order
            order.client_order_id = new_id
        return old_id

    def end(self, market: Market, order: Order, now: int) -> None:
        """It is open no more: what was set aside for it goes back. now: ms since the epoch."""
        order.update_ms = now
        order.account.open_orders(order.symbol).pop(order.order_id, None)
        settlement.release(market, order)
        self.touch(order.account)
