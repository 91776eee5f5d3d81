"""Risk checks over the socket: each denial has its code and figures, and cancels pass whatever else is denied."""

import time
from pathlib import Path
from typing import Any

import pytest

from gateway.client.message import utc_timestamp
from tests.acceptance.conftest import DIALECTS, SESSIONS
from tests.acceptance.scenario import Scenario
from tests.fixtures.processes import Exchange, Gateway

LTC = {"symbol": "LTCUSDT", "order_qty": "10000", "price": "50"}

# what differs from a good order; OrdRejReason(103) in 4.4 and 4.2; how Text(58) begins
DENIED: list[tuple[dict[str, Any], str, str, str]] = [
    ({"symbol": "DOGEUSDT"}, "1", "1", "UNKNOWN_SYMBOL symbol=DOGEUSDT"),
    ({"account": "NOBODY"}, "15", "0", "ACCOUNT_NOT_ALLOWED account=NOBODY allowed=OTHER,TRADING"),
    ({"price": "50.001"}, "99", "0", "PRICE_TICK price=50.001 tick=0.01"),
    ({"price": "1000000.01"}, "99", "0", "PRICE_RANGE price=1000000.01"),
    ({"price": "0"}, "99", "0", "BAD_PRICE price=0"),
    ({"price": "-1"}, "99", "0", "BAD_PRICE price=-1"),
    ({"order_qty": "0.0005"}, "13", "0", "LOT_SIZE order=0.0005 step=0.001"),
    ({"order_qty": "900000.001"}, "13", "0", "MAX_QTY limit=900000 order=900000.001"),
    ({"order_qty": "0"}, "13", "0", "BAD_QTY order=0"),
    ({"order_qty": "-5"}, "13", "0", "BAD_QTY order=-5"),
    ({"order_qty": "0.001"}, "99", "0", "MIN_NOTIONAL limit=5 order=0.05"),
    ({"order_qty": "200000"}, "99", "0", "MAX_NOTIONAL limit=9000000 order=10000000"),
    ({"price": None, "ord_type": "limit"}, "99", "0", "MISSING_PRICE "),
    ({"ord_type": "market"}, "99", "0", "UNEXPECTED_PRICE "),
    ({"ord_type": "stop_limit"}, "99", "0", "MISSING_STOP_PX "),
    ({"ord_type": "limit", "stop_px": "120"}, "99", "0", "UNEXPECTED_STOP_PX "),
    ({"time_in_force": "GTD"}, "99", "0", "MISSING_EXPIRE_TIME "),
    ({"time_in_force": "GTD", "expire_time": "20200101-00:00:00"}, "4", "4", "EXPIRE_TIME_PASSED "),
    ({"time_in_force": "GTC", "expire_time": "20990101-00:00:00"}, "99", "0", "UNEXPECTED_EXPIRE_TIME "),
    ({"extra": [(111, "10")]}, "11", "0", "UNSUPPORTED_FIELD tag=111"),
    ({"extra": [(21, "3")]}, "11", "0", "UNSUPPORTED_VALUE tag=21"),
]


@pytest.mark.parametrize(("change", "reason", "reason_42", "text"), DENIED, ids=lambda v: str(v)[:40])
async def test_denials_have_code_and_figures(
    s: Scenario, change: dict[str, Any], reason: str, reason_42: str, text: str
) -> None:
    before = len(await s.exchange.look("orders"))
    terms = {"side": "buy", "time_in_force": "GTC"} | LTC | change
    s.client.new_order(cl_ord_id=s.id("X"), **terms)
    report = await s.next()
    expected = {11: s.id("X"), 150: "8", 39: "8", 14: "0", 151: "0", 103: reason_42 if s.is_42 else reason}
    assert {tag: report.get(tag) for tag in expected} == expected, report
    assert report[58].startswith(text)
    await s.nothing()
    assert len(await s.exchange.look("orders")) == before


async def test_missing_quantity(s: Scenario) -> None:
    s.client.send("D", [(11, s.id("X")), (21, "1"), (55, "LTCUSDT"), (54, "1"), (40, "2"), (44, "50"), (60, _now())])
    report = await s.next()
    assert (report[11], report[150], report[39]) == (s.id("X"), "8", "8")
    assert report[103] == ("0" if s.is_42 else "13")
    assert report[58].startswith("MISSING_ORDER_QTY ")
    await s.nothing()


