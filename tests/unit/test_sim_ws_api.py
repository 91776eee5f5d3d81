"""The simulated exchange's WebSocket API and user data, over real sockets."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.simulator.accounts import Accounts, sandbox_accounts
from gateway.simulator.limits import Limits
from tests.unit.sim_support import DEADLINE, Sim, WsClient, limit_order, now_ms, running, signed

ED25519_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def accounts() -> Accounts:
    known = sandbox_accounts()
    pem = ED25519_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    known.add_ed25519_key("main", "main-ed25519", pem)
    return known


def logon_params() -> dict[str, Any]:
    params = {"apiKey": "main-ed25519", "timestamp": now_ms()}
    signature = ED25519_KEY.sign(f"apiKey=main-ed25519&timestamp={params['timestamp']}".encode())
    return params | {"signature": base64.b64encode(signature).decode()}


@pytest.fixture
async def sim() -> AsyncIterator[Sim]:
    async with running(accounts=accounts()) as started:
        yield started


async def test_public_methods(sim: Sim) -> None:
    ws = await sim.ws()
    assert (await ws.call("ping"))["result"] == {}
    assert (await ws.call("v3/time"))["result"]["serverTime"] > 0
    assert (await ws.call("exchangeInfo", symbols=["LTCUSDT"]))["result"]["symbols"][0]["symbol"] == "LTCUSDT"
    assert (await ws.call("depth", symbol="LTCUSDT"))["result"]["bids"] == []
    assert (await ws.call("ticker.book", symbol="LTCUSDT"))["result"]["bidPrice"] == "0.00000000"
    assert (await ws.call("no.such"))["error"]["code"] == -1020


@pytest.mark.parametrize("request_id", [7, "e2a85d9f-07a5-4f94-8d5f-789dc3deb097", None, ""])
async def test_ids_come_back_as_sent(sim: Sim, request_id: object) -> None:
    async with sim.http.ws_connect(sim.simulator.url + "/ws-api/v3") as socket:
        await socket.send_json({"id": request_id, "method": "ping"})
        assert (await socket.receive_json(timeout=DEADLINE))["id"] == request_id


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"id":1}', '{"id":1,"method":"time","params":[]}', "\x00"])
async def test_bad_json_is_refused_and_the_connection_lives(sim: Sim, text: str) -> None:
    async with sim.http.ws_connect(sim.simulator.url + "/ws-api/v3") as socket:
        await socket.send_str(text)
        assert (await socket.receive_json(timeout=DEADLINE))["error"]["code"] == -1135
        await socket.send_str('{"id":1,"method":"ping"}')
        assert (await socket.receive_json(timeout=DEADLINE))["status"] == 200


async def test_numbers_are_signed_as_they_are_written(sim: Sim) -> None:
    params = signed(limit_order(quantity="2.50", price="1e2", strategyId=5))
    text = (
        "{"
        + ",".join(
            f'"{k}":{v}' if k in ("quantity", "price", "timestamp", "strategyId") else f'"{k}":"{v}"'
            for k, v in params.items()
        )
        + "}"
    )
    async with sim.http.ws_connect(sim.simulator.url + "/ws-api/v3") as socket:
        await socket.send_str('{"id":1,"method":"order.place","params":' + text + "}")
        answer = await socket.receive_json(timeout=DEADLINE)
    assert (answer["result"]["origQty"], answer["result"]["price"]) == ("2.50000000", "100.00000000")
    assert answer["result"]["strategyId"] == 5


async def test_compressed_connection(sim: Sim) -> None:
    ws = await sim.ws(compress=15)
    assert ws.socket.compress == 15
    await ws.subscribe()
    await ws.place(newClientOrderId="deflated")
    assert (await ws.report())["c"] == "deflated"
    assert len((await ws.call("exchangeInfo"))["result"]["symbols"]) == 6


async def test_rate_limits_are_shown_on_request(sim: Sim) -> None:
    ws = await sim.ws()
    kinds = [one["rateLimitType"] for one in (await ws.place())["rateLimits"]]
    assert kinds == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]
    assert "rateLimits" not in await ws.call("time", returnRateLimits=False)
    quiet = await sim.ws("/ws-api/v3?returnRateLimits=false")
    assert "rateLimits" not in await quiet.call("time")
    assert "rateLimits" in await quiet.call("time", returnRateLimits=True)


@pytest.mark.usefixtures("standing_time")
async def test_refusal_when_limits_are_exceeded() -> None:
    async with running(limits=Limits(orders_per_10s=1)) as sim:
        ws = await sim.ws()
        await ws.place()
        refused = await ws.place()
        assert (refused["status"], refused["error"]["code"]) == (429, -1015)
        data = refused["error"]["data"]
        assert 0 < data["retryAfter"] - data["serverTime"] <= 10_000


async def test_session_logon_and_logout(sim: Sim) -> None:
    ws = await sim.ws()
    assert (await ws.call("session.status"))["result"]["apiKey"] is None
    logon = (await ws.call("session.logon", **logon_params()))["result"]
    assert logon["apiKey"] == "main-ed25519"
    assert logon["userDataStream"] is False
    assert (await ws.call("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
    assert (await ws.call("session.status"))["result"]["userDataStream"] is True
    placed = await ws.call("order.place", **limit_order(), timestamp=now_ms())
    assert placed["status"] == 200
    assert (await ws.call("order.place", **limit_order()))["error"]["code"] == -1102
    stale = await ws.call("order.place", **limit_order(), timestamp=now_ms() - 10_000)
    assert stale["error"]["code"] == -1021
    await ws.call("session.logout")
    kinds: list[str] = []
    while not kinds or kinds[-1] != "eventStreamTerminated":
        kinds.append((await ws.event())["e"])
    assert (await ws.call("order.place", **limit_order(), timestamp=now_ms()))["error"]["code"] == -1102


async def test_logon_needs_an_ed25519_key_and_a_good_signature(sim: Sim) -> None:
    ws = await sim.ws()
    assert (await ws.signed("session.logon"))["error"]["code"] == -4056
    forged = logon_params() | {"timestamp": now_ms() + 1}
    assert (await ws.call("session.logon", **forged))["error"]["code"] == -1022
    assert (await ws.call("session.logon", **logon_params() | {"signature": "%%%"}))["error"]["code"] == -1022
    assert (await ws.call("userDataStream.subscribe"))["error"]["code"] == -2015


async def test_subscription_twice_and_ended(sim: Sim) -> None:
    ws = await (await sim.ws()).subscribe()
    assert (await ws.signed("userDataStream.subscribe.signature"))["error"]["code"] == -2035
    params = signed({}, "sim-second-key", "sim-second-secret")
    second = await ws.call("userDataStream.subscribe.signature", **params)
    assert second["result"] == {"subscriptionId": 1}
    assert (await ws.call("userDataStream.unsubscribe", subscriptionId=0))["result"] == {}
    assert (await ws.event())["e"] == "eventStreamTerminated"
    await ws.place()
    assert ws.events.empty()
    assert (await ws.call("userDataStream.unsubscribe", subscriptionId=0))["error"]["code"] == -2036


async def test_events_of_a_trade(sim: Sim) -> None:
    ws = await (await sim.ws()).subscribe()
    await ws.place(side="SELL", price="100", newClientOrderId="rests")
    new = await ws.report()
    assert (new["x"], new["X"], new["c"], new["w"], new["q"]) == ("NEW", "NEW", "rests", True, "2.00000000")
    assert (await ws.event())["B"] == [{"a": "LTC", "f": "999998.00000000", "l": "2.00000000"}]
    answer = await ws.place(price="105", newClientOrderId="takes", timeInForce="IOC", quantity="3")
    reports = [await ws.report() for _ in range(4)]
    assert [(one["c"], one["x"], one["X"]) for one in reports] == [
        ("takes", "NEW", "NEW"),
        ("rests", "TRADE", "FILLED"),
        ("takes", "TRADE", "PARTIALLY_FILLED"),
        ("takes", "EXPIRED", "EXPIRED"),
    ]
    maker, taker = reports[1], reports[2]
    assert maker["t"] == taker["t"] == answer["result"]["fills"][0]["tradeId"]
    assert (maker["m"], taker["m"]) == (True, False)
    assert (taker["l"], taker["L"], taker["z"], taker["Z"]) == (
        "2.00000000",
        "100.00000000",
    ) * 1 + (
        "2.00000000",
        "200.00000000",
    )
    assert (taker["n"], taker["N"], maker["n"], maker["N"]) == ("0.00200000", "LTC", "0.20000000", "USDT")
    assert len({one["I"] for one in reports}) == 4


async def test_answer_comes_before_the_events_it_caused(sim: Sim) -> None:
    async with sim.http.ws_connect(sim.simulator.url + "/ws-api/v3") as socket:
        await socket.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": signed({})})
        await socket.send_json({"id": 2, "method": "order.place", "params": signed(limit_order())})
        frames = [await socket.receive_json(timeout=DEADLINE) for _ in range(4)]
    assert [frame.get("id") for frame in frames] == [1, 2, None, None]


async def test_cancel_amend_and_replace_events(sim: Sim) -> None:
    ws = await (await sim.ws()).subscribe()
    await ws.place(newClientOrderId="a", quantity="5")
    await ws.signed("order.amend.keepPriority", symbol="LTCUSDT", origClientOrderId="a", newQty="4")
    await ws.report()
    replaced = await ws.report()
    assert (replaced["x"], replaced["q"], replaced["C"]) == ("REPLACED", "4.00000000", "a")
    find = {"cancelOrigClientOrderId": replaced["c"], "cancelReplaceMode": "STOP_ON_FAILURE"}
    both = await ws.signed("order.cancelReplace", **limit_order(newClientOrderId="b"), **find)
    assert both["result"]["cancelResult"] == "SUCCESS"
    canceled, new = await ws.report(), await ws.report()
    assert (canceled["x"], canceled["C"], new["x"], new["c"]) == ("CANCELED", replaced["c"], "NEW", "b")
    await sim.control("balance", account="main", asset="USDT", free="0")
    find["cancelOrigClientOrderId"] = "b"
    failed = await ws.signed("order.cancelReplace", **limit_order(quantity="9", newClientOrderId="c"), **find)
    assert (failed["status"], failed["error"]["code"]) == (409, -2021)
    assert [(await ws.report())["x"] for _ in range(2)] == ["CANCELED", "REJECTED"]


async def test_queries(sim: Sim) -> None:
    ws = await sim.ws()
    placed = (await ws.place())["result"]
    find = {"symbol": "LTCUSDT", "orderId": placed["orderId"]}
    assert (await ws.signed("order.status", **find))["result"]["status"] == "NEW"
    assert (await ws.signed("order.status", symbol="LTCUSDT", orderId=99))["error"]["code"] == -2013
    assert len((await ws.signed("openOrders.status"))["result"]) == 1
    assert len((await ws.signed("allOrders", symbol="LTCUSDT"))["result"]) == 1
    assert (await ws.signed("myTrades", symbol="LTCUSDT"))["result"] == []
    assert (await ws.signed("account.status"))["result"]["accountType"] == "SPOT"
    assert (await ws.signed("order.test", **limit_order()))["result"] == {}
    assert len((await ws.signed("openOrders.cancelAll", symbol="LTCUSDT"))["result"]) == 1
    assert (await ws.signed("order.cancel", **find))["error"] == {"code": -2011, "msg": "Unknown order sent."}


async def test_self_trade_prevention_event(sim: Sim) -> None:
    ws = await (await sim.ws()).subscribe()
    await ws.place(side="SELL", price="100", newClientOrderId="rests")
    await ws.report()
    answer = await ws.place(price="100", newClientOrderId="takes", selfTradePreventionMode="EXPIRE_TAKER")
    assert answer["result"]["status"] == "EXPIRED_IN_MATCH"
    assert answer["result"]["preventedQuantity"] == "2.00000000"
    await ws.report()
    event = await ws.report()
    assert (event["c"], event["x"], event["X"], event["A"]) == (
        "takes",
        "TRADE_PREVENTION",
        "EXPIRED_IN_MATCH",
        "2.00000000",
    )


async def test_market_streams(sim: Sim) -> None:
    single, combined = await sim.ws("/ws/ltcusdt@bookTicker"), await sim.ws("/stream?streams=ltcusdt@bookTicker")
    assert (await single.event())["s"] == "LTCUSDT"
    assert (await combined.event())["stream"] == "ltcusdt@bookTicker"
    await (await sim.ws()).place()
    assert (await single.event())["b"] == "90.00000000"
    assert (await combined.event())["data"]["B"] == "2.00000000"
    plain = await sim.ws("/ws")
    await plain.socket.send_json({"id": 3, "method": "SUBSCRIBE", "params": ["ltcusdt@bookTicker"]})
    assert await plain.event() == {"result": None, "id": 3}
    assert (await plain.event())["b"] == "90.00000000"


async def test_stopping_says_so_and_closes(sim: Sim) -> None:
    ws = await (await sim.ws()).subscribe()
    await sim.simulator.stop()
    assert (await ws.event())["e"] == "serverShutdown"
    await asyncio.wait_for(ws._reader, DEADLINE)
    assert ws.socket.closed


async def test_a_client_that_never_reads_is_dropped_and_stalls_nobody(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.simulator.connection._MAX_BACKLOG_BYTES", 100_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.simulator.port, limit=2**10)
    writer.write(
        b"GET /ws-api/v3 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert b"101" in await reader.readline()
    text = b'{"id":1,"method":"exchangeInfo"}'
    frame = bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text
    for _ in range(2000):
        if len(sim.simulator.hub.connections) == 0:
            break
        writer.write(frame)
        await asyncio.sleep(0)
        await (await sim.http.get(sim.simulator.url + "/api/v3/ping")).read()
    assert len(sim.simulator.hub.connections) == 0
    writer.close()


async def test_clients_that_vanish_are_forgotten(sim: Sim) -> None:
    ws: WsClient = await (await sim.ws()).subscribe()
    await ws.socket.close()
    other = await sim.ws()
    assert (await other.place())["status"] == 200
    assert len(sim.simulator.hub.connections) == 1
    assert isinstance(other.socket, aiohttp.ClientWebSocketResponse)
