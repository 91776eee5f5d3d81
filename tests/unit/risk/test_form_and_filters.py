"""What an order says of itself and what the venue filters: every code, exactly at the bound and one step beyond."""

from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.instruments import Capabilities, Instrument
from gateway.domain.risk import RuleBook, Snapshot, check_order
from gateway.domain.risk.filters import check_instrument
from gateway.domain.risk.form import check_form
from gateway.domain.values import OrdRejReason, OrdType, TimeInForce
from tests.fixtures.domain_desk import CAPABILITIES
from tests.fixtures.risk import terms

INSTRUMENT = Instrument(  # whose least price and quantity are no multiples: the grid begins at zero all the same
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.05"),
    min_price=Decimal("0.98"),
    max_price=Decimal(1000),
    qty_step=Decimal("0.1"),
    min_qty=Decimal("0.15"),
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
        ({"price": "0.95"}, "PRICE_RANGE price=0.95 min=0.98 max=1000"),
        ({"price": "1000"}, None),
        ({"price": "1000.05"}, "PRICE_RANGE price=1000.05 min=0.98 max=1000"),
        ({"order_qty": "0.25"}, "LOT_SIZE order=0.25 step=0.1"),
        ({"order_qty": "0.2"}, None),
        ({"order_qty": "0.1"}, "MIN_QTY limit=0.15 order=0.1"),
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


def test_an_unknown_symbol() -> None:
    rules = RuleBook().rules("ACME", "FIX.4.4:GATEWAY->DESK", "BTCUSDT", 0)
    asked: dict[str, Any] = {"capabilities": CAPABILITIES, "rules": rules}
    unknown = check_order(terms(), instrument=None, snapshot=Snapshot(0, None), **asked)
    assert unknown.denial is not None
    assert (unknown.denial.text, unknown.denial.reason) == (
        "UNKNOWN_SYMBOL symbol=BTCUSDT",
        OrdRejReason.UNKNOWN_SYMBOL,
    )
    passed = check_order(terms(), instrument=INSTRUMENT, snapshot=Snapshot(0, INSTRUMENT), **asked)
    assert (passed.denial, passed.inputs) == (None, {})
