"""What an account or session may not do: symbols, sides, types and hours."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.risk import BadLimitError, make_limit
from gateway.domain.risk.permissions import MARKET_HOURS
from gateway.domain.risk.terms import Snapshot
from gateway.domain.totals import FIRM, Scope
from gateway.domain.values import OrdRejReason, OrdType, Side
from tests.fixtures.risk import ACME, judged, last_text, limit, limited, terms

MARKET: dict[str, Any] = {"ord_type": OrdType.MARKET, "price": None}


def test_a_restricted_symbol_and_a_scope_that_may_not_trade_at_all() -> None:
    in_symbol = Scope("ACME", "", "BTCUSDT")
    assert judged("RESTRICTED_SYMBOL", "yes", terms(), (), in_symbol) == "RESTRICTED_SYMBOL account=ACME symbol=BTCUSDT"
    assert judged("RESTRICTED_SYMBOL", "yes", terms(), (), ACME) == "RESTRICTED_SYMBOL symbol=BTCUSDT account=ACME"
    desk = limited(limit("RESTRICTED_SYMBOL", "yes", Scope(symbol="ETHUSDT")))
    desk.new("X")
    assert desk.order().is_open


def test_sides_and_types() -> None:
    assert judged("SIDE_NOT_ALLOWED", "sell", terms()) is None
    assert judged("SIDE_NOT_ALLOWED", "sell", terms(side=Side.SELL)) == "SIDE_NOT_ALLOWED side=SELL account=ACME"
    assert judged("ORDER_TYPE_NOT_ALLOWED", "market,stop", terms()) is None
    assert judged("ORDER_TYPE_NOT_ALLOWED", "market,stop", terms(**MARKET)) == (
        "ORDER_TYPE_NOT_ALLOWED ord_type=MARKET account=ACME"
    )


def test_a_denial_of_what_is_not_allowed_is_the_brokers_option() -> None:
    desk = limited(("SIDE_NOT_ALLOWED", "buy"))
    desk.new()
    assert desk.told() == ["8 X 150=8 39=8 qty=10 cum=0 leaves=0 103=0"]


@pytest.mark.parametrize(
    ("hours", "time", "is_open"),
    [
        ("Mon-Fri 08:00-17:30", "2026-07-20 07:59:59", False),  # a Monday
        ("Mon-Fri 08:00-17:30", "2026-07-20 08:00:00", True),
        ("Mon-Fri 08:00-17:30", "2026-07-24 17:29:59", True),
        ("Mon-Fri 08:00-17:30", "2026-07-24 17:30:00", False),
        ("Mon-Fri 08:00-17:30", "2026-07-25 12:00:00", False),
        ("08:00-17:30", "2026-07-25 12:00:00", True),
        ("Sat 00:00-24:00", "2026-07-25 23:59:59", True),
        ("Sat 00:00-24:00", "2026-07-26 00:00:00", False),
        ("Fri-Mon 22:00-02:00", "2026-07-24 01:00:00", False),
        ("Fri-Mon 22:00-02:00", "2026-07-25 01:59:59", True),
        ("Fri-Mon 22:00-02:00", "2026-07-28 01:59:59", True),
        ("Sun 22:00-02:00", "2026-07-27 01:59:59", True),  # over the week's end
        ("Sun 22:00-02:00", "2026-07-27 02:00:00", False),
        ("Mon 08:00-09:00, Mon 10:00-11:00", "2026-07-20 09:30:00", False),
        ("Mon 08:00-09:00, Mon 10:00-11:00", "2026-07-20 10:30:00", True),
    ],
)
def test_hours(hours: str, time: str, is_open: bool) -> None:
    at = int(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp()) * 1_000_000_000
    opened = make_limit(1, "MARKET_HOURS", FIRM, hours)
    figures = MARKET_HOURS.measure(terms(), None, Snapshot(at, None), opened)
    denial = MARKET_HOURS.judge(terms(), opened, opened.value, figures)
    assert (denial is None) is is_open


def test_outside_of_hours_the_market_is_closed() -> None:
    desk = limited(("MARKET_HOURS", "Mon 08:00-09:00"))  # the desk's clock begins on a Thursday in 1970
    desk.new()
    assert last_text(desk) == "MARKET_HOURS open=Mon_08:00-09:00 now=Thu_00:00 account=ACME"
    assert desk.told() == [f"8 X 150=8 39=8 qty=10 cum=0 leaves=0 103={OrdRejReason.EXCHANGE_CLOSED}"]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("MARKET_HOURS", "8-17"),
        ("MARKET_HOURS", "Mon-Foo 08:00-17:00"),
        ("MARKET_HOURS", "08:00-24:30"),
        ("SIDE_NOT_ALLOWED", "both"),
        ("ORDER_TYPE_NOT_ALLOWED", "market, stop"),
        ("SELF_TRADE", "yes"),
        ("FAT_FINGER", "10"),
        ("FAT_FINGER", "10x/0"),
        ("ORDER_RATE", "0/1s"),
        ("ORDER_RATE", "5/0s"),
        ("ORDER_RATE", "5"),
        ("DUPLICATE_ORDER", "2"),
    ],
)
def test_what_cannot_be_applied_is_refused(code: str, text: str) -> None:
    with pytest.raises(BadLimitError, match=code):
        make_limit(1, code, FIRM, text)
