"""Whatever orders come: quantity and money are conserved, priority is kept, the book is never crossed."""

from decimal import Context, Decimal, Inexact, localcontext

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.simulator.accounts import Account, Accounts
from gateway.simulator.errors import ApiError
from gateway.simulator.exchange import Exchange
from gateway.simulator.matching import Prevented
from gateway.simulator.orders import OPEN_STATUSES, Order, Trade
from gateway.simulator.symbols import STP_MODES, default_symbols

D = Decimal
START = {"USDT": D(3000), "LTC": D(30)}
KINDS = ("LIMIT", "LIMIT", "LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
PRICES = st.integers(9500, 10500).map(lambda cents: D(cents) / 100)
QUANTITIES = st.integers(1, 5000).map(lambda steps: D(steps) / 1000)


class Watcher:
    """Checks each execution as it is told."""

    def __init__(self) -> None:
        self.last_executed: dict[Order, Decimal] = {}
        self.ended: set[Order] = set()
        self.events = 0

    def execution(
        self,
        order: Order,
        kind: str,
        now: int,
        execution_id: int,
        trade: Trade | None = None,
        orig_client_order_id: str = "",
        prevented: Prevented | None = None,
    ) -> None:
        self.events += 1
        assert execution_id == self.events
        assert order not in self.ended, "nothing happens to an order after its end"
        if order.status not in OPEN_STATUSES:
            self.ended.add(order)
        before = self.last_executed.get(order, D(0))
        assert order.executed == before + (trade.qty if trade else 0)
        assert 0 <= order.executed <= order.qty
        self.last_executed[order] = order.executed
        if trade and order.price:
            good = trade.price <= order.price if order.is_buy else trade.price >= order.price
            assert good, "never worse than the limit"

    def balances(self, account: Account, now: int) -> None:
        for balance in account.balances.values():
            assert balance.free >= 0
            assert balance.locked >= 0


class ExchangeMachine(RuleBasedStateMachine):
    """Three accounts trade one symbol in every way there is."""

    def __init__(self) -> None:
        super().__init__()
        self.accounts = Accounts()
        for name in ("a", "b", "c"):
            self.accounts.add(name, dict(START))
        self.watcher = Watcher()
        symbols = [symbol for symbol in default_symbols() if symbol.name == "LTCUSDT"]
        self.exchange = Exchange(symbols, self.accounts, self.watcher)
        self.market = self.exchange.markets["LTCUSDT"]

    def open_orders(self) -> list[Order]:
        return [one for acc in self.accounts.by_name.values() for one in acc.open_orders("LTCUSDT").values()]

    @rule(
        who=st.sampled_from("abc"),
        side=st.sampled_from(("BUY", "SELL")),
        kind=st.sampled_from(KINDS),
        tif=st.sampled_from(("GTC", "GTC", "IOC", "FOK")),
        price=PRICES,
        stop=PRICES,
        qty=QUANTITIES,
        mode=st.sampled_from(STP_MODES),
    )
    def place(
        self, who: str, side: str, kind: str, tif: str, price: Decimal, stop: Decimal, qty: Decimal, mode: str
    ) -> None:
        order_id = self.exchange.next_order_id()
        order = Order(
            order_id=order_id,
            account=self.accounts.by_name[who],
            symbol="LTCUSDT",
            client_order_id=f"o{order_id}",
            side=side,
            type=kind,
            time_in_force=tif if kind.endswith("LIMIT") else "GTC",
            price=price if "LIMIT" in kind else D(0),
            qty=qty,
            time_ms=0,
            stop_price=stop if kind.startswith(("STOP", "TAKE")) else D(0),
            stp_mode=mode,
        )
        order.stop_above = (side == "BUY") == kind.startswith("STOP_LOSS")
        ahead = list(self.market.book.opposite(order).orders())
        executed = {one: one.executed for one in ahead}
        # No sum or product may be rounded; only commissions are, by an explicit quantize.
        with localcontext(Context(prec=28, traps=[Inexact])):
            try:
                self.exchange.place(order, 0)
            except ApiError:
                assert order.executed == 0
                assert order.order_id not in self.exchange.orders
                return
        if order.awaits_trigger or self.market.stops:
            return
        # Priority: an order further back has traded only if all before it are done.
        traded = [one.executed > executed[one] for one in ahead]
        for index, one in enumerate(ahead):
            if any(traded[index + 1 :]):
                assert not one.is_open

    @precondition(lambda self: self.open_orders())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.open_orders()))
        self.exchange.cancel(order, 0)
        assert order.locked == 0

    @precondition(lambda self: self.open_orders())
    @rule(data=st.data(), part=st.integers(1, 9))
    def amend(self, data: st.DataObject, part: int) -> None:
        order = data.draw(st.sampled_from(self.open_orders()))
        new_qty = order.executed + (order.leaves * part / 10).quantize(D("0.001"))
        if order.executed < new_qty < order.qty:
            self.exchange.amend(order, new_qty, 0, None)

    @invariant()
    def book_is_not_crossed_and_holds_open_orders_only(self) -> None:
        book = self.market.book
        bid, ask = book.bids.best_price(), book.asks.best_price()
        assert bid is None or ask is None or bid < ask
        resting = [*book.bids.orders(), *book.asks.orders()]
        assert all(one.is_open and one.leaves > 0 for one in resting)
        expected = {one for one in self.open_orders() if not one.awaits_trigger}
        assert set(resting) == expected
        for side in (book.bids, book.asks):
            queue = [(one.price if side is book.asks else -one.price) for one in side.orders()]
            assert queue == sorted(queue)

    @invariant()
    def money_is_conserved(self) -> None:
        fees = {"USDT": D(0), "LTC": D(0)}
        for trade in self.exchange.trades:
            fees[trade.commission_asset] += trade.commission
        for asset, start in START.items():
            held = sum(
                (acc.balance(asset).free + acc.balance(asset).locked for acc in self.accounts.by_name.values()),
                start=D(0),
            )
            assert held + fees[asset] == start * 3

    @invariant()
    def locks_are_those_of_open_orders(self) -> None:
        for account in self.accounts.by_name.values():
            locked = {"USDT": D(0), "LTC": D(0)}
            for order in account.open_orders("LTCUSDT").values():
                locked["USDT" if order.is_buy else "LTC"] += order.locked
            assert all(account.balance(asset).locked == amount for asset, amount in locked.items())
            assert all(balance.free >= 0 for balance in account.balances.values())

    @invariant()
    def both_sides_of_every_trade_agree(self) -> None:
        sides: dict[int, list[Trade]] = {}
        for trade in self.exchange.trades:
            sides.setdefault(trade.trade_id, []).append(trade)
        for pair in sides.values():
            assert len(pair) == 2
            assert pair[0].qty == pair[1].qty
            assert pair[0].price == pair[1].price
            assert {one.is_maker for one in pair} == {True, False}
            assert {one.order.side for one in pair} == {"BUY", "SELL"}


TestExchange = ExchangeMachine.TestCase
TestExchange.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
