"""`scripts/bench risk`: what all checks of one order cost, and whether that grows with the orders that are open.

10,000 limits of every kind of scope, 1,000 accounts, orders of random accounts and symbols. Timed is what the engine
does for a new order between decoding and deciding: find what applies, look at the figures, judge them.
"""

import gc
import random
import statistics
import time
from collections.abc import Iterator
from decimal import Decimal

from gateway.domain import events as e
from gateway.domain.book import Book
from gateway.domain.funds import Assets, Balance
from gateway.domain.instruments import Instrument
from gateway.domain.prices import Prices, Quote
from gateway.domain.risk import Limit, OrderTerms, RuleBook, Snapshot, check_order, make_limit
from gateway.domain.totals import FIRM, Scope
from gateway.domain.values import OrdType, Side, TimeInForce
from gateway.venues.binance.adapter import BinanceVenue

ACCOUNTS = 1_000
LIMITS = 10_000
SYMBOLS = [f"SYM{n}USDT" for n in range(50)]
OPEN = (100, 1_000, 10_000, 100_000)
ORDERS = 20_000
_SECOND = 1_000_000_000
_APART = 1_000_000  # between two orders: 1,000 a second
_START = 1_784_548_800 * _SECOND  # a Monday

_OF_ALL = {
    "MARKET_HOURS": "00:00-24:00",
    "SIDE_NOT_ALLOWED": "sell",
    "ORDER_TYPE_NOT_ALLOWED": "stop",
    "REPEATED_EXECUTION": "1000/1s",
    "MAX_ORDER_QTY": "1000",
    "MAX_ORDER_NOTIONAL": "100000000",
    "MIN_ORDER_NOTIONAL": "1",
    "PRICE_COLLAR": "1000%",
    "FAT_FINGER": "1000x/20",
    "SELF_TRADE": "refuse",
    "DUPLICATE_ORDER": "1ms",
    "SHORT_SALE": "yes",
    "MAX_GROSS_EXPOSURE": "1000000000000",
    "MAX_NET_EXPOSURE": "1000000000000",
    "BUYING_POWER": "venue",
    "MAX_DAILY_LOSS": "1000000000000",
    "MAX_OPEN_ORDERS": "1000000",
    "MAX_ORDERS_PER_DAY": "100000000",
    "ORDER_RATE": "1000000/1s",
    "CANCEL_RATIO": "100%/999999999",
}
_OF_EACH = {
    "MAX_ORDER_QTY": "900",
    "MAX_ORDER_NOTIONAL": "90000000",
    "MAX_POSITION": "100000000",
    "MAX_OPEN_ORDERS": "900000",
    "MAX_ORDERS_PER_DAY": "90000000",
    "ORDER_RATE": "900000/1s",
}


def make_limits() -> list[Limit]:
    """Every control for the firm, six for each account, and the rest for accounts in a symbol, sessions and symbols."""
    choose = random.Random(5)

    def texts() -> Iterator[tuple[str, Scope, str]]:
        for code, text in _OF_ALL.items():
            yield code, FIRM, text
        for n in range(ACCOUNTS):
            for code, text in _OF_EACH.items():
                yield code, Scope(f"A{n}"), text
        for symbol in SYMBOLS:
            yield "MAX_POSITION", Scope(symbol=symbol), "1000000000"
        for n in range(100):
            yield "MAX_OPEN_ORDERS", Scope(session=f"S{n}"), "500000"
        while True:
            for n in range(ACCOUNTS):
                yield "MAX_POSITION", Scope(f"A{n}", "", choose.choice(SYMBOLS)), "90000000"

    given = texts()
    return [make_limit(n, *next(given)) for n in range(1, LIMITS + 1)]


