"""The venues' process: one asyncio loop that owns every adapter, beside the engine, whose child it is.

Of its own, so that what connections cost (frames, signatures, JSON) is paid beside the engine's interpreter lock and on
another CPU: *measured* a fifth of what an order costs the engine. It decides nothing and keeps nothing: it gets intents
that are committed already, says what adapters say, and ends when the engine does.
"""

import asyncio
import itertools
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import uvloop
from loguru import logger

from gateway.domain.funds import Balance
from gateway.domain.instruments import Instrument
from gateway.domain.prices import Quote
from gateway.domain.reconcile import VenueSnapshot
from gateway.domain.venue_reports import VenueReport
from gateway.engine import inbox as i
from gateway.engine.lease import monotonic_ns
from gateway.venues import words as w
from gateway.venues.base import Sinks, Venue, VenueSettingsError
from gateway.venues.dispatcher import Dispatcher

_STOP_S = 10.0
_LINGER_S = 0.002
_CAN_WAIT = frozenset({i.VenueCalled, w.BalancesHeard, w.QuotesHeard})
"""What no order waits for: the engine is not woken for each."""


def serve(connection: socket.socket, builders: Iterable[Callable[[Sinks], Venue]]) -> None:
    """Run until told to stop, or the other end is gone. connection: to the engine."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        # The engine is who is told, and it tells us. Not SIG_IGN, which commands that print keys would inherit.
        signal.signal(number, _pass)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(connection, builders))


def _pass(_number: int, _frame: object) -> None:
    """Go on."""


async def _serve(connection: socket.socket, builders: Iterable[Callable[[Sinks], Venue]]) -> None:
    loop = asyncio.get_running_loop()
    engine = _Engine()
    await loop.connect_accepted_socket(lambda: engine, connection)
    try:
        engine.dispatcher = Dispatcher(builders, engine.sinks)
    except VenueSettingsError as error:
        engine.say(w.Refused(str(error)))
    else:
        engine.say(w.Built(engine.dispatcher.capabilities))
        await engine.over.wait()
        try:
            async with asyncio.timeout(_STOP_S):
                await engine.dispatcher.stop()
        except TimeoutError:
            logger.error("the venues' connections do not close within {} s", _STOP_S)
    await engine.close()


class _Engine(asyncio.Protocol):
    """The other end."""

    dispatcher: Dispatcher

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.sinks = InboxSinks(self)
        self._unpacker = w.Unpacker()
        self._said: list[Any] = []
        self._is_due = False
        self._lease_over = False
        self._later: asyncio.TimerHandle | None = None
        self._closed = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            w.Start: lambda _: self.dispatcher.start(),
            w.Stop: lambda _: self.over.set(),
            w.Release: self._release,
            w.TakeSnapshot: lambda word: self.dispatcher.snapshot(word.request, self._taken),
            w.ReloadKeys: self._reload_keys,
            w.KeepTimers: lambda _: self.dispatcher.keep_timers(),
            w.AreYouThere: lambda word: self.say(w.Here(word.number)),
            w.OwnerKnown: self.sinks.owner_known,
        }

    # What comes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """Do what it says, in order."""
        for words in self._unpacker.feed(data):
            for word in words:
                try:
                    self._handlers[type(word)](word)
                except Exception as error:  # a defect; what else it says still counts
                    logger.opt(exception=error).error("failed: {}", type(word).__name__)
                    self.sinks.alert("VENUE_ADAPTER_DEFECT", f"{type(word).__name__}: {error!r}")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - whatever the reason
        """It has ended: nothing may be sent any more, not even what it had said before."""
        if not self.over.is_set():
            os._exit(1)
        self._closed.set()

    def _release(self, word: w.Release) -> None:
        # The lease may have been renewed since this was said, and we alone lag. The engine ends all the same:
        # what is older than the lease's rest (8.5 s by default) has a timestamp that venues refuse (recvWindow 5 s),
        # so its orders are lost in any case, and a fresh start settles and compares what a process that stood still
        # has not heard. Asking the engine for a newer deadline would win nothing but a second way to send.
        if word.deadline is not None and monotonic_ns() >= word.deadline:
            self._lease_over = True  # the engine ends with this: what it has released meanwhile is not sent either
            self.say(w.LeaseOver())
        if self._lease_over:
            return
        self.dispatcher.release(word.requests)

    def _reload_keys(self, word: w.ReloadKeys) -> None:
        def told(problem: str, unchanged: bool) -> None:
            if word.request is not None:
                self.say(i.KeysReloaded(word.request, word.venue_account, problem, unchanged))

        self.dispatcher.reload_keys(word.venue_account, told)

    def _taken(self, snapshot: VenueSnapshot) -> None:
        self.say(i.SnapshotTaken(snapshot))

    # What goes

    def say(self, word: Any) -> None:
        """In this turn of the loop, with all else that is said in it; what can wait, with what is said next."""
        self._said.append(word)
        if type(word) in _CAN_WAIT:
            if self._later is None:
                self._later = self._loop.call_later(_LINGER_S, self._flush)
        elif not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        said, self._said = self._said, []
        self._is_due = False
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if said and self._transport is not None:
            try:
                data = w.packed(said)
            except Exception:  # a fill may be among them: a fresh start asks the venue for what was not heard
                logger.opt(exception=True).critical("what adapters said cannot be handed over")
                os._exit(1)
            self._transport.write(data)

    async def close(self) -> None:
        """Say what is left, and hang up."""
        self.over.set()
        self._flush()
        if self._transport is not None:
            self._transport.close()
        await self._closed.wait()


class InboxSinks:
    """What adapters say, as it goes into the engine's inbox."""

    def __init__(self, engine: _Engine) -> None:
        self._say = engine.say
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[str]] = {}

    def report(self, report: VenueReport) -> None:
        """Hand one report to the engine."""
        self._say(report)

    def call(
        self, *, direction: str, operation: str, order_id: str, intent_id: int, text: str, venue_account: str = ""
    ) -> None:
        """Record one venue request or answer."""
        self._say(i.VenueCalled(direction, operation, order_id, intent_id, text, time.time_ns(), venue_account))

    def availability(self, venue_account: str, *, available: bool, reason: str) -> None:
        """A venue account came or went."""
        self._say(i.AvailabilityChanged(venue_account, available, reason, time.time_ns()))

    def clock(self, venue_account: str, offset_ns: int, error_ns: int) -> None:
        """A venue's clock was read."""
        self._say(i.ClockRead("venue", venue_account, offset_ns, error_ns, "", time.time_ns()))

    def instruments(self, venue_account: str, instruments: Mapping[str, Instrument]) -> None:
        """A venue account's symbols."""
        self._say(w.InstrumentsLearned(venue_account, instruments))

    def quotes(self, venue_account: str, quotes: Mapping[str, Quote]) -> None:
        """Best prices that changed."""
        self._say(w.QuotesHeard(venue_account, quotes))

    def balances(self, venue_account: str, balances: Mapping[str, Balance] | None, *, whole: bool) -> None:
        """What a venue account holds."""
        self._say(w.BalancesHeard(venue_account, balances, whole))

    def alert(self, code: str, text: str) -> None:
        """Something a person should look at."""
        self._say(i.AlertRaised(code, text, time.time_ns()))

    async def owner(self, venue_account: str, owner: str) -> str:
        """Ask the engine, which knows what SQL has."""
        number = next(self._numbers)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            self._say(w.OwnerAsked(number, venue_account, owner))
            return await answer
        finally:
            del self._asked[number]

    def owner_known(self, word: w.OwnerKnown) -> None:
        """Its answer."""
        if (answer := self._asked.get(word.number)) is not None and not answer.done():
            answer.set_result(word.problem)
