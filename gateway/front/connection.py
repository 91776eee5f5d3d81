"""One client connection: its Logon, the engine's answer, then bytes both ways.

    waiting for the Logon ─▶ checked ─▶ connecting to the engine ─▶ waiting for the answer ─▶ pumping ─▶ closed

The client is not read between its Logon and the answer: QuickFIX can leave what is pipelined behind a Logon lying
until the next byte arrives. While pumping, the engine gets the client's complete messages, each of them screened, and
the client gets the engine's bytes as they come; backpressure stops the reading of one side when the other does not
take its bytes.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from loguru import logger

from gateway.front.addresses import Peer
from gateway.front.backend import Backend
from gateway.front.door import Place
from gateway.front.engine_side import EngineSide, reach_engine
from gateway.front.inbound import Inbound
from gateway.front.logon import Logon, shown, take_logon
from gateway.front.parting import Parting
from gateway.front.refused import Refused, rejection_of
from gateway.front.sending_time import off_by
from gateway.front.tls import Identity, identity_of
from gateway.front.writing import write_at_once
from gateway.wire.framing import FramingError
from gateway.wire.records import Kind
from gateway.wire.tags import SENDER_COMP_ID, SENDING_TIME

if TYPE_CHECKING:  # it knows us too
    from gateway.front.state import FrontState


class ClientSide(asyncio.Protocol):
    """The client's socket, and the life of the connection."""

    def __init__(self, front: "FrontState", number: int, peer: Peer, place: Place, deadline: float) -> None:
        """number: of the connection, for log lines. deadline: of the complete Logon, by the loop's clock."""
        self._front = front
        self._settings = front.settings
        self._number, self._peer, self._place, self._sender_comp_id = number, peer, place, "-"
        self._backend: Backend  # since its Logon named a session
        self._session: str | None = None  # that it holds
        self._tap = front.tap(number, peer)
        self._ending = Kind.CLOSED, ""  # for the wire log
        self._certificate: Identity | None = None
        self._transport: asyncio.Transport
        self._engine: EngineSide | None = None
        self._write_to_engine: Callable[[bytes], None]  # while pumping
        self._write: Callable[[bytes], None]
        self._received = b""  # until pumping
        self._inbound = Inbound(front.settings)
        self._pumping = self._closed = False
        self._ended = False  # the client has sent its last byte
        self._told = False  # anything
        self._parting: Parting
        self._logon_deadline = deadline
        self._deadline: asyncio.TimerHandle | None = None
        self._slow_timer: asyncio.TimerHandle | None = None
        self._connecting: asyncio.Task[None] | None = None
        self.has_begun = False
        """Whether it has the socket, and the place."""
        self.awaits_engine = False
        """Its Logon is not forwarded yet, since there is no engine."""
        self.forwarded_at = float("inf")
        """When its Logon went to the engine, by the loop's clock, while that has not answered."""
        self.clock_off = ""
        """What is to be said of its Logon's time if the engine does not answer."""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the client's socket is closed."""

    # Callbacks of the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.has_begun = True
        self._transport = cast("asyncio.Transport", transport)
        self._parting = Parting(self._transport)
        self._transport.set_write_buffer_limits(high=self._settings.max_buffered_bytes)
        tls = transport.get_extra_info("ssl_object")
        self._write = self._transport.write if tls else write_at_once(self._transport)
        self._front.clients.add(self)
        self._certificate = identity_of(tls)
        self._log("DEBUG", "accepted")
        if self._tap:
            self._tap.note(Kind.OPENED, f"certificate {self._certificate.subject}" if self._certificate else "")
        seconds = self._settings.logon_deadline_seconds
        self._set_deadline(self._logon_deadline, f"no complete Logon within {seconds:g} s")

    def data_received(self, data: bytes) -> None:
        at = time.time_ns()
        if self._closed:
            self._parting.discard(len(data))
            return
        if passes := self._pumping and self._inbound.passes(data):
            self._write_to_engine(data)
        if self._tap:
            self._tap.received(data, at)
        if passes:
            if self._inbound.numbers.beyond:
                self._wait_if_full()
        elif self._pumping:
            self._pass_on(data)
        else:
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
        # Its answers can still be delivered, but not by TLS, which has no half-closed connections.
        return self._front.tls is None

    def connection_lost(self, exc: Exception | None) -> None:
        self.close("INFO", f"the client disconnected{f' ({exc})' if exc else ''}")
        self._clear_deadline()
        self._parting.over()
        self._front.clients.discard(self)
        self._place.leave()
        if self._tap:
            self._tap.note(*self._ending)
        if not self.lost.done():
            self.lost.set_result(None)

    def pause_writing(self) -> None:
        if self._engine is not None:
            self._engine.transport.pause_reading()
        half = self._settings.slow_reader_seconds / 2
        self._slow_timer = asyncio.get_running_loop().call_later(half, self._warn_of_slow_reader)

    def resume_writing(self) -> None:
        self._clear_slow_timer()
        if self._engine is not None and not self._closed:
            self._engine.transport.resume_reading()

    # Logon

    def _look_for_logon(self) -> None:
        try:
            logon = take_logon(self._received, self._settings.max_logon_bytes)
        except FramingError as error:
            self.close("WARNING", f"the first message is no complete Logon: {error}", Kind.REFUSED)
            return
        if logon is None:
            return
        self._sender_comp_id = shown(logon.value(SENDER_COMP_ID))
        self._inbound.numbers.sent(logon.message)
        self._received = logon.rest
        if (backend := self._front.backend_of(logon.session)) is not None:
            self._backend = backend
            self._tap = self._tap and self._tap.into(backend.wire_log)
        self._place.logon_complete()
        self._transport.pause_reading()
        seconds = self._settings.answer_deadline_seconds
        self._set_deadline_in(seconds, f"the Logon was not checked within {seconds:g} s")
        self._connecting = asyncio.get_running_loop().create_task(self._let_in(logon))

    async def _let_in(self, logon: Logon) -> None:
        try:
            policy = self._front.gate.policy(logon, self._peer, self._certificate)
            if self._backend.wire_log and self._backend.wire_log.refuses_logons:
                raise Refused("the wire log cannot be written", "the gateway cannot record, try again later")  # noqa: TRY301 - one way for all refusals
            await self._front.credentials.check(policy, logon, self._peer.address)
            await self._backend.free(policy.key, self)
            if self._closed:
                return
            self._session = policy.key
            self._backend.sessions[policy.key] = self
            await self._forward(logon)
        except Refused as refusal:
            if refusal.answer and not self._closed:
                self.deliver(rejection_of(logon, refusal.answer))
            self.close(refusal.level, f"refused, {refusal}", Kind.REFUSED)
        except Exception:  # whatever a Logon can provoke: it ends that client alone, and is seen
            logger.exception("a Logon could not be checked connection={} peer={}", self._number, self._peer)
            self.abort()

    async def _forward(self, logon: Logon) -> None:
        wait, backend = self._settings.engine_wait_seconds, self._backend
        seconds = self._settings.answer_deadline_seconds
        self._set_deadline_in(wait + seconds, f"the engine did not answer the Logon within {seconds:g} s")
        try:
            engine = await reach_engine(self, backend.engine_socket, wait)
        except OSError as error:
            away = f"the engine is away ({type(error).__name__}: {backend.engine_socket})"
            # No Reject: QuickFIX, which waits for a Logon, takes its number for too low, and is long in coming back.
            raise Refused(away, level=backend.engine_missed()) from None
        finally:
            self.awaits_engine = False
        if engine is None:
            return
        if backend.engine_away:
            backend.engine_away = False
            self._log("INFO", "the engine is back")
        if self._closed:
            engine.transport.abort()
            return
        self._engine = engine
        self._set_deadline_in(seconds, f"the engine did not answer the Logon within {seconds:g} s")
        engine.transport.set_write_buffer_limits(high=self._settings.max_buffered_bytes)
        self.clock_off = off_by(logon.value(SENDING_TIME), time.time_ns())
        engine.transport.write(logon.masked())
        self.forwarded_at = asyncio.get_running_loop().time()
        if self._tap and self._session:
            self._tap.logged_on(self._session)
        certificate = f" certificate={self._certificate.subject.replace(' ', '_')}" if self._certificate else ""
        self._log("INFO", f"Logon forwarded{certificate}")

    def answer_received(self) -> None:
        """The engine's first message is complete: let everything through from here on."""
        if self._closed or self._engine is None:
            return
        self._clear_deadline()
        self.forwarded_at = float("inf")
        self._write_to_engine = write_at_once(self._engine.transport)
        self._pumping = True
        self._log("INFO", "Logon answered")
        held, self._received = self._received, b""
        if held and not self._pass_on(held):
            return
        if self._ended:
            self._pass_on_end()
        else:
            self.read_or_wait()

    # Towards the engine

    def _pass_on(self, data: bytes) -> bool:
        """Forward the messages that these bytes complete, as far as they may go. Returns whether more can follow."""
        passed, problem = self._inbound.take(data, partial(self._log, "WARNING"))
        self._write_to_engine(passed[0] if len(passed) == 1 else b"".join(passed))
        if problem:
            self.close("WARNING", problem)
        elif self._inbound.is_inside != (self._deadline is not None) or (passed and self._inbound.is_inside):
            self._watch_message()
        self._wait_if_full()
        return not problem

    def _wait_if_full(self) -> None:
        if self._inbound.numbers.is_full:
            self.read_or_wait()

    @property
    def _waits(self) -> bool:
        """Whether the client is not read for now: the engine does not take its bytes, or has enough of them."""
        full = self._engine is not None and self._engine.paused
        return full or self._session in self._backend.held_back or self._inbound.numbers.is_full

    def read_or_wait(self) -> None:
        """Go on reading the client, or not. Its time for completing a message stands still while it is not read.

        Its heartbeats are not read either: if that lasts for more than two of its HeartBtInt(108), the engine hangs up
        on it. What was not read the engine asks for when it is back.
        """
        if self._closed or self._ended or not self._pumping:
            return
        if self._waits:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
        self._watch_message()

    def expects(self, number: int) -> bool:
        """The engine waits for this number. Returns whether there is a gap before what was sent."""
        has_gap = self._inbound.numbers.expects(number)
        self.read_or_wait()
        return has_gap

    @property
    def beyond_gap(self) -> int:
        """Bytes beyond the gap, if they are too many; else 0."""
        numbers = self._inbound.numbers
        return numbers.beyond if numbers.is_full else 0

    def _watch_message(self) -> None:
        if self._inbound.is_inside and not self._waits:
            seconds = self._settings.message_deadline_seconds
            self._set_deadline_in(seconds, f"a message was not complete within {seconds:g} s")
        else:
            self._clear_deadline()

    # Towards the client

    @property
    def is_closed(self) -> bool:
        """Nothing more is to be done for it."""
        return self._closed

    @property
    def is_ending(self) -> bool:
        """The client has hung up, and the engine will too."""
        return self._ended

    def deliver(self, data: bytes) -> None:
        """Give the client these bytes."""
        self._told = True
        self._write(data)
        if self._tap:
            self._tap.sent(data)

    def close(self, level: str, reason: str, kind: Kind = Kind.CLOSED) -> None:
        """Deliver what is buffered, close both sides, and say why. Repeated calls do nothing."""
        if self._closed:
            return
        self._closed = True
        self._ending = kind, reason.removeprefix("refused, ")
        if self._session is None:
            self._front.log_refusal(level, f"closed: {reason}", self._number, self._peer, self._sender_comp_id)
        else:
            self._log(level, f"closed: {reason}")
        if self._session is not None:
            del self._backend.sessions[self._session]
        self._clear_deadline()
        self._clear_slow_timer()
        self._parting.begin(lingers=self._told and not self._ended)
        if self._engine is not None:
            self._engine.transport.close()
        self._deadline = asyncio.get_running_loop().call_later(self._settings.slow_reader_seconds, self.abort)

    def cut(self, reason: str) -> None:
        """End it at once, delivering nothing more."""
        self.close("WARNING", reason)
        self.abort()

    def shown(self) -> dict[str, str | int | None]:
        """What there is to know of a connection that holds a session, as JSON has it.

        certificate: its subject. held_back: it is not read for now. unread_bytes: waiting for the client to read them,
        of buffer_bytes at most; to_engine_bytes: for the engine.
        """
        engine = self._engine
        return {
            "address": str(self._peer),
            "certificate": self._certificate.subject if self._certificate else None,
            "connection": self._number,
            "held_back": self._waits,
            "unread_bytes": self._transport.get_write_buffer_size(),
            "to_engine_bytes": engine.transport.get_write_buffer_size() if engine is not None else 0,
            "buffer_bytes": self._settings.max_buffered_bytes,
        }

    def abort(self) -> None:
        """Cut both sides without delivering what is buffered."""
        self._transport.abort()
        if self._engine is not None:
            self._engine.transport.abort()

    def _pass_on_end(self) -> None:
        assert self._engine is not None
        self._engine.transport.write_eof()
        seconds = self._settings.slow_reader_seconds
        self._set_deadline_in(seconds, f"the engine went on {seconds:g} s after the client's last byte")

    def _warn_of_slow_reader(self) -> None:
        half = self._settings.slow_reader_seconds / 2
        self._log("WARNING", f"reads slowly, {self._transport.get_write_buffer_size()} bytes unread for {half:g} s")
        self._slow_timer = asyncio.get_running_loop().call_later(half, self._drop_slow_reader)

    def _drop_slow_reader(self) -> None:
        """No Logout(5): the engine's would come after all that is unread, and one of ours would take the number of a
        report, which the client would then never ask for. It asks when it comes back.
        """
        size, seconds = self._transport.get_write_buffer_size(), self._settings.slow_reader_seconds
        self.close("WARNING", f"slow reader, {size} bytes unread after {seconds:g} s")
        self.abort()

    def _set_deadline_in(self, seconds: float, reason: str) -> None:
        self._set_deadline(asyncio.get_running_loop().time() + seconds, reason)

    def _set_deadline(self, at: float, reason: str) -> None:
        self._clear_deadline()
        self._deadline = asyncio.get_running_loop().call_at(at, self.close, "WARNING", reason)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _clear_slow_timer(self) -> None:
        if self._slow_timer is not None:
            self._slow_timer.cancel()
            self._slow_timer = None

    def __str__(self) -> str:
        return f"connection {self._number} from {self._peer}"

    def _log(self, level: str, event: str) -> None:
        logger.opt(depth=1).log(
            level, "{} connection={} peer={} sender_comp_id={}", event, self._number, self._peer, self._sender_comp_id
        )
