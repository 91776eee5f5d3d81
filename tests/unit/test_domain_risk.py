"""Pre-trade checks: every code, exactly at the limit and one step beyond it."""

from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.book import Book
from gateway.domain.instruments import Capabilities, Instrument
from gateway.domain.reports import CancelReject, ExecutionReport
from gateway.domain.risk import OrderTerms, check_form, check_instrument, check_limits, check_order
from gateway.domain.session_profile import Account, Limits
from gateway.domain.values import ExecType, OrdRejReason, OrdType, Side, TimeInForce
from tests.fixtures.domain_desk import CAPABILITIES, DomainDesk, Told, profile

INSTRUMENT = Instrument(
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.05"),
    min_price=Decimal(1),
    max_price=Decimal(1000),
    qty_step=Decimal("0.1"),
    min_qty=Decimal("0.2"),
    max_qty=Decimal(50),
    market_qty_step=Decimal("0.5"),
    market_min_qty=Decimal(1),
    market_max_qty=Decimal(20),
    min_notional=Decimal(10),
    max_notional=Decimal(20000),
)
BARE = Capabilities(ord_types=frozenset({OrdType.LIMIT}), times_in_force=frozenset({TimeInForce.GTC}))
MARKET = {"ord_type": OrdType.MARKET, "price": None}
STOP = {"ord_type": OrdType.STOP, "price": None, "stop_px": Decimal(90)}
GTD = {"time_in_force": TimeInForce.GTD}


def terms(**fields: Any) -> OrderTerms:
    """A limit buy of 10 at 100, with other fields."""
    fields = {k: Decimal(x) if isinstance(x, str) and k in _NUMBERS else x for k, x in fields.items()}
    return OrderTerms(
        **{
            "symbol": "BTCUSDT",
            "side": Side.BUY,
            "ord_type": OrdType.LIMIT,
            "time_in_force": TimeInForce.GTC,
            "order_qty": Decimal(10),
            "price": Decimal(100),
            "stop_px": None,
            "post_only": False,
            "opens_qty": Decimal(10),
            **fields,
        }
    )


_NUMBERS = {"order_qty", "price", "stop_px", "opens_qty"}


@pytest.mark.parametrize(
    ("fields", "capabilities", "denial"),
    [
        ({"order_qty": "0.1"}, CAPABILITIES, None),
        ({"order_qty": "0"}, CAPABILITIES, "BAD_QTY order=0 allowed=above zero"),
        ({"order_qty": "-1"}, CAPABILITIES, "BAD_QTY order=-1 allowed=above zero"),
        ({}, BARE, None),
        (STOP, BARE, "ORD_TYPE_NOT_SUPPORTED ord_type=STOP"),
        ({"time_in_force": TimeInForce.DAY}, CAPABILITIES, None),  # by the gateway itself
        ({"time_in_force": TimeInForce.DAY}, BARE, "TIME_IN_FORCE_NOT_SUPPORTED time_in_force=DAY"),
        ({"post_only": True}, CAPABILITIES, None),
        ({"post_only": True}, BARE, "EXEC_INST_NOT_SUPPORTED exec_inst=6 ord_type=LIMIT"),
        ({"post_only": True, **MARKET}, CAPABILITIES, "EXEC_INST_NOT_SUPPORTED exec_inst=6 ord_type=MARKET"),
        (
            {"post_only": True, "time_in_force": TimeInForce.IOC},
            CAPABILITIES,
            "EXEC_INST_NOT_SUPPORTED exec_inst=6 time_in_force=IOC",
        ),
        (
            {**STOP, "time_in_force": TimeInForce.FOK},
            CAPABILITIES,
            "TIME_IN_FORCE_NOT_SUPPORTED time_in_force=FOK ord_type=STOP",
        ),
        (GTD, CAPABILITIES, "MISSING_EXPIRE_TIME time_in_force=GTD"),
        ({**GTD, "expire_time": 100}, CAPABILITIES, "EXPIRE_TIME_PASSED time_in_force=GTD"),  # now is 100
        ({**GTD, "expire_time": 101}, CAPABILITIES, None),
        ({**GTD, "expire_time": 99, "is_new": False}, CAPABILITIES, None),  # a replace does not change it
        ({"price": None}, CAPABILITIES, "MISSING_PRICE ord_type=LIMIT"),
        ({**MARKET, "price": "1"}, CAPABILITIES, "UNEXPECTED_PRICE price=1 ord_type=MARKET"),
        ({**STOP, "stop_px": None}, CAPABILITIES, "MISSING_STOP_PX ord_type=STOP"),
        ({"stop_px": "1"}, CAPABILITIES, "UNEXPECTED_STOP_PX stop_px=1 ord_type=LIMIT"),
        ({"price": "0"}, CAPABILITIES, "BAD_PRICE price=0 allowed=above zero"),
        ({"price": "-0.01"}, CAPABILITIES, "BAD_PRICE price=-0.01 allowed=above zero"),
        ({**STOP, "stop_px": "0"}, CAPABILITIES, "BAD_PRICE stop_px=0 allowed=above zero"),
    ],
)
def test_the_orders_own_fields(fields: dict[str, Any], capabilities: Capabilities, denial: str | None) -> None:
    found = check_form(terms(**fields), capabilities, 100)
    assert (found.text if found else None) == denial