async def test_request_that_names_no_order(s: Scenario) -> None:
    s.client.send("F", [(11, s.id("Y")), (55, "LTCUSDT"), (54, "1"), (60, _now())])
    refusal = await s.next()
    expected = {35: "9", 11: s.id("Y"), 37: "NONE", 41: "NONE", 39: "8", 102: "2" if s.is_42 else "99"}
    assert {tag: refusal.get(tag) for tag in expected} == expected
    assert refusal[58].startswith("MISSING_ORIG_CL_ORD_ID ")
    await s.nothing()


def _now() -> str:
    return utc_timestamp(time.time_ns())


async def test_symbol_that_does_not_trade(exchange: Exchange, tmp_path: Path) -> None:
    await exchange.control("symbol", symbol="LTCUSDT", status="BREAK")
    gateway = Gateway(tmp_path, exchange.url, sessions=SESSIONS).start()
    try:
        for comp_id in DIALECTS:
            s = Scenario(gateway.client(comp_id), exchange, gateway)
            await s.client.connect()
            s.order("X", 10_000)
            report = await s.sees("X", "Rejected/Rejected", 10_000, 0, 0, tags={103: "2"})
            assert report[58] == "SYMBOL_NOT_TRADING symbol=LTCUSDT"
            await s.agrees()
            await s.client.logout()
    finally:
        gateway.stop()


async def _denied(s: Scenario, name: str, qty: str, price: str, text: str) -> None:
    s.order(name, qty, price=price)
    report = await s.next()
    assert (report[11], report[150], report[39], report[103]) == (s.id(name), "8", "8", "3"), report
    assert report[58] == text
    s.seen.append(f"{report[150]}/{report[39]}")


async def _working(s: Scenario, name: str, qty: str) -> None:
    s.order(name, qty, price="150", symbol="BNBUSDT")
    report = await s.next()
    assert (report[11], report[150], report[39]) == (s.id(name), "0", "0"), report


async def test_limits_of_the_session_and_cancels_that_skip_them(limited: Scenario) -> None:
    s = limited
    await s.exchange.control("mode", symbol="BNBUSDT", mode="manual")
    who = f"session={s.client.sender_comp_id}"
    await _working(s, "X", "8")
    await _denied(s, "A", "11", "150", f"MAX_ORDER_QTY limit=10 order=11 {who}")
    await _denied(s, "B", "10", "200.01", f"MAX_ORDER_NOTIONAL limit=2000 order=2000.10 {who}")
    await _denied(s, "C", "8", "150", f"MAX_POSITION limit=15 worst=16 position=0 {who}")
    await _working(s, "D", "1")
    await _working(s, "E", "1")
    await _denied(s, "F", "1", "150", f"MAX_OPEN_ORDERS limit=3 open=3 {who}")
    s.replace("G,X", "11", price="150")  # a replace is checked as an order is
    refusal = await s.next()
    assert (refusal[35], refusal[11], refusal[39], refusal[102]) == ("9", s.id("G"), "0", "2")
    assert refusal[58] == f"MAX_ORDER_QTY limit=10 order=11 {who}"
    for number, name in enumerate(("X", "D", "E")):
        s.cancel(f"cancel-{number},{name}")
        assert [(await s.next())[150], (await s.next())[150]] == ["6", "4"]
    await _working(s, "H", "8")  # what was canceled counts no more
    s.cancel("last,H")
    assert [(await s.next())[150], (await s.next())[150]] == ["6", "4"]
    await s.nothing()


async def test_cancels_pass_while_the_exchange_cannot_be_reached(s: Scenario) -> None:
    s.order("X", 10_000)
    await s.sees("X", "New/New", 10_000, 0, 10_000)
    seen = len(s.gateway.log())
    for op in ("userDataStream.subscribe", "userDataStream.subscribe.signature"):
        await s.holds(op)
    await s.exchange.control("drop_connections")
    await s.until_logged("available=False", seen)
    s.order("W", 10_000)
    report = await s.next()
    assert (report[11], report[150], report[103]) == (s.id("W"), "8", "0")
    assert report[58].startswith("VENUE_UNAVAILABLE ")
    s.cancel("Y,X")
    await s.sees("Y,X", "PendingCancel/PendingCancel", 10_000, 0, 10_000)
    await s.exchange.control("release")
    await s.sees("Y,X", "Canceled/Canceled", 10_000, 0, 0)
    await s.until_logged("available=True", seen)
    await s.agrees()
