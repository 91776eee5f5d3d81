"""Matching without any I/O: order types, times in force, stops, self-trade prevention, money."""

from decimal import Decimal

import pytest

from gateway.simulator.accounts import Account, sandbox_accounts
from gateway.simulator.errors import ApiError
from gateway.simulator.exchange import Exchange
from gateway.simulator.maker import Maker
from gateway.simulator.matching import Prevented
from gateway.simulator.new_order import read
from gateway.simulator.orders import Order, Trade
from gateway.simulator.params import Params
from gateway.simulator.symbols import default_symbols

D = Decimal


class Recorder:
    """Listens to the exchange: one line an execution."""

    def __init__(self) -> None:
        self.lines: list[str] = []

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
        line = f"{order.client_order_id} {kind} {order.status}"
        self.lines.append(line + (f" {trade.qty.normalize():f}@{trade.price.normalize():f}" if trade else ""))

    def balances(self, account: Account, now: int) -> None:
        pass


class Desk:
    """Orders in a few words, on LTCUSDT (tick 0.01, step 0.001, last price 100)."""

    def __init__(self) -> None:
        self.heard = Recorder()
        self.exchange = Exchange(default_symbols(), sandbox_accounts(), self.heard)
        self.main = self.exchange.accounts.by_name["main"]
        self.second = self.exchange.accounts.by_name["second"]
        self.market = self.exchange.markets["LTCUSDT"]

    def order(self, name: str, side: str, kind: str = "LIMIT", account: Account | None = None, **params: str) -> Order:
        given = {"symbol": "LTCUSDT", "side": side, "type": kind, "newClientOrderId": name} | params
        given.setdefault("selfTradePreventionMode", "NONE")
        if kind in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
            given.setdefault("timeInForce", "GTC")
        order = read(self.exchange, account or self.main, Params(given), 1)
        order.order_id = self.exchange.next_order_id()
        self.exchange.place(order, 1)
        return order

    def lines(self) -> list[str]:
        lines, self.heard.lines = self.heard.lines, []
        return lines


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_price_then_time_priority(desk: Desk) -> None:
    for name, price in (("a", "101"), ("b", "100"), ("c", "100"), ("d", "99.5")):
        desk.order(name, "SELL", price=price, quantity="1")
    desk.lines()
    desk.order("t", "BUY", price="100", quantity="2.5", account=desk.second)
    assert desk.lines() == [
        "t NEW NEW",
        "d TRADE FILLED 1@99.5",
        "t TRADE PARTIALLY_FILLED 1@99.5",
        "b TRADE FILLED 1@100",
        "t TRADE PARTIALLY_FILLED 1@100",
        "c TRADE PARTIALLY_FILLED 0.5@100",
        "t TRADE FILLED 0.5@100",
    ]


@pytest.mark.parametrize(
    ("tif", "status", "executed"), [("GTC", "PARTIALLY_FILLED", "1"), ("IOC", "EXPIRED", "1"), ("FOK", "EXPIRED", "0")]
)
def test_times_in_force(desk: Desk, tif: str, status: str, executed: str) -> None:
    desk.order("s", "SELL", price="100", quantity="1")
    order = desk.order("t", "BUY", price="100", quantity="2", timeInForce=tif)
    assert (order.status, order.executed) == (status, D(executed))
    assert len(desk.market.book.bids) == (tif == "GTC")


def test_fill_or_kill_fills_over_several_levels(desk: Desk) -> None:
    desk.order("s1", "SELL", price="100", quantity="1")
    desk.order("s2", "SELL", price="101", quantity="1")
    assert desk.order("t", "BUY", price="101", quantity="2", timeInForce="FOK").status == "FILLED"


def test_market_order_takes_what_there_is(desk: Desk) -> None:
    desk.order("s", "SELL", price="100", quantity="1")
    order = desk.order("t", "BUY", "MARKET", quantity="3")
    assert (order.status, order.executed, order.cum_quote) == ("EXPIRED", D(1), D(100))
    assert desk.main.balance("USDT").locked == 0


def test_market_order_by_quote_quantity(desk: Desk) -> None:
    desk.order("s1", "SELL", price="100", quantity="1")
    desk.order("s2", "SELL", price="110", quantity="1")
    order = desk.order("t", "BUY", "MARKET", quoteOrderQty="160")
    assert (order.status, order.qty, order.cum_quote) == ("FILLED", D("1.545"), D("159.95"))


def test_post_only_rests_or_is_refused(desk: Desk) -> None:
    desk.order("s", "SELL", price="100", quantity="1")
    assert desk.order("p", "BUY", "LIMIT_MAKER", price="99.99", quantity="1").status == "NEW"
    with pytest.raises(ApiError, match="immediately match"):
        desk.order("q", "BUY", "LIMIT_MAKER", price="100", quantity="1")


