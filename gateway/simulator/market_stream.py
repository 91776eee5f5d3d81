"""Market data streams at /ws/<stream> and /stream?streams=…: bookTicker of the symbols asked for."""

from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from gateway.simulator.connection import Connection, Hub
from gateway.simulator.events import ENCODE
from gateway.simulator.exchange import Exchange
from gateway.simulator.public import top_of_book

_SUFFIX = "@bookTicker"


class MarketStream:
    """Serves market stream connections and publishes changes of the best prices."""

    def __init__(self, exchange: Exchange, hub: Hub) -> None:
        self._exchange = exchange
        self._hub = hub
        self._subscribers: dict[str, dict[Connection, bool]] = {}
        self._last: dict[str, tuple[str, str, str, str]] = {}

    async def serve(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        combined = path == "/stream"
        names = request.query.get("streams", "") if combined else path.removeprefix("/ws").strip("/")
        connection = await self._hub.open(request)
        try:
            self._subscribe(connection, [name for name in names.split("/") if name], combined)
            await self._hub.flush()
            async for message in connection.ws:
                if message.type is WSMsgType.TEXT:
                    self._command(connection, message.data, combined)
                    await self._hub.flush()
        finally:
            for subscribers in self._subscribers.values():
                subscribers.pop(connection, None)
            self._hub.forget(connection)
        return connection.ws

    def _command(self, connection: Connection, data: bytes, combined: bool) -> None:
        try:
            command: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
            names = [str(name) for name in command.get("params") or []]
        except (msgspec.MsgspecError, TypeError):
            connection.push(ENCODE({"error": {"code": 2, "msg": "Invalid request: bad JSON"}}))
            return
        result: Any = None
        method = command.get("method")
        if method == "SUBSCRIBE":
            self._subscribe(connection, names, combined)
        elif method == "UNSUBSCRIBE":
            for name in names:
                self._subscribers.get(_symbol(name), {}).pop(connection, None)
        elif method == "LIST_SUBSCRIPTIONS":
            result = [f"{s.lower()}{_SUFFIX}" for s, subs in self._subscribers.items() if connection in subs]
        connection.push_first(ENCODE({"result": result, "id": command.get("id")}))

    def _subscribe(self, connection: Connection, names: list[str], combined: bool) -> None:
        self.publish()  # so that what is remembered as last sent is true for everybody
        for name in names:
            symbol = _symbol(name)
            if name.endswith(_SUFFIX) and symbol in self._exchange.markets:
                self._subscribers.setdefault(symbol, {})[connection] = combined
                top = self._last[symbol] = top_of_book(self._exchange.markets[symbol])
                self._send(symbol, top, {connection: combined})

    def publish(self) -> None:
        """Queue the best prices of every symbol watched where they changed."""
        for symbol, subscribers in self._subscribers.items():
            if subscribers:
                top = top_of_book(self._exchange.markets[symbol])
                if top != self._last.get(symbol):
                    self._last[symbol] = top
                    self._send(symbol, top, subscribers)

    def _send(self, symbol: str, top: tuple[str, str, str, str], to: dict[Connection, bool]) -> None:
        update_id = self._exchange.markets[symbol].book.update_id
        data = ENCODE({"u": update_id, "s": symbol, "b": top[0], "B": top[1], "a": top[2], "A": top[3]})
        wrapped = b'{"stream":"%b","data":%b}' % (f"{symbol.lower()}{_SUFFIX}".encode(), data)
        for connection, combined in to.items():
            connection.push(wrapped if combined else data)


def _symbol(stream: str) -> str:
    return stream.partition("@")[0].upper()
