"""One client connection: its Logon, the engine's answer, then bytes both ways.

    waiting for the Logon ─▶ connecting to the engine ─▶ waiting for the answer ─▶ pumping ─▶ closed

The client is not read between its Logon and the answer: QuickFIX can leave what is pipelined behind a Logon lying
until the next byte arrives. While pumping, the engine gets the client's complete messages, each of them screened, and
the client gets the engine's bytes as they come; backpressure stops the reading of one side when the other does not
take its bytes.
"""

import asyncio
from dataclasses import dataclass, field
from typing import cast

from loguru import logger

from gateway.front.logon import Logon, take_logon
from gateway.front.screening import Unanswerable, screen
from gateway.front.settings import FrontSettings
from gateway.wire.framing import Framer, FramingError, message_length

# An engine's first message is not limited by configuration, only kept from being absurd.
_MAX_ANSWER_BYTES = 1 << 20


@dataclass(slots=True)
class FrontState:
    """What the connections of one front share."""

    settings: FrontSettings
    open: set["ClientSide"] = field(default_factory=set)
    accepted: int = 0
    engine_away: bool = False
    """So that an outage is one log line, however many clients try."""


class ClientSide(asyncio.Protocol):
    """The client's socket, and the life of the connection."""

    def __init__(self, front: FrontState) -> None:
        self._front = front
        self._settings = front.settings
        self._transport: asyncio.Transport
        self._engine: EngineSide | None = None
        self._received = b""  # until pumping
        self._framer = Framer(front.settings.max_message_bytes)
        self._skipped = 0
        self._pumping = False
        self._ended = False  # the client has sent its last byte
        self._closed = False
        self._deadline: asyncio.TimerHandle | None = None
        self._slow_timer: asyncio.TimerHandle | None = None
        self._connecting: asyncio.Task[None] | None = None
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the client's socket is closed."""
        front.accepted += 1
        self._ids = {"connection": front.accepted, "peer": "-", "sender_comp_id": "-"}

    # Callbacks of the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._ids["peer"] = f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"
        self._transport.set_write_buffer_limits(high=self._settings.max_buffered_bytes)
        if len(self._front.open) >= self._settings.max_connections:
            self._closed = True
            self._log("WARNING", f"refused, {self._settings.max_connections} connections are open")
            self._transport.abort()
            return
        self._front.open.add(self)
        self._log("INFO", "accepted")
        seconds = self._settings.logon_deadline_seconds
        self._set_deadline(seconds, f"no complete Logon within {seconds:g} s")

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return
        if self._pumping:
            self._pass_on(data)
            return
        self._received += data
        if self._connecting is None:
            self._look_for_logon()

    def eof_received(self) -> bool:
        self._ended = True
        if self._closed:
            return False
        if self._connecting is None:
            self.close("WARNING", "the client left before a complete Logon")
            return False
        if self._pumping:
            self._pass_on_end()
        return True  # its answers can still be delivered

    def connection_lost(self, exc: Exception | None) -> None:
        self.close("INFO", f"the client disconnected{f' ({exc})' if exc else ''}")
        self._clear_deadline()
        self._front.open.discard(self)
        if not self.lost.done():
            self.lost.set_result(None)

    def pause_writing(self) -> None:
        if self._engine is not None:
            self._engine.transport.pause_reading()
        seconds = self._settings.slow_reader_seconds
        self._slow_timer = asyncio.get_running_loop().call_later(seconds, self._drop_slow_reader)

    def resume_writing(self) -> None:
        self._clear_slow_timer()
        if self._engine is not None and not self._closed:
            self._engine.transport.resume_reading()

    # Logon

    def _look_for_logon(self) -> None:
        try:
            logon = take_logon(self._received, self._settings.max_logon_bytes)
        except FramingError as error:
            self.close("WARNING", f"the first message is no complete Logon: {error}")
            return
        if logon is None:
            return
        self._ids["sender_comp_id"] = logon.sender_comp_id
        self._received = logon.rest
        self._transport.pause_reading()
        seconds = self._settings.answer_deadline_seconds
        self._set_deadline(seconds, f"the engine did not answer the Logon within {seconds:g} s")
        self._connecting = asyncio.get_running_loop().create_task(self._forward(logon))

    async def _forward(self, logon: Logon) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, engine = await loop.create_unix_connection(lambda: EngineSide(self), str(self._settings.engine_socket))
        except OSError as error:
            # Whether the engine died or is being stopped, the supervisor says.
            level = "DEBUG" if self._front.engine_away else "WARNING"
            self._front.engine_away = True
            self.close(level, f"the engine is away ({type(error).__name__})")
            return
        if self._front.engine_away:
            self._front.engine_away = False
            self._log("INFO", "the engine is back")
        if self._closed:
            engine.transport.abort()
            return
        self._engine = engine
        engine.transport.set_write_buffer_limits(high=self._settings.max_buffered_bytes)
        engine.transport.write(logon.message)
        self._log("INFO", "Logon forwarded")

    def answer_received(self) -> None:
        """The engine's first message is complete: let everything through from here on."""
        if self._closed or self._engine is None:
            return
        self._clear_deadline()
        self._pumping = True
        self._log("INFO", "Logon answered")
        held, self._received = self._received, b""
        if held and not self._pass_on(held):
            return
        if self._ended:
            self._pass_on_end()
        elif not self._engine.paused:
            self._transport.resume_reading()

    # Towards the engine

    def _pass_on(self, data: bytes) -> bool:
        """Forward the messages that these bytes complete, as far as they may go. Returns whether more can follow."""
        assert self._engine is not None
        messages = self._framer.feed(data)
        passed, problem = [], ""
        try:
            for message in messages:
                forwarded, reason = screen(message)
                passed.append(forwarded)
                if reason:
                    self._log("WARNING", f"a message was {'emptied' if forwarded else 'dropped'}: {reason}")
        except Unanswerable as error:
            problem = str(error)
        self._engine.transport.write(passed[0] if len(passed) == 1 else b"".join(passed))
        if self._framer.skipped != self._skipped:
            problem = problem or self._garbage()
        problem = problem or self._framer.problem
        if problem:
            self.close("WARNING", problem)
        elif self._framer.is_inside != (self._deadline is not None) or (messages and self._framer.is_inside):
            self._watch_message()
        return not problem

    def _watch_message(self) -> None:
        if self._framer.is_inside:
            seconds = self._settings.message_deadline_seconds
            self._set_deadline(seconds, f"a message was not complete within {seconds:g} s")
        else:
            self._clear_deadline()

    def _garbage(self) -> str:
        """Note bytes that were skipped. Returns a problem if they are too many."""
        count, self._skipped = self._framer.skipped - self._skipped, self._framer.skipped
        self._log("WARNING", f"{count} bytes that belong to no message were dropped")
        most = self._settings.max_garbage_bytes
        return (
            f"{self._skipped} bytes belonged to no message, at most {most} are allowed" if self._skipped > most else ""
        )

    # Towards the client

    @property
    def transport(self) -> asyncio.Transport:
        return self._transport

    def close(self, level: str, reason: str) -> None:
        """Deliver what is buffered, close both sides, and say why. Repeated calls do nothing."""
        if self._closed:
            return
        self._closed = True
        self._log(level, f"closed: {reason}")
        self._clear_deadline()
        self._clear_slow_timer()
        self._transport.close()
        if self._engine is not None:
            self._engine.transport.close()
        self._deadline = asyncio.get_running_loop().call_later(self._settings.slow_reader_seconds, self.abort)

    def abort(self) -> None:
        """Cut both sides without delivering what is buffered."""
        self._transport.abort()
        if self._engine is not None:
            self._engine.transport.abort()

    def _pass_on_end(self) -> None:
        assert self._engine is not None
        self._engine.transport.write_eof()
        seconds = self._settings.slow_reader_seconds
        self._set_deadline(seconds, f"the engine went on {seconds:g} s after the client's last byte")

    def _drop_slow_reader(self) -> None:
        size, seconds = self._transport.get_write_buffer_size(), self._settings.slow_reader_seconds
        self.close("WARNING", f"slow reader, {size} bytes unread after {seconds:g} s")
        self.abort()

    def _set_deadline(self, seconds: float, reason: str) -> None:
        self._clear_deadline()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.close, "WARNING", reason)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _clear_slow_timer(self) -> None:
        if self._slow_timer is not None:
            self._slow_timer.cancel()
            self._slow_timer = None

    def _log(self, level: str, event: str) -> None:
        logger.bind(**self._ids).opt(depth=1).log(
            level,
            "{} connection={connection} peer={peer} sender_comp_id={sender_comp_id}",
            event,
            **self._ids,
        )


class EngineSide(asyncio.Protocol):
    """The connection to the engine that belongs to one client."""

    def __init__(self, client: ClientSide) -> None:
        self._client = client
        self._answer: bytes | None = b""  # None once it is complete
        self.transport: asyncio.Transport
        self.paused = False
        """The engine does not take the client's bytes at the moment."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._client.transport.write(data)
        if self._answer is not None:
            self._look_for_answer(data)

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
        self._client.close("INFO", f"the engine closed the connection{f' ({exc})' if exc else ''}")

    def pause_writing(self) -> None:
        self.paused = True
        self._client.transport.pause_reading()

    def resume_writing(self) -> None:
        self.paused = False
        self._client.transport.resume_reading()
