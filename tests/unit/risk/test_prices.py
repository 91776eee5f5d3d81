"""Controls that need the market's price: collars, market orders, exposure; and what happens without one."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.instruments import Instrument
from gateway.domain.prices import Prices, Quote
from gateway.domain.risk import BadLimitError, make_limit
from gateway.domain.risk.exposure import gross_qty
from gateway.domain.risk.terms import UNPRICED, Snapshot
from gateway.domain.risk.worth import REVALUE_EVERY, Worth
from gateway.domain.totals import FIRM, Scope, Totals
from gateway.domain.values import OrdType, Side
from tests.fixtures.domain_desk import SYMBOL, DomainDesk, Told
from tests.fixtures.risk import judged, last_text, limit, limited, replacing, terms

SECOND = 1_000_000_000
D = Decimal
SYMBOLS = (False, False, True)  # totals of symbols
TICK = D("0.1")
MARKET: dict[str, Any] = {"ord_type": OrdType.MARKET, "price": None}


class Venue:
    """Quotes that a test sets."""

    def __init__(self, max_age: int = 10 * SECOND) -> None:
        self.quotes: dict[str, Quote] = {}
        self.instruments = {
            name: Instrument(symbol=name, base=name[:3], quote=name[3:], tick_size=TICK)
            for name in (SYMBOL, "ETHUSDT", "ETHBTC", "BNBUSDT")
        }
        self.prices = Prices(self.quotes.get, self.instruments.get, currency="USDT", max_age=max_age)

    def says(self, symbol: str, bid: str, ask: str, at: int = 0) -> None:
        self.quotes[symbol] = Quote(D(bid), D(ask), at, "test")


def desk_with(venue: Venue, *limits: Any, without: str | None = None) -> DomainDesk:
    desk = limited(*limits, instrument=venue.instruments[SYMBOL])
    desk.market = type(desk.market)(
        capabilities=desk.capabilities,
        instrument=desk.market.instrument,
        without_reference=without,
        prices=venue.prices,
    )
    return desk


def test_the_reference_is_between_bid_and_ask_and_may_be_too_old() -> None:
    venue = Venue(max_age=100)
    assert (venue.prices.reference(SYMBOL, 0), venue.prices.age(SYMBOL, 0)) == (None, None)
    venue.says(SYMBOL, "99", "100", at=50)
    assert (venue.prices.reference(SYMBOL, 150), venue.prices.age(SYMBOL, 150)) == (D("99.5"), 100)
    assert venue.prices.reference(SYMBOL, 151) is None
    venue.says(SYMBOL, "0", "100", at=50)
    assert venue.prices.reference(SYMBOL, 60) == 100
    venue.says(SYMBOL, "0", "0", at=50)
    assert venue.prices.reference(SYMBOL, 60) is None


def test_everything_is_worth_something_in_one_currency() -> None:
    venue = Venue()
    venue.says(SYMBOL, "50000", "50000")
    venue.says("ETHBTC", "0.05", "0.05")
    venue.says("USDTEUR", "0.8", "0.8")
    assert venue.prices.unit(SYMBOL, 0) == 50000
    assert venue.prices.unit("ETHBTC", 0) == 2500
    assert venue.prices.unit("BNBUSDT", 0) is None
    assert [venue.prices.rate(asset, 0) for asset in ("USDT", "BTC", "EUR", "XYZ")] == [1, 50000, D("1.25"), None]


@pytest.mark.parametrize(
    ("collar", "order", "denial"),
    [
        ("5%", terms(price="105"), None),
        ("5%", terms(price="105.01"), "PRICE_COLLAR limit=5% price=105.01 reference=100 account=ACME"),
        ("5%", terms(price="1"), None),  # cheap is no danger to a buyer
        ("5%", terms(price="95", side=Side.SELL), None),
        ("5%", terms(price="94.99", side=Side.SELL), "PRICE_COLLAR limit=5% price=94.99 reference=100 account=ACME"),
        ("20t", terms(price="102"), None),
        ("20t", terms(price="102.1"), "PRICE_COLLAR limit=20t price=102.1 reference=100 account=ACME"),
        ("buy=1% sell=20t", terms(price="101.1"), "PRICE_COLLAR limit=1% price=101.1 reference=100 account=ACME"),
        ("buy=1% sell=20t", terms(price="98", side=Side.SELL), None),
        ("sell=1%", terms(price="200"), None),
        ("5%", terms(**MARKET), None),
        ("5%", replacing(price="106"), "PRICE_COLLAR limit=5% price=106 reference=100 account=ACME"),
    ],
)
def test_collars(collar: str, order: Any, denial: str | None) -> None:
    assert judged("PRICE_COLLAR", collar, order, (D(100), TICK, 0)) == denial


@pytest.mark.parametrize("text", ["5", "%", "x%", "buy=5", "both=5%", "0%"])
def test_collars_that_cannot_be_applied(text: str) -> None:
    with pytest.raises(BadLimitError, match="PRICE_COLLAR"):
        make_limit(1, "PRICE_COLLAR", FIRM, text)


def test_a_stop_limit_is_compared_with_its_own_stop_price() -> None:
    venue = Venue()
    venue.says(SYMBOL, "100", "100")
    desk = desk_with(venue, ("PRICE_COLLAR", "5%"))
    desk.new("X", "1", "126", stop_px=D(120), ord_type=OrdType.STOP_LIMIT)
    assert desk.order("X").is_open
    desk.new("Y", "1", "126.1", stop_px=D(120), ord_type=OrdType.STOP_LIMIT)
    assert last_text(desk) == "PRICE_COLLAR limit=5% price=126.1 reference=120 account=ACME"


def test_a_price_that_is_missing_or_stale_refuses_or_passes_with_a_warning_as_configured() -> None:
    venue = Venue(max_age=SECOND)
    desk = desk_with(venue, ("PRICE_COLLAR", "5%"))
    desk.new("X")
    assert last_text(desk) == "NO_REFERENCE_PRICE price_collar=5% account=ACME"
    venue.says(SYMBOL, "100", "100", at=0)
    desk.now = SECOND
    desk.new("Y")
    assert last_text(desk) == "NO_REFERENCE_PRICE price_collar=5% age=1000ms account=ACME"
    desk = desk_with(venue, ("PRICE_COLLAR", "5%"), without=UNPRICED)
    desk.now = SECOND
    desk.new("Z")
    assert desk.order("Z").is_open
    assert desk.decision is not None
    assert [c.text for c in desk.decision.cautions] == [
        f"PRICE_COLLAR passed without a reference price symbol={SYMBOL}"
    ]


def test_a_market_order_is_valued_at_the_reference_and_its_collar() -> None:
    venue = Venue()
    venue.says(SYMBOL, "99", "101")
    desk = desk_with(venue, ("MAX_ORDER_NOTIONAL", "1050"), ("PRICE_COLLAR", "5%"))
    desk.new("X", "10", None, ord_type=OrdType.MARKET)
    assert desk.order("X").is_open
    desk.new("Y", "10.1", None, ord_type=OrdType.MARKET)
    assert last_text(desk) == "MAX_ORDER_NOTIONAL limit=1050 order=1060.5 account=ACME"


def test_gross_exposure_counts_what_every_symbol_could_become() -> None:
    venue = Venue()
    venue.says(SYMBOL, "100", "100")
    venue.says("ETHUSDT", "10", "10")
    desk = desk_with(venue, ("MAX_GROSS_EXPOSURE", "2000"))
    desk.book.risk.totals.hold("ACME", "ETHUSDT", D(-50), "DESK")
    desk.new("X", "10")
    desk.hear(Told(1, 1).traded("T1", "4"))
    desk.new("Y", "5.1")
    assert last_text(desk) == "MAX_GROSS_EXPOSURE limit=2000 worst=2010 now=1500 account=ACME"
    desk.new("Z", "14", side=Side.SELL)  # from 4 held to 10 sold short: no more than 10 bought would be
    assert desk.order("Z").is_open
    desk.new("V", "5.1", side=Side.SELL)
    assert last_text(desk) == "MAX_GROSS_EXPOSURE limit=2000 worst=2010 now=1500 account=ACME"
    venue.says(SYMBOL, "200", "200")
    desk.new("W", "0.1")
    assert last_text(desk) == "MAX_GROSS_EXPOSURE limit=2000 worst=2520 now=2500 account=ACME"


def test_the_firms_gross_does_not_offset_accounts_and_one_symbols_counts_alone() -> None:
    venue = Venue()
    venue.says(SYMBOL, "100", "100")
    venue.says("ETHUSDT", "10", "10")
    firm, in_symbol = limit("MAX_GROSS_EXPOSURE", "1000", FIRM, 1), Scope(symbol=SYMBOL)
    desk = desk_with(venue, firm, limit("MAX_GROSS_EXPOSURE", "900", in_symbol, 2))
    for account, symbol, qty in (("A", SYMBOL, "4"), ("B", SYMBOL, "-4"), ("B", "ETHUSDT", "10")):
        desk.book.risk.totals.hold(account, symbol, D(qty), "DESK")
    desk.new("X", "1")
    assert desk.order("X").is_open
    desk.new("Y", "0.1")
    assert last_text(desk) == "MAX_GROSS_EXPOSURE limit=1000 worst=1010 now=1000 scope=firm"
    desk.book.risk.change([make_limit(3, "MAX_GROSS_EXPOSURE", FIRM, None)])
    desk.new("Z", "8")  # in the symbol itself accounts do offset each other
    assert desk.order("Z").is_open
    desk.new("V", "0.1")
    assert last_text(desk) == f"MAX_GROSS_EXPOSURE limit=900 worst=910 now=900 symbol={SYMBOL}"


def test_net_exposure_offsets_symbols_and_takes_the_orders_side() -> None:
    venue = Venue()
    venue.says(SYMBOL, "100", "100")
    venue.says("ETHUSDT", "10", "10")
    desk = desk_with(venue, ("MAX_NET_EXPOSURE", "500"))
    desk.book.risk.totals.hold("ACME", "ETHUSDT", D(-50), "DESK")
    desk.new("X", "10")
    assert desk.order("X").is_open
    desk.new("Y", "0.1")
    assert last_text(desk) == "MAX_NET_EXPOSURE limit=500 worst=510 now=500 account=ACME"
    desk.new("Z", "0.1", side=Side.SELL)
    assert last_text(desk) == "MAX_NET_EXPOSURE limit=500 worst=510 now=500 account=ACME"


@pytest.mark.parametrize("code", ["MAX_GROSS_EXPOSURE", "MAX_NET_EXPOSURE"])
def test_exposure_needs_the_price_of_everything_that_is_held(code: str) -> None:
    venue = Venue()
    venue.says(SYMBOL, "100", "100")
    desk = desk_with(venue, (code, "5000"))
    desk.book.risk.totals.hold("ACME", "ETHUSDT", D(5), "DESK")
    desk.new("X")
    assert last_text(desk) == f"NO_REFERENCE_PRICE {code.lower()}=5000 of=ETHUSDT account=ACME"
    desk = desk_with(venue, (code, "5000"), without=UNPRICED)
    desk.book.risk.totals.hold("ACME", "ETHUSDT", D(5), "DESK")
    desk.new("X")
    assert desk.order("X").is_open
    assert desk.decision is not None
    assert len(desk.decision.cautions) == 1


@given(st.lists(st.tuples(st.sampled_from(["AUSDT", "BUSDT", "CUSDT"]), st.integers(-5, 5), st.integers(0, 3))))
def test_the_firms_worth_is_what_its_symbols_are_worth_at_the_last_prices(steps: list[tuple[str, int, int]]) -> None:
    venue, totals, at = Venue(max_age=10**18), Totals([SYMBOLS], gross=True), 0
    for number, symbol in enumerate(("AUSDT", "BUSDT", "CUSDT"), 1):
        venue.instruments[symbol] = Instrument(symbol=symbol, base=symbol[0], quote="USDT")
        venue.says(symbol, str(number), str(number))
    symbols = totals.by_symbol(FIRM)
    worth = Worth(symbols, gross_qty, totals.listen())
    for symbol, qty, px in steps:
        totals.hold(f"A{qty % 2}", symbol, D(qty), "DESK")
        if px:  # a price that changes counts from the next valuation on
            at += REVALUE_EVERY
            venue.says(symbol, str(px), str(px), at)
        found, missing = worth.reckon(Snapshot(at, None, None, venue.prices))
        assert missing == ""
        assert found == sum((total.gross * venue.quotes[name].bid for name, total in symbols.items()), D(0))


def test_a_price_between_two_valuations_counts_a_tenth_of_a_second_later() -> None:
    venue, totals = Venue(), Totals([SYMBOLS], gross=True)
    totals.hold("A", SYMBOL, D(2), "DESK")
    worth = Worth(totals.by_symbol(FIRM), gross_qty, totals.listen())
    assert worth.reckon(Snapshot(0, None, None, venue.prices)) == (None, SYMBOL)
    for at, price, expected in ((1, "100", 200), (2, "110", 200), (REVALUE_EVERY + 1, "120", 240)):
        venue.says(SYMBOL, price, price, at)
        assert worth.reckon(Snapshot(at, None, None, venue.prices)) == (expected, "")
