"""Positions, profit and loss, and the daily loss limit: exact, through busts, corrections and restarts."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.positions import Ledger, Position
from gateway.domain.risk import BadLimitError, make_limit
from gateway.domain.totals import FIRM, Scope
from gateway.domain.values import Side
from tests.fixtures.domain_desk import SYMBOL, DomainDesk, Told
from tests.fixtures.risk import last_text, limit
from tests.unit.risk.test_prices import Venue, desk_with

D = Decimal
TRADE = st.tuples(st.integers(-9, 9).filter(bool).map(Decimal), st.integers(1, 2000).map(lambda n: D(n) / 100))


def held(*trades: tuple[str, str]) -> Position:
    ledger = Ledger()
    for qty, px in trades:
        ledger.executed("ACME", SYMBOL, D(qty), D(px))
    return ledger.of("ACME")[SYMBOL]


@pytest.mark.parametrize(
    ("trades", "qty", "cost", "realized"),
    [
        ([("10", "100")], 10, 1000, 0),
        ([("10", "100"), ("10", "110")], 20, 2100, 0),
        ([("10", "100"), ("10", "110"), ("-5", "120")], 15, 1575, 75),
        ([("10", "100"), ("-10", "90")], 0, 0, -100),
        ([("10", "100"), ("-12", "110")], -2, -220, 100),  # through zero
        ([("-10", "100"), ("5", "90")], -5, -500, 50),
        ([("-10", "100"), ("15", "90")], 5, 450, 100),
    ],
)
def test_average_cost(trades: list[tuple[str, str]], qty: int, cost: int, realized: int) -> None:
    position = held(*trades)
    assert (int(position.qty), int(position.cost), int(position.realized)) == (qty, cost, realized)


@given(st.lists(TRADE, max_size=30), st.lists(st.integers(0, 29), max_size=8))
def test_what_is_earned_is_exactly_what_was_paid_and_got_with_trades_taken_back(
    trades: list[tuple[Decimal, Decimal]], back: list[int]
) -> None:
    ledger, left = Ledger(), dict(enumerate(trades))
    for qty, px in trades:
        ledger.executed("ACME", SYMBOL, qty, px)
    for number in back:
        if number in left:
            ledger.taken_back("ACME", SYMBOL, *left.pop(number))
    if not trades:
        return
    paid = sum((Fraction(qty) * Fraction(px) for qty, px in left.values()), Fraction(0))
    for position in (ledger.of("ACME")[SYMBOL], ledger.firm[SYMBOL]):
        assert position.qty == sum((qty for qty, _ in left.values()), D(0))
        assert Fraction(position.cost) - Fraction(position.realized) == paid
        if not position.qty:
            assert position.cost == 0


def test_a_bust_of_the_last_trade_leaves_what_was_before() -> None:
    for last in (("5", "200"), ("-5", "200")):
        before, ledger = held(("10", "100")), Ledger()
        for qty, px in (("10", "100"), last):
            ledger.executed("ACME", SYMBOL, D(qty), D(px))
        ledger.taken_back("ACME", SYMBOL, D(last[0]), D(last[1]))
        now = ledger.of("ACME")[SYMBOL]
        assert (now.qty, now.cost, now.realized) == (before.qty, before.cost, before.realized)


def test_executions_busts_corrections_and_fees_of_orders_are_booked() -> None:
    desk = DomainDesk()
    desk.new("X", "10")
    desk.hear(Told().traded("T1", "4", "100", commission=D("0.001"), commission_currency="BNB"))
    desk.hear(Told().traded("T2", "4", "110", commission=D("0.4"), commission_currency="USDT"))
    desk.hear(Told().traded("T2", "4", "110"))  # told twice
    desk.hear(Told().corrected("T2", "4", "120"))
    desk.hear(Told().busted("T1"))
    position = desk.book.risk.ledger.of("ACME")[SYMBOL]
    assert (position.qty, position.cost, position.realized) == (D(4), D(480), D(0))
    assert position.fees == {"BNB": D("0.001"), "USDT": D("0.4")}
    assert list(desk.replayed().risk.ledger.items()) == list(desk.book.risk.ledger.items())


def loser(venue: Venue, scope: Scope = Scope("ACME"), value: str = "100") -> DomainDesk:  # noqa: B008 - immutable
    """Has bought 10 at 100, for a fee of 0.1 BNB."""
    desk = desk_with(venue, limit("MAX_DAILY_LOSS", value, scope))
    desk.new("X", "10")
    desk.hear(Told().traded("T1", "10", "100", commission=D("0.1"), commission_currency="BNB"))
    return desk


def test_beyond_the_daily_loss_orders_only_reduce() -> None:
    for scope, where in ((Scope("ACME"), "account=ACME"), (FIRM, "scope=firm")):
        venue = Venue()
        venue.says("BNBUSDT", "200", "200")
        venue.says(SYMBOL, "100", "100")
        desk = loser(venue, scope)
        venue.says(SYMBOL, "92", "92")
        desk.new("A", "1")
        assert desk.order("A").is_open  # 80 and a fee of 20 lost: at the limit
        venue.says(SYMBOL, "91.99", "91.99")
        desk.new("B", "1")
        assert last_text(desk) == f"MAX_DAILY_LOSS limit=100 loss=100.1 may=reduce_only {where}"
        desk.new("C", "9", side=Side.SELL)
        desk.new("D", "1", side=Side.SELL)
        assert desk.order("D").is_open
        desk.new("E", "0.1", side=Side.SELL)  # more than is held
        assert last_text(desk) == f"MAX_DAILY_LOSS limit=100 loss=100.1 may=reduce_only {where}"


def test_another_day_begins_without_yesterdays_losses() -> None:
    venue = Venue(max_age=10**18)
    for symbol, px in ((SYMBOL, "90"), ("BNBUSDT", "200")):
        venue.says(symbol, px, px)
    desk = loser(venue, value="10")
    desk.new("A", "10", "90", side=Side.SELL)
    desk.hear(Told(1, 2).traded("T2", "10", "90"))
    desk.new("B", "1")
    assert last_text(desk) == "MAX_DAILY_LOSS limit=10 loss=120 may=reduce_only account=ACME"
    desk.book.roll_day(desk.now)
    desk.new("C", "1")
    assert desk.order("C").is_open


def test_what_cannot_be_valued_may_only_be_reduced() -> None:
    venue = Venue()
    venue.says("BNBUSDT", "200", "200")
    venue.says(SYMBOL, "100", "100")
    desk = loser(venue)
    del venue.quotes[SYMBOL]
    desk.new("A", "1")
    assert last_text(desk) == "NO_REFERENCE_PRICE max_daily_loss=100 account=ACME"
    desk.new("B", "10", side=Side.SELL)
    assert desk.order("B").is_open


def test_it_is_a_limit_of_accounts_and_the_firm() -> None:
    with pytest.raises(BadLimitError, match="MAX_DAILY_LOSS: not of such a scope"):
        make_limit(1, "MAX_DAILY_LOSS", Scope("ACME", "", SYMBOL), "1")
