"""The control socket's server: POST /commands/<name> with a JSON object; the answer comes when the outcome is in SQL.
GET /sessions: what SQL does not have of them, at once, whatever the engine's loop is doing.

The answer is a JSON object too: done, text, result. 200: done. 409: refused, and nothing was done. 400: not
understood. 504: the engine goes on with it, and the audit row will say how it ended.
"""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web
from loguru import logger

from gateway.control.peer import caller_of
from gateway.control.requests import BadRequest, read_request
from gateway.engine.inbox import OperatorRequest
from gateway.engine.private_socket import private_listener

ANSWER_S = 60.0
"""How long a request may take: more than the slowest venue needs to show an account."""

_MAX_BODY = 4 * 1024 * 1024  # a file of positions


class ControlServer:
    """Runs on a thread of its own. Only processes of the gateway's user, of the group if one is given, and root reach
    it.
    """

    def __init__(
        self,
        path: Path,
        put: Callable[[Any], None],
        *,
        sessions: Callable[[], Mapping[str, Any]] = dict,
        group: int | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        """put: into the engine's inbox. sessions: what GET /sessions answers."""
        self._sessions = sessions
        self._path = path
        self._group = group
        self._put = put
        self._answer_s = answer_s
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self) -> None:
        """Listen. Raises ListenerError."""
        listener = private_listener(self._path, self._group)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(listener), self._loop).result()

    def stop(self) -> None:
        """Hang up and end the thread."""
        if not self._thread.is_alive():
            return
        self._path.unlink(missing_ok=True)
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _serve(self, listener: socket.socket) -> None:
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_post("/commands/{name}", self._command)
        app.router.add_get("/sessions", self._look)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _look(self, _: web.Request) -> web.Response:
        return web.json_response(dict(self._sessions()))

    async def _command(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        try:
            connection = request.get_extra_info("socket")
            caller = caller_of(connection, os.geteuid())
            operation, reason = read_request(name, await request.read())
        except BadRequest as error:
            return _answer(400, done=False, text=str(error))
        item = OperatorRequest(name, operation, caller, reason, time.time_ns())
        self._put(item)
        # Shielded: what the engine has begun is not taken back because a caller hung up.
        reply = asyncio.shield(asyncio.wrap_future(item.reply))
        try:
            outcome = await asyncio.wait_for(reply, self._answer_s)
        except TimeoutError:
            logger.warning("not answered in time action={} who={}", name, caller.who)
            return _answer(
                504, done=False, text=f"not finished within {self._answer_s:g} s; the engine goes on with it"
            )
        return _answer(200 if outcome.done else 409, done=outcome.done, text=outcome.text, result=outcome.result)


def _answer(status: int, *, done: bool, text: str, result: Mapping[str, Any] | None = None) -> web.Response:
    return web.json_response({"done": done, "text": text, "result": result or {}}, status=status)