@pytest.mark.parametrize(
    ("fields", "denial"),
    [
        ({"price": "100.05"}, None),
        ({"price": "100.04"}, "PRICE_TICK price=100.04 tick=0.05"),
        ({**STOP, "stop_px": "90.01"}, "PRICE_TICK price=90.01 tick=0.05"),
        ({"price": "1", "order_qty": "10"}, None),
        ({"price": "0.95"}, "PRICE_RANGE price=0.95 min=1 max=1000"),
        ({"price": "1000"}, None),
        ({"price": "1000.05"}, "PRICE_RANGE price=1000.05 min=1 max=1000"),
        ({"order_qty": "0.25"}, "LOT_SIZE order=0.25 step=0.1"),
        ({"order_qty": "0.2"}, None),
        ({"order_qty": "0.1"}, "MIN_QTY limit=0.2 order=0.1"),
        ({"order_qty": "50"}, None),
        ({"order_qty": "50.1"}, "MAX_QTY limit=50 order=50.1"),
        ({**MARKET, "order_qty": "1.5"}, None),  # market orders have figures of their own
        ({**MARKET, "order_qty": "1.1"}, "LOT_SIZE order=1.1 step=0.5"),
        ({**MARKET, "order_qty": "0.5"}, "MIN_QTY limit=1 order=0.5"),
        ({**MARKET, "order_qty": "20"}, None),
        ({**MARKET, "order_qty": "20.5"}, "MAX_QTY limit=20 order=20.5"),
        ({**STOP, "order_qty": "20.5"}, "MAX_QTY limit=20 order=20.5"),  # it becomes a market order
        ({"order_qty": "0.2", "price": "50"}, None),
        ({"order_qty": "0.2", "price": "49.95"}, "MIN_NOTIONAL limit=10 order=9.990"),
        ({"order_qty": "20", "price": "1000"}, None),
        ({"order_qty": "20.1", "price": "1000"}, "MAX_NOTIONAL limit=20000 order=20100.0"),
    ],
)
def test_the_venues_filters(fields: dict[str, Any], denial: str | None) -> None:
    found = check_instrument(terms(**fields), INSTRUMENT)
    assert (found.text if found else None) == denial


def test_filters_that_a_venue_does_not_set_filter_nothing() -> None:
    free = Instrument(symbol="BTCUSDT", base="BTC", quote="USDT")
    assert check_instrument(terms(order_qty="0.00000001", price="99999999"), free) is None


def test_a_symbol_that_does_not_trade() -> None:
    closed = Instrument(symbol="BTCUSDT", base="BTC", quote="USDT", tradable=False)
    found = check_instrument(terms(), closed)
    assert found is not None
    assert (found.text, found.reason) == ("SYMBOL_NOT_TRADING symbol=BTCUSDT", OrdRejReason.EXCHANGE_CLOSED)


@pytest.mark.parametrize(
    ("limits", "fields", "held", "denial"),
    [
        ({"max_order_qty": "10"}, {}, ("0", "0", 0), None),
        ({"max_order_qty": "9.9"}, {}, ("0", "0", 0), "MAX_ORDER_QTY limit=9.9 order=10 account=ACME"),
        ({"max_order_notional": "1000"}, {}, ("0", "0", 0), None),
        (
            {"max_order_notional": "999.99"},
            {},
            ("0", "0", 0),
            "MAX_ORDER_NOTIONAL limit=999.99 order=1000 account=ACME",
        ),
        (
            {"max_order_notional": "899"},
            STOP,
            ("0", "0", 0),
            "MAX_ORDER_NOTIONAL limit=899 order=900 account=ACME",
        ),
        ({"max_order_notional": "1", "allow_unpriced_market": True}, MARKET, ("0", "0", 0), None),
        (
            {"max_order_notional": "1"},
            MARKET,  # has no price to reckon with
            ("0", "0", 0),
            "NO_REFERENCE_PRICE max_order_notional=1 ord_type=MARKET account=ACME",
        ),
        ({"max_position": "10"}, {}, ("0", "0", 0), None),
        ({"max_position": "15"}, {}, ("3", "2", 0), None),
        (
            {"max_position": "14.9"},
            {},
            ("3", "2", 0),
            "MAX_POSITION limit=14.9 worst=15 position=3 account=ACME",
        ),
        ({"max_position": "7"}, {"side": Side.SELL}, ("3", "0", 0), None),  # selling what is held first
        (
            {"max_position": "6.9"},
            {"side": Side.SELL},
            ("3", "0", 0),
            "MAX_POSITION limit=6.9 worst=7 position=3 account=ACME",
        ),
        ({"max_position": "1"}, {"opens_qty": "0", "is_new": False}, ("3", "2", 0), None),  # a replace that shrinks
        ({"max_open_orders": 3}, {}, ("0", "0", 2), None),
        ({"max_open_orders": 3}, {}, ("0", "0", 3), "MAX_OPEN_ORDERS limit=3 open=3 account=ACME"),
        ({"max_open_orders": 3}, {"is_new": False}, ("0", "0", 3), None),
        ({"max_open_orders": 0}, {}, ("0", "0", 0), "MAX_OPEN_ORDERS limit=0 open=0 account=ACME"),
    ],
)
def test_the_limits_of_a_scope(
    limits: dict[str, Any], fields: dict[str, Any], held: tuple[str, str, int], denial: str | None
) -> None:
    made: dict[str, Any] = {k: Decimal(x) if isinstance(x, str) else x for k, x in limits.items()}
    position, open_qty, open_orders = held
    found = check_limits(
        terms(**fields), Limits(scope="account=ACME", **made), Decimal(position), Decimal(open_qty), open_orders
    )
    assert (found.text if found else None) == denial
    assert found is None or found.reason is OrdRejReason.EXCEEDS_LIMIT


