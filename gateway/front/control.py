"""The front's control socket, one for each engine: HTTP on a Unix socket, to see who is connected to it, and for the
engine to act on that.

GET /sessions for whom the socket lets in; the rest for the gateway's user and root alone. POST /disconnect: operators
ask the engine for it (`fixgw session disconnect`), which records who did, and why, before it asks us. POST /hold: whom
not to read, since the engine has as much of theirs in memory as it may, and who owes it messages; the answer says who
sends too much instead.
"""

import os
import socket
from pathlib import Path
from typing import TypeVar

import msgspec
from aiohttp import web

from gateway.engine.private_socket import peer_of, private_listener
from gateway.front.backend import Backend

_MAX_BODY = 1 << 20

_T = TypeVar("_T")


class Disconnect(msgspec.Struct, forbid_unknown_fields=True):
    """session: by its SessionID."""

    session: str
    reason: str = ""


class Hold(msgspec.Struct, forbid_unknown_fields=True):
    """sessions: whom the engine wants held back, by SessionID; all others are not. expected: the numbers that it waits
    for in sessions that have, or had, a gap.
    """

    sessions: list[str]
    expected: dict[str, int] = {}


class FrontControl:
    """Runs in the front's event loop. It knows the sessions of one engine, and no others."""

    def __init__(self, backend: Backend, path: Path, group: int | None) -> None:
        """group: of the host, whose members may look; None: only our user and root."""
        self._backend = backend
        self._path = path
        self._group = group
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises ListenerError."""
        listener = private_listener(self._path, self._group)
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_get("/sessions", self._sessions)
        app.router.add_post("/disconnect", self._disconnect)
        app.router.add_post("/hold", self._hold)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Hang up."""
        if self._runner is not None:
            self._path.unlink(missing_ok=True)
            await self._runner.cleanup()

    async def _sessions(self, _: web.Request) -> web.Response:
        return web.json_response({key: client.shown() for key, client in self._backend.sessions.items()})

    async def _disconnect(self, request: web.Request) -> web.Response:
        asked = await _read(request, Disconnect)
        client = self._backend.sessions.get(asked.session)
        if client is None:
            return web.json_response({"done": False, "text": f"nobody is connected to session {asked.session}"})
        client.cut(f"disconnected by the operator: {asked.reason}")
        return web.json_response({"done": True, "text": f"session {asked.session} is disconnected, it was {client}"})

    async def _hold(self, request: web.Request) -> web.Response:
        asked = await _read(request, Hold)
        self._backend.hold(frozenset(asked.sessions))
        return web.json_response({"done": True, "gaps": self._backend.gaps(asked.expected)})


async def _read(request: web.Request, kind: type[_T]) -> _T:
    """What the gateway's own user asks for."""
    connection: socket.socket | None = request.get_extra_info("socket")  # None: it has gone meanwhile
    if connection is None or peer_of(connection).uid not in (os.geteuid(), 0):
        raise web.HTTPForbidden(text="this is for the gateway's own user")
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
