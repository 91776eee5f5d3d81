"""The WebSocket API at /ws-api/v3 (Binance: web-socket-api.md)."""

import asyncio
from functools import partial
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from gateway.simulator import errors, signing
from gateway.simulator.accounts import Account, ApiKey
from gateway.simulator.api import METHODS, Answer, Api, Method, refuse
from gateway.simulator.connection import Connection, Hub
from gateway.simulator.errors import ApiError
from gateway.simulator.params import Params
from gateway.simulator.scripts import Fate, Scripts
from gateway.simulator.user_stream import Subscription, UserStream

_CONNECT_WEIGHT = 2
_RUBBISH = b'{"id":\x00<html>502 bad gateway'
_BAD_JSON = ApiError(-1135, "Invalid JSON Request")
_NO_METHOD = ApiError(-1020, "This operation is not supported.")


class _Request(msgspec.Struct):
    """A request as it arrives; the id is kept as sent, whatever it is."""

    method: str
    id: msgspec.Raw = msgspec.Raw(b"null")
    params: dict[str, Any] | None = None


# Decimal numbers keep their text: it is what was signed, and no float ever stands for money.
_DECODE = msgspec.json.Decoder(_Request, float_hook=str).decode


class WsApi:
    """Serves WebSocket API connections."""

    def __init__(self, api: Api, stream: UserStream, scripts: Scripts, hub: Hub) -> None:
        self.api = api
        self.stream = stream
        self.scripts = scripts
        self.hub = hub
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.scripts.playback.away or self.scripts.ws_api_away:
            return web.Response(status=503)
        connection = await self.hub.open(request)
        session = _Session(self.api, self.stream, connection, request)
        try:
            async for message in connection.ws:
                if message.type is WSMsgType.TEXT:
                    await self._handle(session, message.data)
        finally:
            self.stream.forget(connection)
            self.hub.forget(connection)
        return connection.ws

    async def _handle(self, session: "_Session", data: bytes) -> None:
        try:
            request = _DECODE(data)
        except msgspec.MsgspecError:
            session.send(b"null", refuse(_BAD_JSON, None), True)
            await self.hub.flush()
            return
        params = request.params or {}
        show_limits = session.shows_limits(params)
        op = request.method.removeprefix("v3/")
        if self.scripts.active:
            request_id = bytes(request.id)
            task = asyncio.create_task(self._scripted(session, op, params, request_id, show_limits))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        session.send(request.id, session.answer(op, params), show_limits)
        await self.hub.flush()

    async def _scripted(
        self, session: "_Session", op: str, params: dict[str, Any], request_id: bytes, show_limits: bool
    ) -> None:
        if self.scripts.playback.takes(op):
            session.send(request_id, await self.scripts.playback.ask(op, params), show_limits)
            await self.hub.flush()
            return
        process = partial(session.answer, op, params)
        fate, answer = await self.scripts.run(op, process, self.hub.flush)
        if fate is Fate.DROP:
            session.connection.abort()
        elif fate is Fate.RUBBISH:
            session.connection.push(_RUBBISH)
        elif fate is Fate.ANSWER:
            session.send(request_id, answer, show_limits)
        await self.hub.flush()


