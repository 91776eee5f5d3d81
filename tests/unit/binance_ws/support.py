"""A server that runs a script for every request, and what listens to it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from gateway.venues.binance.channel import Answer
from gateway.venues.binance.ws_api import Listener

Script = Callable[[web.WebSocketResponse, dict[str, Any]], Awaitable[None]]
SUBSCRIBE = "userDataStream.subscribe.signature"


def answer(request: dict[str, Any], result: object) -> bytes:
    return msgspec.json.encode({"id": request["id"], "status": 200, "result": result})


@dataclass
class Server:
    """Runs a script for every request."""

    script: Script
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            asked = msgspec.json.decode(message.data)
            self.requests.append(asked)
            await self.script(socket, asked)
        return socket


class Waiter:
    """A handler that remembers what became of its request."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.losses: list[tuple[str, bool]] = []
        self._news = asyncio.Event()

    def answered(self, answer: Answer) -> None:
        self.answers.append(answer)
        self._news.set()

    def lost(self, why: str, *, written: bool) -> None:
        self.losses.append((why, written))
        self._news.set()

    async def news(self) -> None:
        async with asyncio.timeout(30):
            await self._news.wait()
        self._news.clear()


@dataclass
class Heard:
    events: list[bytes] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def listener(self) -> Listener:
        return Listener(
            event=lambda raw: self.events.append(bytes(raw)),
            rate_limits=lambda limits, in_flight, age_ms: None,
            unreadable=self.unreadable.append,
        )
