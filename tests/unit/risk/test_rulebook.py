"""Which limits apply to an order: scopes and their combinations, versions, times, and warnings."""

from decimal import Decimal

import pytest

from gateway.domain.risk import BadLimitError, RuleBook, make_limit
from gateway.domain.totals import BASE, FIRM, KINDS, Scope, Totals, part_of
from tests.fixtures.domain_desk import SESSION, SYMBOL, DomainDesk, Told
from tests.fixtures.risk import ACME, last_text, limit, limited

WHOLE = Scope("ACME", "DESK", SYMBOL)


def applied(book: RuleBook, at: int = 0, symbol: str = SYMBOL) -> list[tuple[str, int]]:
    return [(check.limit.code, check.limit.limit_id) for check in book.rules("ACME", SESSION, symbol, at).checks]


def test_of_limits_on_one_order_the_tightest_of_all_scopes_applies() -> None:
    for tightest in range(len(KINDS)):
        values = [str(10 + abs(n - tightest)) for n in range(len(KINDS))]
        limits = [
            limit("MAX_ORDER_QTY", value, part_of(WHOLE, kind), n)
            for n, (kind, value) in enumerate(zip(KINDS, values, strict=True))
        ]
        assert applied(RuleBook(limits)) == [("MAX_ORDER_QTY", tightest)]


def test_a_minimum_is_tightest_where_it_is_largest() -> None:
    limits = [limit("MIN_ORDER_NOTIONAL", "5", FIRM, 1), limit("MIN_ORDER_NOTIONAL", "10", ACME, 2)]
    assert applied(RuleBook(limits)) == [("MIN_ORDER_NOTIONAL", 2)]


def test_limits_with_figures_of_their_own_all_apply() -> None:
    limits = [limit("MAX_OPEN_ORDERS", "5", FIRM, 1), limit("MAX_OPEN_ORDERS", "10", ACME, 2)]
    assert applied(RuleBook(limits)) == [("MAX_OPEN_ORDERS", 2), ("MAX_OPEN_ORDERS", 1)]


def test_other_accounts_sessions_and_symbols_do_not_matter() -> None:
    others = (Scope("OTHER"), Scope(session="OMS"), Scope(symbol="ETHUSDT"), Scope("ACME", "OMS"))
    assert applied(RuleBook([limit("MAX_ORDER_QTY", "1", scope, n) for n, scope in enumerate(others)])) == []


def test_the_newest_valid_version_applies_and_what_is_temporary_ends_by_itself() -> None:
    book = RuleBook(
        [
            limit("MAX_ORDER_QTY", "1", limit_id=1),
            limit("MAX_ORDER_QTY", "2", limit_id=2, valid_from=100, valid_to=200),
            limit("MAX_ORDER_QTY", "3", limit_id=3, valid_from=150, valid_to=160),
        ]
    )
    at = {0: 1, 99: 1, 100: 2, 149: 2, 150: 3, 159: 3, 160: 2, 199: 2, 200: 1, 10**20: 1}
    for moment, expected in at.items():
        assert applied(book, moment) == [("MAX_ORDER_QTY", expected)], moment


def test_a_limit_can_be_lifted_and_set_again_while_orders_go_on() -> None:
    desk = limited(("MAX_OPEN_ORDERS", "1"))
    desk.new("X")
    desk.book.risk.change([make_limit(2, "MAX_OPEN_ORDERS", ACME, None)])
    for cl_ord_id in ("Y", "Z"):
        desk.new(cl_ord_id)
    assert desk.order("Z").is_open
    desk.book.risk.change([limit("MAX_OPEN_ORDERS", "4", Scope(symbol=SYMBOL), 3)])
    desk.new("V")
    desk.new("W")
    assert last_text(desk) == f"MAX_OPEN_ORDERS limit=4 open=4 symbol={SYMBOL}"


def test_a_soft_limit_warns_with_the_figures() -> None:
    desk = limited(limit("MAX_POSITION", "20", warn_percent=50))
    desk.new("X", "10")
    assert desk.decision is not None
    assert (desk.decision.cautions, desk.decision.quiet) == ((), (1,))
    desk.new("Y", "0.1")
    assert desk.order("Y").is_open
    [caution] = desk.decision.cautions
    assert caution.text == "MAX_POSITION limit=10.00 worst=10.1 position=0 account=ACME of=20 percent=50"


def test_a_control_that_only_alerts_refuses_nothing() -> None:
    desk = limited(("CANCEL_RATIO", "50%/1"))
    desk.new("X")
    desk.hear(Told().accepted())
    desk.cancel("C", "X")
    desk.new("Y")
    assert desk.order("Y").is_open
    assert desk.decision is not None
    assert [c.text for c in desk.decision.cautions] == ["CANCEL_RATIO limit=50%/1 orders=1 cancels=1 account=ACME"]


def test_a_decision_has_the_figures_of_each_limit_by_its_version() -> None:
    desk = limited(("MAX_POSITION", "20"), ("MAX_OPEN_ORDERS", "5"), ("MAX_ORDER_QTY", "10"))
    desk.new("X", "10")
    assert desk.decision is not None
    assert desk.decision.inputs == {"limits": {3: (), 1: (0, 0), 2: (0,)}}


@pytest.mark.parametrize(
    ("code", "text", "says"),
    [
        ("MAX_LUCK", "1", "MAX_LUCK: no such limit; there are RESTRICTED_SYMBOL, "),
        ("MAX_ORDER_QTY", "0", "MAX_ORDER_QTY: 0 is not above zero; it is the most that one order may be for"),
        ("MAX_ORDER_QTY", "1e5", "MAX_ORDER_QTY: not a decimal number"),
        ("MAX_OPEN_ORDERS", "1.5", "MAX_OPEN_ORDERS: '1.5' is not a whole number"),
        ("SHORT_SALE", "no", "SHORT_SALE: 'no' is not yes (to lift it, remove the limit)"),
        ("CANCEL_RATIO", "90", "CANCEL_RATIO: '90' is not a percentage and the orders it begins at, such as 90%/20"),
    ],
)
def test_limits_that_cannot_be_applied_are_refused_with_what_is_allowed(code: str, text: str, says: str) -> None:
    with pytest.raises(BadLimitError) as raised:
        make_limit(1, code, FIRM, text)
    assert str(raised.value).startswith(says)


def test_gross_sums_what_each_account_could_come_to_hold_either_way() -> None:
    for late in (False, True):
        totals = Totals() if late else Totals([BASE], gross=True)
        totals.hold("A", SYMBOL, Decimal(5), "DESK")
        totals.hold("B", SYMBOL, Decimal(-3), "DESK")
        totals.hold("B", SYMBOL, Decimal(-1), "OMS")
        if late:
            totals.watch([BASE], gross=True)
        assert totals.total(Scope(symbol=SYMBOL)).gross == 9
        assert totals.sum(Scope(symbol=SYMBOL)).position == 1


def test_a_refused_order_leaves_nothing_behind_whatever_symbol_it_names() -> None:
    limits = [limit("MAX_POSITION", "50", limit_id=1), limit("SELF_TRADE", "refuse", FIRM, 2)]
    desk = DomainDesk(limits=limits, instrument=None)
    desk.new("X", symbol="NOSUCHUSDT")
    assert last_text(desk) == "UNKNOWN_SYMBOL symbol=NOSUCHUSDT"
    risk = desk.book.risk
    assert (risk._rules, risk._trackers, risk.totals._paths, risk.totals._base) == ({}, {}, {}, {})
    assert desk.replayed().risk.totals._base == {}