class _Session:
    """One connection's state: who is logged on, and what it subscribed to."""

    def __init__(self, api: Api, stream: UserStream, connection: Connection, request: web.BaseRequest) -> None:
        self.connection = connection
        self._api = api
        self._stream = stream
        self._address = request.remote or ""
        self._connected_since = api.clock.now_ms()
        self._authorized_since: int | None = None
        self._key: ApiKey | None = None
        self._subscription: Subscription | None = None  # the one that belongs to the logon
        self._return_limits = request.query.get("returnRateLimits", "true").lower() != "false"
        self._extra_weight = _CONNECT_WEIGHT
        self._own: dict[str, Method] = {
            "session.logon": self._method("session.logon", self._logon),
            "session.status": self._method("session.status", self._status),
            "session.logout": self._method("session.logout", self._logout),
            "userDataStream.subscribe": self._method("userDataStream.subscribe", self._subscribe),
            "userDataStream.subscribe.signature": self._method(
                "userDataStream.subscribe.signature", self._subscribe_signed
            ),
            "userDataStream.unsubscribe": self._method("userDataStream.unsubscribe", self._unsubscribe),
        }
        self._params: dict[str, Any] = {}

    def _method(self, name: str, handler: Any) -> Method:
        allowed = frozenset({"apiKey", "signature", "timestamp", "recvWindow", "subscriptionId", "returnRateLimits"})
        return Method(name, 2, allowed, public=lambda _exchange, _limits, _params, now: handler(now))

    def shows_limits(self, params: dict[str, Any]) -> bool:
        asked = params.get("returnRateLimits")
        return self._return_limits if asked is None else str(asked).lower() == "true"

    def answer(self, op: str, params: dict[str, Any]) -> Answer:
        method = METHODS.get(op) or self._own.get(op)
        if method is None:
            return refuse(_NO_METHOD, None)
        self._params = params
        extra, self._extra_weight = self._extra_weight, 0
        return self._api.run(method, params, self._address, self._authenticate, extra)

    def send(self, request_id: bytes | msgspec.Raw, answer: Answer, show_limits: bool) -> None:
        name = b"result" if answer.status == 200 else b"error"
        head = b'{"id":%b,"status":%d,"%b":%b' % (bytes(request_id), answer.status, name, answer.body)
        if show_limits and answer.usage is not None:
            head += b',"rateLimits":' + self._api.limits.encoded(answer.usage)
        self.connection.push_first(head + b"}")

    def _authenticate(self, now: int) -> Account:
        """By this request's own key and signature, else by the logon (the timestamp is still checked)."""
        params = self._params
        if self._key is not None and "signature" not in params and "apiKey" not in params:
            signing.check_timing(params.get("timestamp"), params.get("recvWindow"), now)
            return self._key.account
        return self._signed_key(now).account

    def _signed_key(self, now: int) -> ApiKey:
        params = self._params
        if "apiKey" not in params:
            raise errors.mandatory("apiKey")
        payload = signing.websocket_payload(params)
        return self._api.authenticate(params["apiKey"], params, payload, params.get("signature"), now)

    # -- session methods ----------------------------------------------------------------------------------

    def _logon(self, now: int) -> Any:
        key = self._signed_key(now)
        if key.public_key is None:
            raise ApiError(-4056, "HMAC_SHA256 API key is not supported.")
        self._key = key
        self._authorized_since = now
        return self._status(now)

    def _status(self, now: int) -> Any:
        return {
            "apiKey": self._key.api_key if self._key else None,
            "authorizedSince": self._authorized_since,
            "connectedSince": self._connected_since,
            "returnRateLimits": self._return_limits,
            "serverTime": now,
            "userDataStream": bool(self._stream.of_connection(self.connection)),
        }

    def _logout(self, now: int) -> Any:
        self._key = None
        self._authorized_since = None
        if self._subscription is not None:
            self._stream.unsubscribe(self._subscription, now)
            self._subscription = None
        return self._status(now)

    def _subscribe(self, now: int) -> Any:  # noqa: ARG002 - one signature for all
        if self._key is None:
            raise errors.bad_key()
        self._subscription = self._stream.subscribe(self._key.account, self.connection)
        return {"subscriptionId": self._subscription.number}

    def _subscribe_signed(self, now: int) -> Any:
        subscription = self._stream.subscribe(self._signed_key(now).account, self.connection)
        return {"subscriptionId": subscription.number}

    def _unsubscribe(self, now: int) -> Any:
        wanted = Params(self._params).integer("subscriptionId")
        ended = [one for one in self._stream.of_connection(self.connection) if wanted is None or one.number == wanted]
        if not ended:
            raise ApiError(-2036, "User Data Stream subscription is not active.")
        for subscription in ended:
            self._stream.unsubscribe(subscription, now)
            if subscription is self._subscription:
                self._subscription = None
        return {}
