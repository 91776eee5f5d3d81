"""What accounts hold at the start of a day, from a file or the venue: counted in limits, and there after a crash."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gateway.store.tables import admin_actions, journal
from tests.acceptance.scenario import Scenario
from tests.fixtures.databases import on_both_stores
from tests.fixtures.processes import Exchange, Gateway

HEAD = "account,symbol,quantity,average_cost\n"
GOOD = HEAD + "TRADING,BTC,2.5,60000\nTRADING,ETHUSDT,-10,2000.5\n"


def held(gateway: Gateway) -> dict[str, tuple[str, str]]:
    out = gateway.look("positions", "--account", "TRADING", "--json")
    return {row["symbol"]: (row["qty"], row["avg_px"]) for row in map(json.loads, out.splitlines())}


async def take(gateway: Gateway, text: str, *more: str) -> tuple[int, str]:
    file = gateway.directory / "positions.csv"
    file.write_text(text)
    code, out, err = await gateway.fixgw("positions", "import", str(file), "--reason", "start of day", *more)
    return code, (out + err).strip()


@on_both_stores
async def test_positions_from_a_file(exchange: Exchange, gateway: Gateway) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    wrong = "NOBODY,BTC,1,1\nTRADING,DOGE,1,1\nTRADING,BTCUSDT,1,1\nTRADING,LTC,1,\n"
    code, said = await take(gateway, GOOD + wrong)
    assert code == 1
    assert said.startswith("refused: positions.csv: nothing was taken: line 4: no account 'NOBODY'; there are: OTHER,")
    assert "line 5: 'DOGE' is neither a symbol that main trades nor the base asset of one with USDT" in said
    assert "line 6: BTCUSDT of TRADING is on line 2 already" in said
    assert "line 7: an average cost above zero is needed, in quote currency; given: ''" in said
    assert held(gateway) == {}

    assert await take(gateway, GOOD) == (0, "2 positions set, 0 as before")
    assert held(gateway) == {"BTCUSDT": ("2.5", "60000"), "ETHUSDT": ("-10", "2000.5")}
    assert await take(gateway, GOOD) == (0, "0 positions set, 2 as before")
    scope = ("--account", "TRADING", "--symbol", "BTCUSDT")
    await gateway.fixgw("limits", "set", "MAX_POSITION", "3", *scope, "--reason", "to see")
    s = Scenario(gateway.client(), exchange, gateway)
    await s.client.connect()

    async def buy(name: str, qty: str) -> str:
        terms: Any = {"side": "buy", "symbol": "BTCUSDT", "price": "50000", "time_in_force": "GTC"}
        s.client.new_order(cl_ord_id=s.id(name), order_qty=qty, **terms)
        while (report := await s.next())[11] != s.id(name):
            assert report.get(97) == "Y"
        return report[58] if report[150] == "8" else report[150]

    denied = "MAX_POSITION limit=3 worst=3.1 position=2.5 account=TRADING symbol=BTCUSDT"
    assert await buy("A", "0.6") == denied
    out = gateway.look("limits", "show", "--used", "--json")
    assert [json.loads(line)["used"] for line in out.splitlines()] == ["2.5 (holds 2.5)"]
    seen = len(gateway.log())
    s.client.abort()
    gateway.kill_engine()
    await s.until_logged("reconciled account=main", seen)
    await s.client.connect()
    assert await buy("B", "0.6") == denied
    assert await buy("C", "0.5") == "0"
    await exchange.control("fill", clientOrderId="test-O3-1", qty="0.5")
    assert (await s.next())[150] == "F"
    held_now = {"BTCUSDT": ("3.0", "58333.333333333333"), "ETHUSDT": ("-10", "2000.5")}
    assert held(gateway) == held_now

    code, said = await take(gateway, GOOD)
    assert (code, "line 2: TRADING has traded BTCUSDT today; --intraday, if" in said) == (1, True)
    assert held(gateway) == held_now
    assert await take(gateway, GOOD, "--intraday") == (0, "1 position set, 1 as before")
    assert held(gateway)["BTCUSDT"] == ("2.5", "60000")
    code, out, _ = await gateway.fixgw("replay", "derive")
    assert code == 0, out
    with gateway.sql() as connection:
        taken = list(connection.execute(select(admin_actions.c.reason, admin_actions.c.outcome)))
        given = list(connection.execute(select(journal.c.payload).where(journal.c.event_type == "PositionSet")))
    assert ("start of day", "2 positions set, 0 as before") in [tuple(row) for row in taken]
    assert len(given) == 3


async def test_positions_from_the_venues_balances(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path, maker=True).start()
    venue = 'reference_symbols = ["LTCUSDT", "BTCUSDT"]\nreference_refresh_s = 0.5'
    gateway = Gateway(tmp_path, exchange.url, venue=venue, sessions={"DESK": ("FIX.4.4", "")})
    try:
        gateway.start()
        ask = ("positions", "from-venue", "main", "--reason", "first day")
        code, _, err = await gateway.fixgw(*ask)
        assert (code, err) == (1, "refused: whose are they? OTHER, TRADING trade through it: name one of them\n")
        trading = (*ask, "--account", "TRADING")
        s = Scenario(gateway.client(), exchange, gateway)
        await s.client.connect()
        terms: Any = {"side": "buy", "symbol": "LTCUSDT", "order_qty": "1", "price": "50", "time_in_force": "GTC"}
        s.client.new_order(cl_ord_id=s.id("A"), **terms)
        assert (await s.next())[150] == "0"
        code, _, err = await gateway.fixgw(*trading)
        assert (code, err.startswith("refused: 1 order open at main: ")) == (1, True)
        s.client.cancel(cl_ord_id=s.id("B"), orig_cl_ord_id=s.id("A"), symbol="LTCUSDT", side="buy", order_qty="1")
        assert [(await s.next())[150] for _ in range(2)] == ["6", "4"]
        await take(gateway, HEAD + "TRADING,LTC,400000,70\nOTHER,LTC,100000,75\n")
        deadline = time.monotonic() + 60
        while True:
            code, out, err = await gateway.fixgw(*trading, "--asset", "LTC", "--asset", "BTC")
            if not code:
                break
            assert "no symbol with USDT and a reference price: " in err
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        assert out == "2 positions set, 0 as before\n"
        found = held(gateway)
        assert {symbol: qty for symbol, (qty, _) in found.items()} == {"LTCUSDT": "900000", "BTCUSDT": "10000"}
        assert 80 < float(found["LTCUSDT"][1]) < 95  # 400,000 at 70 and 500,000 at the market's
        code, out, _ = await gateway.fixgw(*trading)
        assert code == 0
        assert out.startswith("0 positions set, 2 as before; left out, having no symbol with USDT and a reference")
        assert out.endswith("BNB, ETH\n")
        code, _, err = await gateway.fixgw("positions", "from-venue", "nowhere", "--reason", "x")
        assert (code, "no account trades through a venue account 'nowhere'" in err) == (1, True)
    finally:
        gateway.stop()
        exchange.stop()