@pytest.mark.parametrize(
    ("kind", "side", "stop", "trigger"),
    [
        ("STOP_LOSS", "SELL", "95", "94"),
        ("STOP_LOSS", "BUY", "105", "106"),
        ("TAKE_PROFIT", "SELL", "105", "106"),
        ("TAKE_PROFIT", "BUY", "95", "94"),
    ],
)
def test_stops_trigger_on_the_last_price(desk: Desk, kind: str, side: str, stop: str, trigger: str) -> None:
    order = desk.order("stop", side, kind, stopPrice=stop, quantity="1")
    assert (order.is_working, len(desk.market.stops)) == (False, 1)
    other = "SELL" if side == "BUY" else "BUY"
    desk.order("a", other, price="100", quantity="1", account=desk.second)
    desk.order("b", side, price="100", quantity="1", account=desk.second)  # a trade at 100 triggers nothing
    assert not order.is_working
    desk.order("c", other, price=trigger, quantity="2", account=desk.second)
    desk.order("d", side, price=trigger, quantity="1", account=desk.second)
    assert (order.status, order.cum_quote) == ("FILLED", D(trigger))
    assert not desk.market.stops


def test_stop_limit_rests_after_its_trigger_and_a_chain_of_stops_runs(desk: Desk) -> None:
    desk.order("bid", "BUY", price="94", quantity="1")
    first = desk.order("first", "SELL", "STOP_LOSS", stopPrice="95", quantity="1")
    second = desk.order("second", "SELL", "STOP_LOSS_LIMIT", stopPrice="94.5", price="94.2", quantity="1")
    desk.order("low", "BUY", price="95", quantity="1", account=desk.second)
    desk.lines()
    desk.order("hit", "SELL", price="95", quantity="1", account=desk.second)
    assert desk.lines() == [
        "hit NEW NEW",
        "low TRADE FILLED 1@95",
        "hit TRADE FILLED 1@95",
        "first NEW NEW",
        "bid TRADE FILLED 1@94",
        "first TRADE FILLED 1@94",
        "second NEW NEW",
    ]
    assert first.status == "FILLED"
    assert second.is_working
    assert desk.market.book.asks.best() is second


@pytest.mark.parametrize(
    ("mode", "taker", "maker"),
    [
        ("NONE", "FILLED", "FILLED"),
        ("EXPIRE_TAKER", "EXPIRED_IN_MATCH", "NEW"),
        ("EXPIRE_MAKER", "NEW", "EXPIRED_IN_MATCH"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
    ],
)
def test_self_trade_prevention(desk: Desk, mode: str, taker: str, maker: str) -> None:
    resting = desk.order("m", "SELL", price="100", quantity="1")
    taking = desk.order("t", "BUY", price="100", quantity="1", selfTradePreventionMode=mode)
    assert (taking.status, resting.status) == (taker, maker)
    assert desk.main.balance("LTC").locked == (1 if maker == "NEW" else 0)
    strangers = desk.order("s", "BUY", price="90", quantity="1", account=desk.second)
    assert strangers.status == "NEW"


def test_better_price_gives_the_difference_back(desk: Desk) -> None:
    desk.order("s", "SELL", price="90", quantity="1", account=desk.second)
    desk.order("t", "BUY", price="100", quantity="2")
    usdt = desk.main.balance("USDT")
    assert (usdt.free, usdt.locked) == (D(100_000_000) - 190, D(100))
    assert desk.main.balance("LTC").free == D(1_000_000) + D("0.999")
    assert desk.second.balance("USDT").free == D(100_000_000) + 90 - D("0.09")


def test_amend_frees_money_and_keeps_the_place_in_the_queue(desk: Desk) -> None:
    first = desk.order("first", "BUY", price="90", quantity="3")
    desk.order("second", "BUY", price="90", quantity="1")
    desk.exchange.amend(first, D(2), 2, "renamed")
    assert desk.main.balance("USDT").locked == 270
    assert desk.market.book.bids.best() is first
    assert desk.main.by_client_id["LTCUSDT", "renamed"] is first
    assert ("LTCUSDT", "first") not in desk.main.by_client_id


def test_a_refused_order_changes_nothing(desk: Desk) -> None:
    desk.main.balance("USDT").free = D(100)
    with pytest.raises(ApiError, match="insufficient"):
        desk.order("t", "BUY", price="90", quantity="2")
    assert (desk.main.balance("USDT").free, desk.exchange.orders, desk.lines()) == (D(100), {}, [])


def quotes(seed: int) -> list[tuple[Decimal, Decimal]]:
    exchange = Exchange(default_symbols(), sandbox_accounts(), Recorder(), seed=seed)
    maker = Maker(exchange, seed)
    seen = []
    for step in range(50):
        maker.step(step)
        book = exchange.markets["BTCUSDT"].book
        seen += book.bids.depth(5) + book.asks.depth(5)
    return seen


def test_the_market_maker_repeats_itself_under_a_seed_and_moves() -> None:
    assert quotes(3) == quotes(3)
    assert quotes(3) != quotes(4)
    assert len({price for price, _ in quotes(3)}) > 50


def test_the_market_maker_trades_with_resting_orders_it_passes() -> None:
    desk = Desk()
    maker = Maker(desk.exchange, 1)
    maker.step(1)
    order = desk.order("b", "BUY", price="99.5", quantity="1")
    maker.move_to(desk.market, D(99), 2)
    assert order.status == "FILLED"
    assert desk.exchange.maker.trades == []
    taken = desk.market.book.asks.best()
    assert taken is not None
    desk.order("t", "BUY", "MARKET", quantity=str(taken.qty))
    assert taken.status == "FILLED"
    maker.step(3)
    assert taken.status == "FILLED"
