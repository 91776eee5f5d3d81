"""A simulator on a real socket, and plain clients that sign like any Binance client."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp

from gateway.simulator.server import Settings, Simulator

KEY, SECRET = "sim-main-key", "sim-main-secret"
DEADLINE = 30.0


def hmac_hex(payload: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def signed(params: dict[str, Any], key: str = KEY, secret: str = SECRET) -> dict[str, Any]:
    """WebSocket parameters with key, timestamp and signature."""
    full = {"apiKey": key, "timestamp": now_ms()} | params
    payload = "&".join(f"{name}={full[name]}" for name in sorted(full))
    return full | {"signature": hmac_hex(payload, secret)}


class WsClient:
    """Answers by id, events in a queue."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._waiting: dict[Any, asyncio.Future[dict[str, Any]]] = {}
        self._last_id = 0
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            try:
                frame = message.json()
            except ValueError:
                frame = {"id": None, "rubbish": message.data}
            if "subscriptionId" in frame:
                self.events.put_nowait(frame["event"])
            elif frame.get("id") in self._waiting:
                self._waiting.pop(frame["id"]).set_result(frame)
            else:
                self.events.put_nowait(frame)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("closed"))

    async def send(self, method: str, params: dict[str, Any] | None = None) -> asyncio.Future[dict[str, Any]]:
        self._last_id += 1
        future = asyncio.get_running_loop().create_future()
        self._waiting[self._last_id] = future
        await self.socket.send_json({"id": self._last_id, "method": method, "params": params or {}})
        return future

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A public method, or one that the logon authorizes."""
        return await asyncio.wait_for(await self.send(method, params), DEADLINE)

    async def signed(self, method: str, **params: Any) -> dict[str, Any]:
        return await self.call(method, **signed(params))

    async def place(self, **params: Any) -> dict[str, Any]:
        return await self.signed("order.place", **limit_order(**params))

    async def subscribe(self) -> Self:
        assert (await self.signed("userDataStream.subscribe.signature"))["result"] == {"subscriptionId": 0}
        return self

    async def event(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.events.get(), DEADLINE)

    async def report(self) -> dict[str, Any]:
        """The next executionReport; balance events between are skipped."""
        while (event := await self.event())["e"] != "executionReport":
            pass
        return event

    async def close(self) -> None:
        await self.socket.close()
        await self._reader


def limit_order(**params: Any) -> dict[str, Any]:
    """A resting buy, far below the market, with what a test wants otherwise."""
    order = {
        "symbol": "LTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "2",
        "price": "90.00",
        "selfTradePreventionMode": "NONE",
    } | params
    return {name: value for name, value in order.items() if value is not None}


class Sim:
    """A running simulator and the ways to reach it."""

    def __init__(self, simulator: Simulator, http: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.http = http
        self._clients: list[WsClient] = []

    async def ws(self, path: str = "/ws-api/v3", compress: int = 0) -> WsClient:
        client = WsClient(await self.http.ws_connect(self.simulator.url + path, compress=compress))
        self._clients.append(client)
        return client

    async def control(self, path: str, **body: Any) -> Any:
        async with self.http.post(f"{self.simulator.url}/sim/{path}", json=body) as answer:
            content = await answer.json()
            assert answer.status == 200, content
            return content

    async def look(self, path: str) -> Any:
        async with self.http.get(f"{self.simulator.url}/sim/{path}") as answer:
            return await answer.json()

    async def rest(
        self, method: str, path: str, key: str = KEY, secret: str = SECRET, **params: Any
    ) -> tuple[int, Any, Any]:
        """A signed request with everything in the query: status, JSON, headers."""
        query = urlencode({"timestamp": now_ms()} | params)
        url = f"{self.simulator.url}/api/v3/{path}?{query}&signature={hmac_hex(query, secret)}"
        async with self.http.request(method, url, headers={"X-MBX-APIKEY": key}) as answer:
            return answer.status, await answer.json(), answer.headers

    async def get(self, path: str, **params: Any) -> Any:
        async with self.http.get(f"{self.simulator.url}/api/v3/{path}", params=params) as answer:
            return await answer.json()

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Sim]:
    """A simulator on a free port, without market maker unless asked for."""
    simulator = Simulator(Settings(**({"port": 0, "maker": False} | settings)))
    await simulator.start()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE)) as http:
        sim = Sim(simulator, http)
        try:
            yield sim
        finally:
            await sim.close()
            await simulator.stop()
