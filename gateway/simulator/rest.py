"""The REST API at /api/v3 (Binance: rest-api.md)."""

import asyncio
import math
from functools import partial
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.simulator import signing
from gateway.simulator.accounts import Account
from gateway.simulator.api import METHODS, Answer, Api, refuse
from gateway.simulator.connection import Hub
from gateway.simulator.errors import ApiError
from gateway.simulator.scripts import Fate, Scripts

ROUTES = {
    ("GET", "ping"): "ping",
    ("GET", "time"): "time",
    ("GET", "exchangeInfo"): "exchangeInfo",
    ("GET", "depth"): "depth",
    ("GET", "avgPrice"): "avgPrice",
    ("GET", "ticker/bookTicker"): "ticker.book",
    ("GET", "ticker/price"): "ticker.price",
    ("GET", "account"): "account.status",
    ("POST", "order"): "order.place",
    ("POST", "order/test"): "order.test",
    ("GET", "order"): "order.status",
    ("DELETE", "order"): "order.cancel",
    ("POST", "order/cancelReplace"): "order.cancelReplace",
    ("PUT", "order/amend/keepPriority"): "order.amend.keepPriority",
    ("GET", "openOrders"): "openOrders.status",
    ("DELETE", "openOrders"): "openOrders.cancelAll",
    ("GET", "allOrders"): "allOrders",
    ("GET", "myTrades"): "myTrades",
}
PREFIX = "/api/v3/"
_JSON = "application/json"
_RUBBISH = b'<html>\x00{"orderId":'
_DUPLICATE = ApiError(-1101, "Duplicate values for a parameter detected.")


def read_params(query: str, body: str) -> dict[str, str]:
    """Parameters of query and form body; the query wins. Raises -1101 for one sent twice in the same place."""
    merged: dict[str, str] = {}
    for part in (body, query):
        pairs = parse_qsl(part, keep_blank_values=True)
        values = dict(pairs)
        if len(values) < len(pairs):
            raise _DUPLICATE
        merged |= values
    return merged


class Rest:
    """Serves REST requests."""

    def __init__(self, api: Api, scripts: Scripts, hub: Hub) -> None:
        self.api = api
        self.scripts = scripts
        self.hub = hub
        self.ending = asyncio.Event()  # lets requests go that are never to be answered

    async def serve(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        op = ROUTES.get((request.method, path.removeprefix(PREFIX)))
        if op is None:
            known = any(path == PREFIX + name for _, name in ROUTES)
            return web.Response(status=405 if known else 404, text="{}", content_type=_JSON)
        body = (await request.read()).decode(errors="replace") if request.body_exists else ""
        process = partial(self._process, op, request, query, body)
        if not self.scripts.active:
            answer = process()
            await self.hub.flush()
            return self._response(answer)
        if self.scripts.playback.takes(op):
            return self._response(await self.scripts.playback.ask(op, read_params(query, body)))
        fate, answer = await self.scripts.run(op, process, self.hub.flush)
        if fate is Fate.SILENCE:
            await self.ending.wait()
        if fate in (Fate.DROP, Fate.SILENCE) and request.transport is not None:
            request.transport.abort()
        if fate is Fate.RUBBISH:
            return web.Response(body=_RUBBISH, content_type=_JSON)
        return self._response(answer)

    def _process(self, op: str, request: web.BaseRequest, query: str, body: str) -> Answer:
        method = METHODS[op]
        try:
            params = read_params(query, body)
        except ApiError as error:
            return refuse(error, None)

        def authenticate(now: int) -> Account:
            payload = signing.rest_payload(query, body)
            api_key = request.headers.get("X-MBX-APIKEY")
            return self.api.authenticate(api_key, params, payload, params.get("signature"), now).account

        return self.api.run(method, params, request.remote or "", authenticate)

    def _response(self, answer: Answer) -> web.Response:
        response = web.Response(body=answer.body, status=answer.status, content_type=_JSON)
        if answer.usage is not None:
            response.headers.update(self.api.limits.headers(answer.usage))
        if answer.retry_after_ms is not None:
            response.headers["Retry-After"] = str(math.ceil(answer.retry_after_ms / 1000))
        return response
