"""The connection to the engine that belongs to one client."""

import asyncio
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gateway.wire.framing import FramingError, message_length

if TYPE_CHECKING:
    from gateway.front.connection import ClientSide

# An engine's first message is not limited by configuration, only kept from being absurd.
_MAX_ANSWER_BYTES = 1 << 20
_RESEND_REQUEST = b"\x0135=2\x01"
_TRY_AGAIN_S = 0.1
_REST_BYTES = 1 << 16
_BEGIN_SEQ_NO = re.compile(rb"\x0135=2\x01(?:(?!10=)[^\x01]+\x01)*?7=(\d{1,9})\x01")


async def reach_engine(client: "ClientSide", path: Path, seconds: float) -> "EngineSide | None":
    """Connect to the engine for this client; None when the client was closed meanwhile.

    An engine that is away is waited for so long: it starts again within seconds, while many a client that finds its
    connection closed lets half a minute pass (QuickFIX's ReconnectInterval). Raises OSError when it stays away.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not client.is_closed:
        try:
            _, engine = await loop.create_unix_connection(lambda: EngineSide(client), str(path))
        except OSError:
            if loop.time() >= until:
                raise
        else:
            return engine
        client.awaits_engine = True
        await asyncio.sleep(_TRY_AGAIN_S)
    return None


class EngineSide(asyncio.Protocol):
    """Gives the client what the engine sends, and says when its answer to the Logon is complete."""

    def __init__(self, client: "ClientSide") -> None:
        self._client = client
        self._answer: bytes | None = b""  # None once it is complete
        self.transport: asyncio.Transport
        self.paused = False
        """The engine does not take the client's bytes at the moment."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._client.deliver(data)
        if _RESEND_REQUEST in data:
            self._look_for_gap(data)
        if self._answer is not None:
            self._look_for_answer(data)

    def _look_for_gap(self, data: bytes) -> None:
        """The engine will tell of it by the control socket as well, but by then much more can have gone to it."""
        if found := _BEGIN_SEQ_NO.search(data):
            self._client.expects(int(found[1]))

    def _look_for_answer(self, data: bytes) -> None:
        assert self._answer is not None
        self._answer += data
        try:
            length = message_length(self._answer, _MAX_ANSWER_BYTES)
        except FramingError as error:
            self._client.close("ERROR", f"the engine's first message is not FIX: {error}")
            return
        if length is not None and len(self._answer) >= length:
            self._answer = None
            self._client.answer_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._read_rest()
        why = f" ({exc})" if exc else ""
        off = "" if self._answer is None else self._client.clock_off
        self._client.close("WARNING" if off else "INFO", f"the engine closed the connection{why}{off}")

    def _read_rest(self) -> None:
        """What it said before it closed. Where client's bytes went to it just then, the transport has given up over
        them, and what it has not read yet may be the Logout(5) that says why.
        """
        descriptor = self.transport.get_extra_info("socket").fileno()  # the transport's until this callback ends
        with suppress(OSError):
            while not self._client.is_closed and (data := os.read(descriptor, _REST_BYTES)):
                self.data_received(data)

    def pause_writing(self) -> None:
        self.paused = True
        self._client.read_or_wait()

    def resume_writing(self) -> None:
        self.paused = False
        self._client.read_or_wait()
