"""Each order type and time in force reaches the exchange as what it is, or is refused for what it is."""

from typing import Any

import pytest

from tests.acceptance.scenario import Scenario

BUY_STOP, BUY_STOP_LIMIT = "120", "121"  # above the market of 100: they wait
FAR = "20991231-00:00:00"
STOP = {"price": None, "stop_px": BUY_STOP}
STOP_LIMIT = {"price": BUY_STOP_LIMIT, "stop_px": BUY_STOP}
RESTING = ["DAY", "GTC", "GTD"]

# terms, TimeInForce, and the exchange's type and timeInForce. DAY and GTD rest as GTC there: the gateway ends them.
ACCEPTED: list[tuple[dict[str, Any], str, str, str]] = [
    *(({"price": "50"}, tif, "LIMIT", "GTC") for tif in RESTING),
    ({"price": "50"}, "IOC", "LIMIT", "IOC"),
    ({"price": "50"}, "FOK", "LIMIT", "FOK"),
    *(({"price": "50", "exec_inst": "6"}, tif, "LIMIT_MAKER", "GTC") for tif in RESTING),
    *(({"price": None}, tif, "MARKET", "GTC") for tif in [*RESTING, "IOC"]),
    *((STOP, tif, "STOP_LOSS", "GTC") for tif in RESTING),
    *((STOP_LIMIT, tif, "STOP_LOSS_LIMIT", "GTC") for tif in RESTING),
    (STOP_LIMIT, "IOC", "STOP_LOSS_LIMIT", "IOC"),
    (STOP_LIMIT, "FOK", "STOP_LOSS_LIMIT", "FOK"),
]


def _name(value: object) -> str | None:
    return "-".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else None


@pytest.mark.parametrize(("terms", "tif", "exchange_type", "exchange_tif"), ACCEPTED, ids=_name)
async def test_reaches_the_exchange_as_it_is(
    s: Scenario, terms: dict[str, Any], tif: str, exchange_type: str, exchange_tif: str
) -> None:
    extra = {"expire_time": FAR} if tif == "GTD" else {}
    s.order("X", 1_000, tif=tif, **terms, **extra)
    report = await s.sees("X", "New/New", 1_000, 0, 1_000)
    assert report[59] == {"DAY": "0", "GTC": "1", "IOC": "3", "FOK": "4", "GTD": "6"}[tif]
    assert (report.get(44), report.get(99)) == (terms["price"], terms.get("stop_px"))
    assert (report.get(18), report.get(126)) == (terms.get("exec_inst"), f"{FAR}.000" if extra else None)
    leg = await s.leg()
    placed = next(o for o in await s.exchange.look("orders") if o["originalClientOrderId"] == leg)
    assert (placed["type"], placed["timeInForce"], placed["side"]) == (exchange_type, exchange_tif, "BUY")
    assert float(placed["price"]) == float(terms["price"] or 0)
    assert float(placed.get("stopPrice", 0)) == float(terms.get("stop_px") or 0)
    s.cancel("Y,X")  # the exchange allows five waiting stops
    await s.sees("Y,X", "PendingCancel/PendingCancel", 1_000, 0, 1_000)
    await s.sees("Y,X", "Canceled/Canceled", 1_000, 0, 0)
    await s.agrees()


async def test_stop_is_triggered_by_its_price(s: Scenario) -> None:
    """The trigger itself is the exchange's business; what the client hears of is the execution."""
    s.order("X", 10, symbol="ETHUSDT", price="3300", stop_px="3200")
    await s.sees("X", "New/New", 10, 0, 10)
    await s.exchange.control("price", symbol="ETHUSDT", price="3250")
    await s.fills(10)
    await s.sees("X", "Trade/Filled", 10, 10, 0, 10)
    await s.exchange.control("price", symbol="ETHUSDT", price="3000")
    await s.agrees()


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"price": "50", "exec_inst": "6"}, "IOC", "EXEC_INST_NOT_SUPPORTED"),
    ({"price": "50", "exec_inst": "6"}, "FOK", "EXEC_INST_NOT_SUPPORTED"),
    ({"price": None, "exec_inst": "6"}, "GTC", "EXEC_INST_NOT_SUPPORTED"),
    (STOP_LIMIT | {"exec_inst": "6"}, "GTC", "EXEC_INST_NOT_SUPPORTED"),
    ({"price": "50", "exec_inst": "G"}, "GTC", "EXEC_INST_NOT_SUPPORTED"),
    (STOP, "IOC", "TIME_IN_FORCE_NOT_SUPPORTED"),
    (STOP, "FOK", "TIME_IN_FORCE_NOT_SUPPORTED"),
    ({"price": "50"}, "2", "TIME_IN_FORCE_NOT_SUPPORTED"),
    ({"price": "50", "ord_type": "P"}, "GTC", "ORD_TYPE_NOT_SUPPORTED"),
    ({"price": "50", "side": "5"}, "GTC", "SIDE_NOT_SUPPORTED"),
    ({"price": None}, "FOK", "completely or not at all"),  # the adapter's words: the exchange has no such order
]


@pytest.mark.parametrize(("terms", "tif", "code"), REFUSED, ids=_name)
async def test_is_refused_for_what_it_is(s: Scenario, terms: dict[str, Any], tif: str, code: str) -> None:
    before = len(await s.exchange.look("orders"))
    s.order("X", 1_000, tif=tif, **terms)
    report = await s.next()
    expected = {35: "8", 11: s.id("X"), 150: "8", 39: "8", 14: "0", 151: "0", 103: "0" if s.is_42 else "11"}
    assert {tag: report.get(tag) for tag in expected} == expected, report
    assert code in report[58]
    await s.nothing()
    assert len(await s.exchange.look("orders")) == before