class RiskBench:
    """A book with so many open orders, and orders to check against it."""

    def __init__(self, open_orders: int) -> None:
        self.random = random.Random(7)
        self.book = Book(RuleBook(make_limits()))
        self.book.risk.connect_funds(
            assets=lambda _, symbol: Assets(symbol.removesuffix("USDT"), "USDT"),
            balances=lambda _: _BALANCES,
            venue_accounts={f"A{n}": "main" for n in range(ACCOUNTS)},
        )
        self.position = 0
        for number in range(open_orders):
            self.place(number, *self.any_order(), _START)

    def any_order(self) -> tuple[str, str, OrderTerms]:
        """(session, account, terms) of a buy that rests."""
        qty = Decimal(self.random.randint(1, 1_000)) / 10
        terms = OrderTerms(
            symbol=self.random.choice(SYMBOLS),
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            time_in_force=TimeInForce.GTC,
            order_qty=qty,
            price=Decimal(self.random.randint(100_000, 200_000)) / 100,
            stop_px=None,
            post_only=False,
            opens_qty=qty,
        )
        return f"FIX.4.4:FIXGW->S{self.random.randrange(100)}", f"A{self.random.randrange(ACCOUNTS)}", terms

    def place(self, number: int, session: str, account: str, terms: OrderTerms, at: int) -> None:
        """Record an order as the engine does."""
        order_id = f"O{number}"
        received = e.OrderReceived(
            order_id=order_id,
            at=at,
            session=session,
            cl_ord_id=order_id,
            account=account,
            venue_account="main",
            symbol=terms.symbol,
            side=terms.side,
            ord_type=terms.ord_type,
            time_in_force=terms.time_in_force,
            order_qty=terms.order_qty,
            price=terms.price,
            stop_px=None,
            expire_time=None,
            post_only=False,
            remainder_expires=False,
            report_pending_new=False,
            echo=(),
        )
        submitted = e.LegSubmitted(
            order_id=order_id, at=at, leg=1, client_id=order_id, qty=terms.order_qty, price=terms.price, stop_px=None
        )
        for event in (received, submitted):
            self.position += 1
            self.book.fold(self.position, event)

    def check(self, session: str, account: str, terms: OrderTerms, at: int) -> bool:
        """Whether the order passes."""
        instrument = _INSTRUMENTS[terms.symbol]
        rules = self.book.risk.rules(account, session, terms.symbol, at)
        decision = check_order(
            terms,
            instrument=instrument,
            capabilities=BinanceVenue.capabilities,
            rules=rules,
            snapshot=Snapshot(at, instrument, None, _PRICES, rules.collar),
        )
        return decision.denial is None

    def times_us(self) -> list[float]:
        """Of one check each, sorted; the rules of each account and symbol were made before, as they are for all but
        their first order.
        """
        orders = [self.any_order() for _ in range(ORDERS)]
        for session, account, terms in orders:
            self.book.risk.rules(account, session, terms.symbol, _START)
        taken = []
        gc.collect()
        gc.freeze()
        for number, (session, account, terms) in enumerate(orders, 1):
            at = _START + number * _APART
            started = time.perf_counter_ns()
            passed = self.check(session, account, terms, at)
            taken.append((time.perf_counter_ns() - started) / 1000)
            assert passed
        gc.unfreeze()
        return sorted(taken)


_INSTRUMENTS = {
    symbol: Instrument(
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        tick_size=Decimal("0.01"),
        min_price=Decimal("0.01"),
        qty_step=Decimal("0.1"),
        min_qty=Decimal("0.1"),
    )
    for symbol in SYMBOLS
}

_BALANCES = {"USDT": Balance("USDT", Decimal(10**15), Decimal(0))}
_QUOTES = {symbol: Quote(Decimal("1499.99"), Decimal("1500.01"), _START, "bench") for symbol in SYMBOLS}
_PRICES = Prices(_QUOTES.get, _INSTRUMENTS.get, currency="USDT", max_age=1 << 62)


def bench_risk() -> dict[str, float]:
    """Print the table; the figures by their JSON keys."""
    figures: dict[str, float] = {}
    print(f"all checks of one order, us, with {LIMITS:,} limits and {ACCOUNTS:,} accounts:")
    for open_orders in OPEN:
        bench = RiskBench(open_orders)
        checks = len(bench.book.risk.rules("A1", "FIX.4.4:FIXGW->S1", SYMBOLS[0], _START).checks)
        times = bench.times_us()
        p50, p99 = statistics.median(times), times[len(times) * 99 // 100]
        figures |= {f"risk_p50_us_{open_orders}_open": p50, f"risk_p99_us_{open_orders}_open": p99}
        print(f"  {open_orders:>7,} open orders   p50 {p50:>6.1f}   p99 {p99:>6.1f}   ({checks} limits apply)")
    growth = figures[f"risk_p50_us_{OPEN[-1]}_open"] / figures[f"risk_p50_us_{OPEN[0]}_open"]
    figures["risk_growth"] = growth
    print(f"  growth of p50 from {OPEN[0]:,} to {OPEN[-1]:,} open orders: {growth:.2f}")
    return figures
