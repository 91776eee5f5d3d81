"""The simulated exchange's control API: what other tests script it with."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from tests.unit.sim_support import DEADLINE, Sim, WsClient, limit_order, running, signed


@pytest.fixture
async def sim() -> AsyncIterator[Sim]:
    async with running() as started:
        yield started


@pytest.fixture
async def ws(sim: Sim) -> WsClient:
    return await (await sim.ws()).subscribe()


async def refused(sim: Sim, path: str, **body: Any) -> str:
    async with sim.http.post(f"{sim.simulator.url}/sim/{path}", json=body) as answer:
        assert answer.status == 400
        return str((await answer.json())["error"])


async def until_held(sim: Sim, count: int) -> list[dict[str, str]]:
    async with asyncio.timeout(DEADLINE):
        while len(held := (await sim.look("held"))["held"]) < count:  # noqa: ASYNC110 - the server's state is polled
            await asyncio.sleep(0.005)
    return list(held)


async def reports(ws: WsClient, count: int) -> list[tuple[str, str]]:
    seen = [await ws.report() for _ in range(count)]
    return [(one["x"], one["X"]) for one in seen]


async def test_manual_orders_wait_for_their_script(sim: Sim, ws: WsClient) -> None:
    await sim.control("mode", symbol="LTCUSDT", mode="manual")
    await ws.place(side="SELL", price="100", newClientOrderId="s")
    orders: dict[str, dict[str, Any]] = {
        "crossing": {"price": "150"},
        "ioc": {"timeInForce": "IOC"},
        "fok": {"timeInForce": "FOK", "price": "150"},
        "market": {"type": "MARKET", "timeInForce": None, "price": None},
        "far": {"price": "1"},
    }
    for name, params in orders.items():
        answer = (await ws.place(newClientOrderId=name, **{"quantity": "10"} | params))["result"]
        assert (answer["status"], answer["executedQty"]) == ("NEW", "0.00000000"), name
    assert await reports(ws, 6) == [("NEW", "NEW")] * 6


async def test_fill_in_parts_and_whole(sim: Sim, ws: WsClient) -> None:
    await sim.control("mode", symbol="*", mode="manual")
    await ws.place(newClientOrderId="a", price="100")
    assert await sim.control("fill", clientOrderId="a", qty="0.5", price="99") == {"tradeId": 1}
    assert await sim.control("fill", clientOrderId="a", maker=False) == {"tradeId": 2}
    await ws.report()
    part, rest = await ws.report(), await ws.report()
    assert (part["X"], part["l"], part["L"], part["m"]) == ("PARTIALLY_FILLED", "0.50000000", "99.00000000", True)
    assert (rest["X"], rest["l"], rest["L"], rest["m"]) == ("FILLED", "1.50000000", "100.00000000", False)
    assert rest["Z"] == "199.50000000"
    assert "not open" in await refused(sim, "fill", clientOrderId="a")
    balances = (await ws.signed("account.status"))["result"]["balances"]
    usdt = next(one for one in balances if one["asset"] == "USDT")
    assert (usdt["free"], usdt["locked"]) == ("99999800.50000000", "0.00000000")


async def test_fill_refuses_what_cannot_be(sim: Sim, ws: WsClient) -> None:
    await sim.control("mode", symbol="*", mode="manual")
    placed = (await ws.place(newClientOrderId="a", price="100"))["result"]
    assert "at most what is left" in await refused(sim, "fill", orderId=placed["orderId"], qty="3")
    assert "lacks" in await refused(sim, "fill", clientOrderId="a", price="60000000")
    assert "no order" in await refused(sim, "fill", clientOrderId="b")


async def test_fill_in_auto_mode_takes_the_order_off_the_book(sim: Sim, ws: WsClient) -> None:
    await ws.place(newClientOrderId="a")
    await sim.control("fill", clientOrderId="a", qty="0.5")
    assert (await sim.get("depth", symbol="LTCUSDT"))["bids"] == [["90.00000000", "1.50000000"]]
    await sim.control("fill", clientOrderId="a")
    assert (await sim.get("depth", symbol="LTCUSDT"))["bids"] == []


async def test_a_fill_below_the_money_set_aside_gives_the_rest_back(sim: Sim, ws: WsClient) -> None:
    await sim.control("mode", symbol="*", mode="manual")
    await ws.place(type="MARKET", timeInForce=None, price=None, newClientOrderId="m")
    await sim.control("fill", clientOrderId="m", price="99")
    balances = {one["asset"]: one for one in (await ws.signed("account.status"))["result"]["balances"]}
    assert (balances["USDT"]["free"], balances["USDT"]["locked"]) == ("99999802.00000000", "0.00000000")


async def test_expired_orders_leave_the_book(sim: Sim, ws: WsClient) -> None:
    await ws.place(newClientOrderId="rests")
    await sim.control("expire", clientOrderId="rests")
    assert (await sim.get("depth", symbol="LTCUSDT"))["bids"] == []
    await sim.control("mode", symbol="LTCUSDT", mode="manual")
    await ws.place(newClientOrderId="waits")
    await sim.control("expire", clientOrderId="waits")
    await sim.control("mode", symbol="LTCUSDT", mode="auto")
    assert (await sim.get("depth", symbol="LTCUSDT"))["bids"] == []


async def test_unsolicited_cancel_expire_and_reduce(sim: Sim, ws: WsClient) -> None:
    await sim.control("mode", symbol="*", mode="manual")
    for name in ("c", "e", "m", "r"):
        await ws.place(newClientOrderId=name)
    await reports(ws, 4)
    await sim.control("cancel", clientOrderId="c")
    canceled = await ws.report()
    assert (canceled["x"], canceled["C"]) == ("CANCELED", "c")
    assert "not open" in await refused(sim, "cancel", clientOrderId="c")  # found by its original id
    assert "not open" in await refused(sim, "cancel", clientOrderId=canceled["c"])
    await sim.control("expire", clientOrderId="e")
    await sim.control("expire", clientOrderId="m", reason="EXPIRED_IN_MATCH")
    assert await reports(ws, 2) == [("EXPIRED", "EXPIRED"), ("EXPIRED", "EXPIRED_IN_MATCH")]
    await sim.control("reduce", clientOrderId="r", qty="1.5")
    reduced = await ws.report()
    assert (reduced["x"], reduced["q"], reduced["c"]) == ("REPLACED", "1.50000000", "r")
    assert "must be above" in await refused(sim, "reduce", clientOrderId="r", qty="2")


async def test_hold_before_and_after(sim: Sim, ws: WsClient) -> None:
    await sim.control("hold", op="order.place", when="before")
    waiting = await ws.send("order.place", signed(limit_order(newClientOrderId="first")))
    second = await ws.send("order.place", signed(limit_order(newClientOrderId="second")))
    assert await until_held(sim, 2) == [{"op": "order.place", "when": "before"}] * 2
    assert await sim.look("orders") == []
    assert (await ws.call("ping"))["status"] == 200
    assert await sim.control("release", op="order.place") == {"released": 2}
    assert (await waiting)["status"] == (await second)["status"] == 200
    assert [one["clientOrderId"] for one in await sim.look("orders")] == ["first", "second"]
    await reports(ws, 2)
    await sim.control("hold", op="*", when="after")
    waiting = await ws.send("order.place", signed(limit_order(newClientOrderId="third")))
    assert (await ws.report())["c"] == "third"
    assert not waiting.done()
    await sim.control("release")
    assert (await waiting)["status"] == 200
    assert (await ws.call("ping"))["status"] == 200


async def test_held_events(sim: Sim, ws: WsClient) -> None:
    await sim.control("hold", op="events")
    await ws.place()
    assert (await sim.look("held"))["events"] == 2
    assert ws.events.empty()
    assert await sim.control("release", op="events") == {"released": 2}
    assert (await ws.report())["x"] == "NEW"


async def test_reject(sim: Sim, ws: WsClient) -> None:
    await sim.control("reject", op="order.place", code=-2010, msg="Nope.", count=2)
    for _ in range(2):
        refusal = await ws.place()
        assert (refusal["status"], refusal["error"]) == (400, {"code": -2010, "msg": "Nope."})
    assert (await ws.place())["status"] == 200
    await sim.control("reject", op="account.status", code=-1003, msg="Slow.", status=429)
    assert (await sim.rest("GET", "account"))[:2] == (429, {"code": -1003, "msg": "Slow."})
    assert len(await sim.look("orders")) == 1


async def test_delay_delays_the_answer_only(sim: Sim, ws: WsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    delays, over = list[float](), asyncio.Event()

    async def sleep(seconds: float) -> None:
        delays.append(seconds)
        await over.wait()

    monkeypatch.setattr("gateway.simulator.scripts.asyncio", SimpleNamespace(sleep=sleep))
    await sim.control("delay", op="order.place", ms=150)
    waiting = await ws.send("order.place", signed(limit_order()))
    await ws.report()
    assert (waiting.done(), delays) == (False, [0.15])
    over.set()
    assert (await asyncio.wait_for(waiting, DEADLINE))["status"] == 200
    await sim.control("delay", op="order.place", ms=0)
    assert (await ws.place())["status"] == 200


@pytest.mark.parametrize(("kind", "code", "orders"), [("http_503_before", -1008, 0), ("http_503_after", -1007, 1)])
async def test_faults_with_status_503(sim: Sim, kind: str, code: int, orders: int) -> None:
    ws = await sim.ws()
    await sim.control("fault", op="order.place", kind=kind, count=2)
    answer = await ws.place()
    assert (answer["status"], answer["error"]["code"]) == (503, code)
    status, body, _ = await sim.rest("POST", "order", **limit_order())
    assert (status, body["code"]) == (503, code)
    assert len(await sim.look("orders")) == 2 * orders


@pytest.mark.parametrize(("kind", "orders"), [("drop_before", 0), ("drop_after", 1)])
async def test_dropped_connections(sim: Sim, kind: str, orders: int) -> None:
    await sim.control("fault", op="order.place", kind=kind, count=2)
    ws = await sim.ws()
    with pytest.raises(ConnectionError):
        await ws.place()
    with pytest.raises(aiohttp.ClientError):
        await sim.rest("POST", "order", **limit_order())
    assert len(await sim.look("orders")) == 2 * orders


async def test_rubbish_and_no_answer_at_all(sim: Sim) -> None:
    await sim.control("fault", op="order.place", kind="rubbish", count=2)
    ws = await sim.ws()
    await ws.send("order.place", signed(limit_order()))
    assert "rubbish" in await ws.event()
    with pytest.raises(ValueError, match="Expecting value"):
        await sim.rest("POST", "order", **limit_order())
    await sim.control("fault", op="order.place", kind="timeout", count=2)
    waiting = await ws.send("order.place", signed(limit_order()))
    asked = asyncio.create_task(sim.rest("POST", "order", **limit_order()))
    async with asyncio.timeout(DEADLINE):
        while len(await sim.look("orders")) < 4:  # noqa: ASYNC110 - the exchange announces nothing
            await asyncio.sleep(0.005)
    assert (await ws.call("ping"))["status"] == 200
    assert not waiting.done()
    assert not asked.done()
    asked.cancel()


async def test_events_lost_doubled_and_silent(sim: Sim, ws: WsClient) -> None:
    await sim.control("events", lose=2)
    await ws.place(newClientOrderId="lost")
    await sim.control("events", duplicate=1)
    await ws.place(newClientOrderId="double")
    assert [(await ws.event()).get("c") for _ in range(3)] == ["double", "double", None]
    await sim.control("events", silent=True)
    await ws.place(newClientOrderId="silent")
    await sim.control("events", silent=False)
    await ws.place(newClientOrderId="heard")
    assert (await ws.report())["c"] == "heard"


async def test_drop_connections(sim: Sim, ws: WsClient) -> None:
    assert await sim.control("drop_connections") == {"dropped": 1}
    await asyncio.wait_for(ws._reader, DEADLINE)
    assert ws.socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
    assert (await (await sim.ws()).call("ping"))["status"] == 200


async def test_price_triggers_stops(sim: Sim, ws: WsClient) -> None:
    await sim.control("mode", symbol="LTCUSDT", mode="manual")
    await ws.place(type="STOP_LOSS_LIMIT", side="SELL", stopPrice="95", price="94", newClientOrderId="stop")
    waiting = await ws.report()
    assert (waiting["w"], "W" in waiting) == (False, False)
    await sim.control("price", symbol="LTCUSDT", price="95.01")
    await sim.control("price", symbol="LTCUSDT", price="95")
    triggered = await ws.report()
    assert (triggered["x"], triggered["w"]) == ("NEW", True)
    await sim.control("fill", clientOrderId="stop")
    assert (await ws.report())["X"] == "FILLED"


async def test_back_to_auto_matches_what_waited(sim: Sim, ws: WsClient) -> None:
    await sim.control("mode", symbol="LTCUSDT", mode="manual")
    await ws.place(side="SELL", price="100", newClientOrderId="s")
    await ws.place(price="101", newClientOrderId="b", quantity="3")
    await sim.control("mode", symbol="LTCUSDT", mode="auto")
    status = {one["clientOrderId"]: one["status"] for one in await sim.look("orders")}
    assert status == {"s": "FILLED", "b": "PARTIALLY_FILLED"}


async def test_reset_starts_anew(sim: Sim, ws: WsClient) -> None:
    await ws.place(side="SELL", price="100")
    await ws.place(price="100")
    await sim.control("mode", symbol="*", mode="manual")
    await sim.control("time", offset_ms=-60_000)
    await sim.control("hold", op="order.place")
    held = await ws.send("order.cancel", signed({}))
    await sim.control("symbol", symbol="*", status="HALT")
    await sim.control("reset")
    await asyncio.wait_for(held, DEADLINE)
    assert await sim.look("orders") == await sim.look("trades") == []
    assert (await sim.look("held"))["held"] == []
    balances = (await ws.signed("account.status"))["result"]["balances"]
    assert {one["asset"]: one["free"] for one in balances}["USDT"] == "100000000.00000000"
    assert (await ws.place())["result"]["status"] == "NEW"


async def test_trades_for_comparing_books(sim: Sim, ws: WsClient) -> None:
    await ws.place(side="SELL", price="100", newClientOrderId="s")
    await ws.place(price="100", newClientOrderId="b")
    trades = await sim.look("trades?account=main")
    assert [(one["clientOrderId"], one["isMaker"], one["qty"]) for one in trades] == [
        ("s", True, "2.00000000"),
        ("b", False, "2.00000000"),
    ]
    assert await sim.look("trades?account=second") == []


async def test_mistakes_are_explained(sim: Sim) -> None:
    assert "there are" in await refused(sim, "mode", symbol="NOPE", mode="manual")
    assert "allowed are manual, auto" in await refused(sim, "mode", symbol="*", mode="other")
    assert "order.place" in await refused(sim, "hold", op="order.plcae")
    assert "allowed are" in await refused(sim, "fault", op="*", kind="explode")
    async with sim.http.post(f"{sim.simulator.url}/sim/nothing") as answer:
        assert answer.status == 404


async def test_money_comes_and_goes_told_and_untold(sim: Sim, ws: WsClient) -> None:
    await sim.control("deposit", account="main", asset="BTC", qty="2.5")
    update, position = [await asyncio.wait_for(ws.events.get(), DEADLINE) for _ in range(2)]
    assert (update["e"], update["a"], update["d"]) == ("balanceUpdate", "BTC", "2.50000000")
    assert (position["e"], position["u"]) == ("outboundAccountPosition", update["T"])
    assert position["B"] == [{"a": "BTC", "f": "10002.50000000", "l": "0.00000000"}]
    await sim.control("deposit", account="main", asset="BTC", qty="-0.5", event=False)
    account = (await ws.signed("account.status"))["result"]
    assert {"asset": "BTC", "free": "10002.00000000", "locked": "0.00000000"} in account["balances"]
    assert ws.events.empty()
    assert "has 10002.0 BTC free, not 10003" in await refused(sim, "deposit", account="main", asset="BTC", qty="-10003")
    assert "no account 'nobody'" in await refused(sim, "deposit", account="nobody", asset="BTC", qty="1")


async def test_commissions_are_taken_from_bnb_when_that_is_wanted(sim: Sim, ws: WsClient) -> None:
    await sim.control("mode", symbol="LTCUSDT", mode="manual")
    await sim.control("fees", bnb_price="500")
    await ws.place(side="BUY", price="100", quantity="10", newClientOrderId="b")
    await sim.control("fill", clientOrderId="b")
    assert (await ws.report())["x"] == "NEW"
    traded = await ws.report()
    assert (traded["n"], traded["N"]) == ("0.00200000", "BNB")  # a thousandth of 1,000 USDT
    held = {b["asset"]: b["free"] for b in (await ws.signed("account.status"))["result"]["balances"]}
    assert (held["BNB"], held["LTC"]) == ("99999.99800000", "1000010.00000000")
