"""The control API under /sim/: JSON in, JSON out, for tests that script the exchange. Its own, not Binance's."""

from decimal import InvalidOperation
from typing import Any

import msgspec
from aiohttp import web

from gateway.simulator.control_commands import GET, POST, Body, Control
from gateway.simulator.errors import ApiError
from gateway.simulator.events import ENCODE
from gateway.simulator.scripting import ScriptError

PREFIX = "/sim/"
_DECODE = msgspec.json.Decoder(Body, float_hook=str).decode


async def serve(control: Control, request: web.BaseRequest, path: str) -> web.Response:
    """Do one command; mistakes are answered with status 400 and a sentence."""
    name = path.removeprefix(PREFIX)
    command = (GET if request.method == "GET" else POST).get(name)
    if command is None:
        return _json({"error": f"unknown: {request.method} {path}; there are {sorted(GET | POST)}"}, 404)
    try:
        raw = await request.read() if request.body_exists else b""
        result = command(control, (_DECODE(raw) if raw else {}) | dict(request.query))
    except (ScriptError, ApiError, msgspec.MsgspecError, KeyError, ValueError, InvalidOperation) as error:
        return _json({"error": f"{type(error).__name__}: {error}"}, 400)
    await control.hub.flush()
    return _json({} if result is None else result)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=ENCODE(value), status=status, content_type="application/json")
