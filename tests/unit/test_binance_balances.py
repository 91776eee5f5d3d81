"""What an account holds, by snapshots and events, in whatever order they come."""

import json
from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pytest

from gateway.domain.funds import Balance
from gateway.domain.venue_reports import VenueAccepted, VenueBalanceMoved, VenueReport
from gateway.venues.base import Sinks
from gateway.venues.binance.balances import Balances
from gateway.venues.binance.clock import VenueClock
from gateway.venues.binance.limits import Limits
from gateway.venues.binance.payload import PayloadError
from gateway.venues.binance.reporter import Reporter
from gateway.venues.binance.snapshot import balances

D = Decimal


def event(at_ms: int, **free: str) -> bytes:
    entries = [{"a": asset, "f": qty, "l": "1"} for asset, qty in free.items()]
    return json.dumps({"e": "outboundAccountPosition", "E": at_ms, "u": at_ms, "B": entries}).encode()


def account(at_ms: int, **free: str) -> tuple[Balance, ...]:
    entries = [{"asset": asset, "free": qty, "locked": "0"} for asset, qty in free.items()]
    return balances(json.dumps({"updateTime": 1, "balances": entries}).encode(), at_ms)


class Heard:
    """What was said, put together as the engine does."""

    def __init__(self) -> None:
        self.known: dict[str, Balance] | None = None
        self.words = 0

    def __call__(self, balances: Mapping[str, Balance] | None, *, whole: bool) -> None:
        self.words += 1
        if whole:
            self.known = None if balances is None else dict(balances)
        else:
            assert self.known is not None, "changes of what is not known"
            assert balances
            self.known |= balances

    @property
    def free(self) -> dict[str, str]:
        return {asset: f"{balance.free:f}" for asset, balance in (self.known or {}).items()}


def test_nothing_is_known_before_a_snapshot_and_later_events_stay() -> None:
    heard = Heard()
    kept = Balances(heard)
    kept.told(event(90, BTC="1"))
    kept.told(event(110, USDT="50"))
    assert heard.free == {}
    kept.shown(account(100, BTC="2", USDT="70", ETH="0"), kept.stream)
    assert heard.free == {"BTC": "2", "USDT": "50", "ETH": "0"}
    kept.told(event(120, ETH="3"))
    kept.told(event(115, ETH="4", BTC="5"))  # late: of before
    words = heard.words
    kept.told(event(116, ETH="4"))
    assert heard.words == words, "nothing changed by it"
    assert heard.free == {"BTC": "5", "USDT": "50", "ETH": "3"}
    assert heard.known is not None
    assert heard.known["ETH"] == Balance("ETH", D(3), D(1), 120)
    kept.shown(account(118, BTC="6"), kept.stream)
    assert heard.free == {"BTC": "6", "ETH": "3"}


def test_what_was_asked_under_a_lost_stream_is_not_believed() -> None:
    heard = Heard()
    kept = Balances(heard)
    stream = kept.stream
    kept.told(event(90, BTC="1"))
    kept.forget()
    kept.shown(account(100, BTC="2"), stream)
    assert heard.known is None
    kept.shown(account(80, USDT="2"), kept.stream)
    assert heard.free == {"USDT": "2"}


def test_the_account_changed_after_it_was_asked_for() -> None:
    raw = json.dumps({"updateTime": 105, "balances": [{"asset": "BTC", "free": "1", "locked": "2"}]}).encode()
    assert balances(raw, 100) == (Balance("BTC", D(1), D(2), 105),)


def test_rubbish_is_told() -> None:
    for raw in (b'{"e":"outboundAccountPosition"}', event(1, BTC="much"), b"{"):
        with pytest.raises(PayloadError):
            Balances(Heard()).told(raw)


def test_a_deposit_that_two_connections_tell_is_told_once() -> None:
    """The old one just before it is left, the new one just after: the engine counts every deposit that it hears of."""
    told: list[VenueReport] = []
    reporter = Reporter(
        "main", cast("Sinks", SimpleNamespace(report=told.append)), VenueClock(lambda: 0), Limits(0.2), print
    )
    deposit = VenueBalanceMoved(venue_account="main", transact_time=7, asset="BTC", qty=Decimal(1))
    another = VenueBalanceMoved(venue_account="main", transact_time=8, asset="BTC", qty=Decimal(1))
    accepted = VenueAccepted(venue_account="main", symbol="BTCUSDT", client_id="gw-O1-1", venue_order_id="5")
    reporter.tell((deposit, accepted))
    reporter.forget()
    reporter.tell((deposit, accepted, another))
    assert told == [deposit, accepted, accepted, another], "an order's id may be given again, a deposit is past"
