"""BUYING_POWER: what orders can cost is there, of the venue's balances or of what may be spent in a day."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.book import Book
from gateway.domain.funds import Assets, Balance, Funds, binds
from gateway.domain.risk import BadLimitError, RuleBook, make_limit
from gateway.domain.risk.controls import CONTROLS
from gateway.domain.session_profile import Account
from gateway.domain.totals import FIRM, Scope
from gateway.domain.values import OrdType, Side
from gateway.domain.venue_reports import Operation
from tests.fixtures.domain_desk import VENUE_ACCOUNT, DomainDesk, Told, profile
from tests.fixtures.risk import judged, last_text, limit, limited, replacing, terms
from tests.unit.risk.test_prices import MARKET, Venue, desk_with

D = Decimal
MS = 1_000_000
SELL = terms(side=Side.SELL)
OTHER = Account(name="OTHER", venue_account=VENUE_ACCOUNT)


class Wallet:
    """What the venue says an account has."""

    def __init__(self, **free: str) -> None:
        self.held: dict[str, Balance] | None = {asset: Balance(asset, D(n), D(0)) for asset, n in free.items()}

    def says(self, asset: str, free: str, locked: str = "0", at_ms: int = 0) -> None:
        assert self.held is not None
        self.held[asset] = Balance(asset, D(free), D(locked), at_ms)

    def fill(self, desk: DomainDesk) -> DomainDesk:
        self.connect(desk.book)
        return desk

    def connect(self, book: Book) -> None:
        book.risk.connect_funds(
            assets=lambda _, symbol: Assets(symbol[:3], symbol[3:]),
            balances=lambda _: self.held,
            venue_accounts={"ACME": VENUE_ACCOUNT, "OTHER": VENUE_ACCOUNT},
        )


def uses(funds: Funds) -> dict[Any, tuple[Decimal, Decimal, Decimal]]:
    """Every sum, by pool and asset."""
    found = {key: (use.buys, use.sells, use.spent) for key, use in funds._uses.items()}
    return {key: sums for key, sums in found.items() if any(sums)}


def passes(desk: DomainDesk, cl_ord_id: str, qty: str = "10", price: str | None = "100", **fields: Any) -> bool:
    desk.new(cl_ord_id, qty, price, **fields)
    return desk.order(cl_ord_id).is_open


@pytest.mark.parametrize("text", ["venue", "venue +0.1%", "100000 USDT", "0.5 BTC, 100 USDT", "100 USDT +0.075%"])
def test_it_is_written_as_a_desk_would(text: str) -> None:
    value = CONTROLS["BUYING_POWER"].value(text)
    assert str(value) == text.replace(" ", "")


@pytest.mark.parametrize(
    "text", ["", "Venue", "100000", "USDT", "0 USDT", "-1 USDT", "1 USDT, 2 USDT", "1 usdt", "venue +0%", "venue 1%"]
)
def test_what_it_cannot_be(text: str) -> None:
    with pytest.raises(BadLimitError, match="it is what orders can cost must be there"):
        limit("BUYING_POWER", text)


def test_it_is_of_accounts_and_the_firm() -> None:
    for scope in (Scope(session="DESK"), Scope("ACME", "", "BTCUSDT"), Scope("ACME", "DESK")):
        with pytest.raises(BadLimitError, match="not of such a scope"):
            make_limit(1, "BUYING_POWER", scope, "venue")


NO = D(0)
BUY_FIGURES = ("USDT", D(100))  # the asset, and what a unit costs


@pytest.mark.parametrize(
    ("text", "order", "figures", "denial"),
    [
        # venue: free, locked, spent and not told yet, bound by buys and by sells
        ("venue", terms(), (*BUY_FIGURES, D(1000), NO, NO, NO, NO, ""), None),
        ("venue", terms(), (*BUY_FIGURES, D("999.99"), NO, NO, NO, NO, ""), "available=999.99"),
        ("venue", terms(), (*BUY_FIGURES, D(1000), D(500), NO, D(500), NO, ""), None),  # the venue has all orders
        ("venue", terms(), (*BUY_FIGURES, D(1500), NO, NO, D(500), NO, ""), None),  # it has none of them yet
        ("venue", terms(), (*BUY_FIGURES, D(1500), NO, NO, D(400), D("100.01"), ""), "available=999.99"),
        ("venue", terms(), (*BUY_FIGURES, D(1000), D(500), NO, NO, NO, ""), None),  # somebody else's lock stays
        ("venue", terms(), (*BUY_FIGURES, D(999), D(500), NO, NO, NO, ""), "available=999"),
        ("venue", terms(), (*BUY_FIGURES, D(1400), NO, D("400.01"), NO, NO, ""), "available=999.99"),
        ("venue", terms(), (*BUY_FIGURES, None, None, NO, NO, NO, ""), "balance=not_known"),
        ("venue", terms(), (*BUY_FIGURES, D(5000), NO, NO, NO, NO, "ETHUSDT"), "unknown=ETHUSDT"),
        ("venue +0.1%", terms(), (*BUY_FIGURES, D(1001), NO, NO, NO, NO, ""), None),
        ("venue +0.1%", terms(), (*BUY_FIGURES, D("1000.99"), NO, NO, NO, NO, ""), "available=1000.99"),
        ("venue +0.1%", terms(), (*BUY_FIGURES, D(2002), NO, NO, D(1000), NO, ""), None),
        ("venue +0.1%", terms(), (*BUY_FIGURES, D("2001.99"), NO, NO, D(1000), NO, ""), "available=1000.99"),
        ("venue +0.1%", SELL, ("BTC", D(1), D(10), NO, NO, NO, NO, ""), None),  # what is sold costs no more
        ("venue", SELL, ("BTC", D(1), D("9.99"), NO, NO, NO, NO, ""), "needs=10 available=9.99 asset=BTC"),
        # amounts: spent today, bound by buys and by sells
        ("5000 USDT", terms(), (*BUY_FIGURES, None, None, D(3000), D(600), D(400), ""), None),
        ("5000 USDT", terms(), (*BUY_FIGURES, None, None, D(3000), D(600), D("400.01"), ""), "available=999.99"),
        ("500 USDT", terms(), (*BUY_FIGURES, None, None, D(-500), NO, NO, ""), None),  # sales of the day pay for it
        ("5000 USDT", SELL, ("BTC", D(1), None, None, D(90), NO, D(90), ""), None),  # not limited
        ("5000 USDT, 10 BTC", SELL, ("BTC", D(1), None, None, NO, NO, D("0.01"), ""), "available=9.99 asset=BTC"),
        # replaces need what they add, and nothing where they add nothing
        ("venue", replacing(adds=D(0)), (*BUY_FIGURES, NO, NO, NO, D(1000), NO, ""), None),
        ("venue", replacing(adds=D(50)), (*BUY_FIGURES, D(50), D(1000), NO, D(1000), NO, ""), None),
        ("venue", replacing(adds=D("50.01")), (*BUY_FIGURES, D(50), D(1000), NO, D(1000), NO, ""), "needs=50.01"),
        ("venue", replacing(side=Side.SELL, opens_qty="1"), ("BTC", D(1), D(1), D(10), NO, NO, D(10), ""), None),
        ("venue", replacing(side=Side.SELL, opens_qty="2"), ("BTC", D(1), D(1), D(10), NO, NO, D(10), ""), "needs=2"),
    ],
)
def test_what_is_needed_and_what_is_there(text: str, order: Any, figures: Any, denial: str | None) -> None:
    found = judged("BUYING_POWER", text, order, figures)
    assert found is None if denial is None else denial in str(found), found


def test_a_denial_shows_its_figures() -> None:
    text = judged("BUYING_POWER", "5000 USDT +0.1%", terms(), (*BUY_FIGURES, None, None, D(4500), NO, NO, ""))
    assert text == "BUYING_POWER limit=5000USDT+0.1% needs=1001 available=500 asset=USDT account=ACME"


def test_orders_of_all_accounts_of_a_venue_account_share_its_balances() -> None:
    wallet = Wallet(USDT="2500", BTC="3")
    desk = wallet.fill(limited(limit("BUYING_POWER", "venue", FIRM)))
    assert passes(desk, "A")
    desk.profile = profile(OTHER)
    assert passes(desk, "B")
    assert not passes(desk, "C", "5.01")
    assert last_text(desk) == "BUYING_POWER limit=venue needs=501 available=500 asset=USDT scope=firm"
    assert passes(desk, "D", "3", side=Side.SELL)
    assert not passes(desk, "E", "0.01", side=Side.SELL)
    desk.hear(Told().unknown(Operation.PLACE))  # A may be there or not
    assert not passes(desk, "F", "5.01")
    wallet.says("USDT", "1500", "1000", at_ms=1)  # B is, says the venue: nothing changes
    assert not passes(desk, "G", "5.01")
    assert passes(desk, "H", "5")


def test_only_accounts_that_are_limited_are_asked_and_an_amount_can_bind_as_well() -> None:
    wallet = Wallet(USDT="5000")
    desk = wallet.fill(limited(("BUYING_POWER", "1000 USDT"), limit("BUYING_POWER", "venue", FIRM, 2)))
    assert not passes(desk, "A", "10.01")
    assert last_text(desk).startswith("BUYING_POWER limit=1000USDT needs=1001 available=1000")
    desk.profile = profile(OTHER)
    assert passes(desk, "B", "45")
    desk.profile = profile()
    assert not passes(desk, "C", "5.01")
    assert last_text(desk).startswith("BUYING_POWER limit=venue needs=501 available=500")


def test_what_executions_took_counts_until_the_venue_tells_it() -> None:
    wallet = Wallet(USDT="2000")
    desk = wallet.fill(limited(("BUYING_POWER", "venue")))
    desk.new("X")
    fee: dict[str, Any] = {"commission": D(1), "commission_currency": "BNB"}
    desk.hear(Told().traded("T1", "10", transact_time=7 * MS, **fee))  # the balances are those of before
    assert not passes(desk, "A", "10.01")
    wallet.says("USDT", "1500", at_ms=6)  # told before it
    assert not passes(desk, "B", "5.01")
    wallet.says("USDT", "1000", at_ms=7)
    assert passes(desk, "C", "10")
    wallet.says("BNB", "1", at_ms=6)
    assert desk.book.risk.funds.unheard(VENUE_ACCOUNT, "BNB") == 1
    # What was bought can be sold once the venue says that it is there.
    assert not passes(desk, "D", "1", side=Side.SELL)
    wallet.says("BTC", "9.99", at_ms=8)
    assert passes(desk, "E", "9.99", side=Side.SELL)


def test_without_balances_nothing_is_bought() -> None:
    wallet = Wallet()
    wallet.held = None
    desk = wallet.fill(limited(("BUYING_POWER", "venue")))
    desk.new("X", "1")
    assert last_text(desk) == "BUYING_POWER limit=venue asset=USDT balance=not_known account=ACME"


def test_an_amount_is_for_a_day_and_sales_and_busts_give_it_back() -> None:
    desk = Wallet().fill(limited(("BUYING_POWER", "1000 USDT")))
    desk.new("X")
    desk.hear(Told().traded("T1", "4", "90", commission=D(1), commission_currency="USDT"))
    assert not passes(desk, "A", "0.3901")  # 360 and 1 spent, 600 bound
    assert passes(desk, "B", "0.39")
    desk.hear(Told().busted("T1"))  # the order is open for that again
    assert not passes(desk, "C", "0.01", "0.01")
    desk.cancel("Y", "X")
    desk.hear(Told().canceled("0"))
    assert not passes(desk, "D", "9.6001")
    assert passes(desk, "E", "9.6")
    desk.cancel("F", "E")  # cancels are never asked
    desk.book.roll_day(desk.now)
    assert desk.book.risk.funds.use(("account", "ACME"), "USDT").spent == 0


def test_a_market_order_costs_the_reference_and_the_collar_as_long_as_it_is_open() -> None:
    venue, wallet = Venue(), Wallet(USDT="2210")
    desk = wallet.fill(desk_with(venue, limit("BUYING_POWER", "venue"), limit("PRICE_COLLAR", "10%", limit_id=2)))
    desk.new("X", **MARKET)
    assert last_text(desk) == "NO_REFERENCE_PRICE buying_power=venue ord_type=MARKET account=ACME"
    venue.says("BTCUSDT", "100", "100")
    assert passes(desk, "A", **MARKET)
    assert binds(desk.order("A")) == 1100
    venue.says("BTCUSDT", "50", "50")
    assert not passes(desk, "B", "20.19", **MARKET)
    assert last_text(desk) == "BUYING_POWER limit=venue needs=1110.45 available=1110 asset=USDT account=ACME"
    replayed = desk.replayed()
    assert binds(next(o for o in replayed.orders.values() if o.cl_ord_id == "A")) == 1100
    assert passes(desk, "C", "1", ord_type=OrdType.STOP, price=None, stop_px=D(110))
    assert binds(desk.order("C")) == 110
    free = desk_with(Venue(), limit("BUYING_POWER", "venue"), without="unpriced")
    assert passes(Wallet().fill(free), "Y", **MARKET)


def test_replaces_need_what_they_add() -> None:
    wallet = Wallet(USDT="1500", BTC="11")
    desk = wallet.fill(limited(("BUYING_POWER", "venue")))
    desk.new("X")
    desk.hear(Told().accepted())
    desk.hear(Told().traded("T1", "4"))
    wallet.says("USDT", "500", "600", at_ms=1)
    desk.replace("R1", "X", "10", "183.34")  # 6 are left
    assert last_text(desk) == "BUYING_POWER limit=venue needs=500.04 available=500 asset=USDT account=ACME"
    desk.replace("R2", "X", "10", "183.33")
    assert binds(desk.order("X")) == D("1099.98")
    desk.replace("R3", "R2", "9", "183.33")  # only less: it is not asked, though nothing is left
    desk.replace("R4", "R3", "12", "90")
    assert desk.order("X").requests[-1].cl_ord_id == "R4"  # costs less than what is asked for already
    wallet.says("USDT", "0", "0", at_ms=2)
    desk.cancel("C", "R4")
    assert desk.order("X").requests[-1].cl_ord_id == "C"


def test_a_limit_that_is_set_later_knows_what_is_open_and_spent() -> None:
    wallet = Wallet(USDT="5000")
    desk = wallet.fill(DomainDesk())
    desk.new("X")
    desk.hear(Told().traded("T1", "4", "90"))
    desk.book.risk.change([limit("BUYING_POWER", "1000 USDT")])
    assert not passes(desk, "A", "0.4001")
    assert last_text(desk) == "BUYING_POWER limit=1000USDT needs=40.01 available=40 asset=USDT account=ACME"


def test_what_nobody_knows_the_assets_of_is_not_covered() -> None:
    wallet = Wallet(USDT="5000")
    desk = wallet.fill(limited(("BUYING_POWER", "venue")))
    desk.new("X")
    book = desk.replayed()  # a start: the venue is not connected yet
    desk.book = book
    asked: dict[str, Assets] = {}
    book.risk.connect_funds(
        assets=lambda _, symbol: asked.get(symbol), balances=lambda _: wallet.held, venue_accounts={"ACME": "main"}
    )
    assert not passes(desk, "A", "1")
    assert last_text(desk) == "BUYING_POWER limit=venue asset=USDT unknown=BTCUSDT account=ACME"
    asked["BTCUSDT"] = Assets("BTC", "USDT")
    assert not passes(desk, "B", "40.01")
    assert passes(desk, "C", "40")


STEP = st.tuples(
    st.sampled_from(
        ("buy", "buy", "sell", "market", "fill", "fill", "fill", "accept", "replace", "cancel", "lose", "bust", "day")
    ),
    st.integers(1, 30),
    st.integers(80, 120),
    st.integers(0, 1_000),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, min_size=5, max_size=40))
def test_nothing_is_promised_twice(steps: list[tuple[str, int, int, int]]) -> None:
    """Whatever happens, sums are those of the open orders; and what is bound and paid is less than there was."""
    venue = Venue(max_age=10**18)
    venue.says("BTCUSDT", "100", "100")
    made = [limit("BUYING_POWER", "venue"), limit("BUYING_POWER", "20000 USDT, 500 BTC", FIRM, 2)]
    desk, told, trades = desk_with(venue, *made), dict[str, tuple[str, Told]](), 0
    wallet = Wallet(USDT="3000", BTC="30")
    wallet.fill(desk)  # the venue tells nothing new
    gone, busted = {side: D(0) for side in Side}, False
    for number, (what, qty, px, pick) in enumerate(steps):
        orders = [order for order in desk.book.orders.values() if order.is_open and order.legs]
        if what in ("buy", "sell", "market"):
            side = Side.SELL if what == "sell" else Side.BUY
            fields = MARKET if what == "market" else {"price": str(px)}
            desk.new(f"N{number}", str(qty), side=side, **fields)
        elif what == "day":
            desk.book.roll_day(desk.now)
        elif orders:
            order = orders[pick % len(orders)]
            about = Told(len(order.legs), int(order.order_id[1:]))
            if what == "replace" and order.terms.price is not None:
                desk.replace(f"R{number}", order.cl_ord_id, str(qty), str(px))
            elif what == "cancel":
                desk.cancel(f"C{number}", order.cl_ord_id)
            elif what == "fill" and order.legs[-1].is_working:
                trades += 1
                left = order.legs[-1].qty - order.legs[-1].cum_qty
                told[f"T{trades}"] = (order.order_id, about)
                fee: dict[str, Any] = {"commission": D("0.5"), "commission_currency": "BNB", "transact_time": MS}
                last = min(left, D(qty))
                gone[order.side] += last * 80 if order.side is Side.BUY else last
                desk.hear(about.traded(f"T{trades}", str(last), "80", **fee))
            elif what == "accept" and not order.acknowledged:
                desk.hear(about.accepted())
            elif what == "lose":
                desk.hear(about.canceled(str(order.legs[-1].cum_qty)))
            elif what == "bust" and told:
                busted = True  # what was executed may be open again, beyond what is there
                trade = sorted(told)[pick % len(told)]
                desk.hear(told.pop(trade)[1].busted(trade))
        funds = desk.book.risk.funds
        cost = {side: D(0) for side in Side}
        for order in desk.book.orders.values():
            cost[order.side] += binds(order)
        for pool in (("venue", VENUE_ACCOUNT), ("account", "ACME"), ("", "")):
            assert (funds.use(pool, "USDT").buys, funds.use(pool, "BTC").sells) == (cost[Side.BUY], cost[Side.SELL])
        if not busted:
            assert cost[Side.BUY] + gone[Side.BUY] <= 3000
            assert cost[Side.SELL] + gone[Side.SELL] <= 30
    again = Book(RuleBook(made))
    for position, event in enumerate(desk.journal, 1):
        again.fold(position, event)
    again.risk.ledger = desk.book.risk.ledger  # as the store brings it back
    wallet.connect(again)
    assert uses(again.risk.funds) == uses(desk.book.risk.funds)