def test_an_unknown_symbol_and_the_inputs_of_a_decision() -> None:
    account = Account(name="ACME", venue_account="main")
    asked: dict[str, Any] = {
        "capabilities": CAPABILITIES,
        "profile": profile(account),
        "account": account,
        "book": Book(),
        "at": 0,
    }
    unknown = check_order(terms(), instrument=None, **asked)
    assert unknown.denial is not None
    assert (unknown.denial.text, unknown.denial.reason) == (
        "UNKNOWN_SYMBOL symbol=BTCUSDT",
        OrdRejReason.UNKNOWN_SYMBOL,
    )
    passed = check_order(terms(), instrument=INSTRUMENT, **asked)
    assert passed.denial is None
    assert passed.inputs == {
        "position": "0",
        "open_qty": "0",
        "account_open_orders": "0",
        "session_open_orders": "0",
    }


def limited(**limits: Any) -> DomainDesk:
    """A desk whose account has limits."""
    account = Account(name="ACME", venue_account="main", limits=Limits(scope="account=ACME", **limits))
    return DomainDesk(session=profile(account))


def last_text(desk: DomainDesk) -> str:
    report = desk.reports[-1]
    assert isinstance(report, ExecutionReport | CancelReject)
    return report.text


def test_open_orders_count_until_they_are_over() -> None:
    desk = limited(max_open_orders=2)
    for cl_ord_id in ("X", "Y", "Z"):
        desk.new(cl_ord_id)
    assert last_text(desk) == "MAX_OPEN_ORDERS limit=2 open=2 account=ACME"
    desk.hear(Told(1, 1).accepted())
    desk.hear(Told(1, 1).canceled())
    desk.new("W")
    assert desk.order("W").is_open


def test_the_position_is_what_executed_and_what_still_can() -> None:
    desk = limited(max_position=Decimal(15))
    desk.new("X", "10")
    desk.hear(Told(1, 1).traded("T1", "4"))
    desk.hear(Told(1, 1).canceled("4"))
    desk.new("Y", "11")
    assert desk.order("Y").is_open
    desk.new("Z", "0.1")
    assert last_text(desk) == "MAX_POSITION limit=15 worst=15.1 position=4 account=ACME"


def test_only_what_a_replace_adds_is_new_to_the_position() -> None:
    desk = limited(max_position=Decimal(15))
    desk.new("X", "10")
    desk.hear(Told().accepted())
    desk.replace("Y", "X", "15.1")
    assert last_text(desk) == "MAX_POSITION limit=15 worst=15.1 position=0 account=ACME"
    desk.replace("Z", "X", "15")
    assert [r.cl_ord_id for r in desk.order().requests] == ["Z"]
    desk.replace("W", "Z", "15", "101")  # nothing is added to what is pending already
    assert [r.cl_ord_id for r in desk.order().requests] == ["Z", "W"]


def test_cancels_are_never_checked() -> None:
    desk = limited(max_open_orders=1, max_order_qty=Decimal(10))
    desk.new()
    desk.hear(Told().accepted())
    desk.cancel("C", "X")
    assert desk.told()[-1] == "8 C>X 150=6 39=6 qty=10 cum=0 leaves=10"


def test_a_denied_order_is_an_order_that_is_over() -> None:
    desk = limited(max_order_qty=Decimal(9))
    desk.new()
    report = desk.reports[-1]
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.ord_rej_reason) == (ExecType.REJECTED, OrdRejReason.EXCEEDS_LIMIT)
    assert desk.told() == ["8 X 150=8 39=8 qty=10 cum=0 leaves=0 103=3"]
    assert (desk.sent(), desk.book.open_count(account="ACME")) == ([], 0)
