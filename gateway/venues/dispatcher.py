"""The venue thread: one asyncio loop that owns every adapter, beside the engine's own thread.

The engine releases committed intents in batches, at the cost of one wake-up a batch; adapters answer through the sinks,
which must therefore be safe to call from this thread (a queue put).
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

import uvloop

from gateway.domain.funds import Balance
from gateway.domain.instruments import Capabilities, Instrument
from gateway.domain.intents import AmendIntent, CancelAll, CancelIntent, Intent, PlaceIntent, Request, SettleIntent
from gateway.domain.prices import Quote
from gateway.domain.reconcile import SnapshotRequest
from gateway.domain.venue_reports import Operation, VenueOutcomeUnknown, VenueReport
from gateway.errors import LeaseLost
from gateway.venues.base import MassVenue, Sinks, TimedVenue, Venue, VenueSettingsError
from gateway.venues.reconcile import Snapshots, Taken

_STOP_TIMEOUT_S = 15.0

_OPERATION: dict[type[Intent], Operation] = {
    PlaceIntent: Operation.PLACE,
    CancelIntent: Operation.CANCEL,
    AmendIntent: Operation.AMEND,
    SettleIntent: Operation.SETTLE,
}


class VenueThread:
    """Runs the adapters. Every public method is for other threads."""

    def __init__(
        self,
        builders: Iterable[Callable[[Sinks], Venue]],
        sinks: Sinks,
        on_death: Callable[[BaseException], None] = lambda _: None,
        check_lease: Callable[[], None] = lambda: None,
    ) -> None:
        """Build the adapters, connecting to nothing yet. Raises VenueSettingsError.

        sinks are called from this object's thread, and so is on_death, when the thread ends without being asked to, or
        may not send what it was given: check_lease raises LeaseLost.
        """
        self._sinks = sinks
        self._on_death = on_death
        self._check_lease = check_lease
        self._stopping = False
        self._available: dict[str, bool] = {}
        self._venues: dict[str, Venue] = {}
        for build in builders:
            venue = build(_Tap(sinks, self._available))
            if venue.venue_account in self._venues:
                raise VenueSettingsError(f"two venue accounts are named {venue.venue_account!r}")
            self._refuse_same_key(venue)
            self._venues[venue.venue_account] = venue
            self._available[venue.venue_account] = False
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="venues", daemon=True)
        self._starts: list[asyncio.Task[None]] = []
        self._refused: set[str] = set()  # accounts that could not be started with the key they had
        self._snapshots = Snapshots(sinks)

    def _refuse_same_key(self, venue: Venue) -> None:
        for other in self._venues.values():
            if other.identity == venue.identity:
                raise VenueSettingsError(
                    f"venue accounts {other.venue_account!r} and {venue.venue_account!r} have the same API key:"
                    " each would report the other's orders; give each a key of its own, or use one of them alone"
                )

    def start(self) -> None:
        """Start the loop and every adapter; returns at once. What is connected is told by `available`."""
        self._thread.start()
        self._loop.call_soon_threadsafe(self._start_all)

    def stop(self) -> None:
        """Close every connection and end the thread. Intents released from now on are not sent."""
        if not self._thread.is_alive():
            return
        self._stopping = True
        self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._stop_all()))
        self._thread.join(_STOP_TIMEOUT_S)

    @property
    def thread_id(self) -> int | None:
        """The operating system's id of the thread."""
        return self._thread.native_id

    def release(self, requests: Sequence[Request]) -> None:
        """Send a batch of committed intents, in order."""
        try:
            self._loop.call_soon_threadsafe(self._release, requests)
        except RuntimeError:
            # The loop is closed: the intents are committed, and the next start settles them.
            self._sinks.alert("VENUES_STOPPED", f"{len(requests)} intents were released after the venues had stopped")

    def snapshot(self, request: SnapshotRequest, taken: Taken) -> None:
        """Have an account's snapshot taken; `taken` is called from this object's thread. Returns at once."""
        venue = self._venues[request.venue_account]
        with contextlib.suppress(RuntimeError):  # the loop is closed: the next start asks again
            self._loop.call_soon_threadsafe(self._snapshots.start, venue, request, taken)

    def clock_ms(self, venue_account: str) -> int:
        """The venue's time, ms UTC."""
        return self._venues[venue_account].clock_ms()

    def instrument(self, venue_account: str, symbol: str) -> Instrument | None:
        """A symbol of a venue account; None while unknown or not loaded yet."""
        venue = self._venues.get(venue_account)
        return None if venue is None else venue.instruments.get(symbol)

    def instruments(self, venue_account: str) -> Mapping[str, Instrument]:
        """A venue account's symbols; none where it is not configured, or they are not loaded yet."""
        venue = self._venues.get(venue_account)
        return {} if venue is None else venue.instruments

    def symbols(self) -> frozenset[str]:
        """Those of all venue accounts; none while some account's are not loaded yet."""
        found = [venue.instruments for venue in self._venues.values()]
        return frozenset().union(*found) if all(found) else frozenset()

    def quote(self, venue_account: str, symbol: str) -> Quote | None:
        """A symbol's best prices; None where it is not followed, or nothing was heard yet."""
        venue = self._venues.get(venue_account)
        return None if venue is None else venue.quotes.get(symbol)

    def balances(self, venue_account: str) -> Mapping[str, Balance] | None:
        """What a venue account holds, by asset; None while that is not known."""
        venue = self._venues.get(venue_account)
        return None if venue is None else venue.balances

    def capabilities(self, venue_account: str) -> Capabilities:
        """What the account's venue can do."""
        return self._venues[venue_account].capabilities

    def available(self, venue_account: str) -> bool:
        """Whether new orders can be sent."""
        return self._available.get(venue_account, False)

    def reload_keys(self, venue_account: str, told: Callable[[str, bool], None] = lambda *_: None) -> None:
        """Have an account read its key again. told: why it keeps the old one, "" when it uses what it has read; and
        whether that is the key that it had been using already.

        What is wrong is alerted, too.
        """
        reload = self._reload_keys(self._venues[venue_account], told)
        try:
            asyncio.run_coroutine_threadsafe(reload, self._loop)
        except RuntimeError:  # the loop is closed
            reload.close()
            told("the venues have stopped", False)

    def sign_of_life(self) -> threading.Event:
        """Set when the thread has come by."""
        done = threading.Event()
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(done.set)
        return done

    def keep_timers(self) -> None:
        """The engine gets on: have no venue's dead-man timer run out."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            for venue in self._venues.values():
                if venue.capabilities.dead_man_timer and isinstance(venue, TimedVenue):
                    self._loop.call_soon_threadsafe(venue.keep_dead_man_timer)

    # On the thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        error: BaseException = RuntimeError("the venues' loop was stopped by nobody")
        try:
            self._loop.run_forever()
        except BaseException as raised:  # nobody else would hear of it on this thread
            error = raised
        if not self._stopping:
            self._died(error)
        self._loop.close()

    def _died(self, error: BaseException) -> None:
        """Nothing can be sent or heard any more: no order may be taken."""
        for venue_account in self._venues:
            self._available[venue_account] = False
            self._sinks.availability(venue_account, available=False, reason=f"the venue thread died: {error!r}")
        self._sinks.alert("VENUE_THREAD_DIED", repr(error))
        self._on_death(error)

    def _start_all(self) -> None:
        self._starts = [self._loop.create_task(self._start(venue)) for venue in self._venues.values()]

    async def _start(self, venue: Venue) -> None:
        try:
            await venue.start()
        except VenueSettingsError as error:
            self._refused.add(venue.venue_account)
            self._sinks.alert("VENUE_NOT_STARTED", f"venue account {venue.venue_account!r}: {error}")
        except Exception as error:  # one venue's defect must not stop the others
            self._sinks.alert("VENUE_ADAPTER_DEFECT", f"venue account {venue.venue_account!r}: {error!r}")

    async def _stop_all(self) -> None:
        for task in self._starts:
            task.cancel()
        await asyncio.gather(*self._starts, return_exceptions=True)
        await self._snapshots.stop()
        results = await asyncio.gather(*(venue.stop() for venue in self._venues.values()), return_exceptions=True)
        for error in results:
            if isinstance(error, Exception):
                self._sinks.alert("VENUE_ADAPTER_DEFECT", f"while stopping: {error!r}")
        await self._loop.shutdown_asyncgens()
        self._loop.stop()

    def _release(self, requests: Sequence[Request]) -> None:
        try:
            self._check_lease()
        except LeaseLost as error:
            self._on_death(error)
            return
        for request in requests:
            intents = request.cancels if isinstance(request, CancelAll) else (request,)
            try:
                self._send(self._venues[intents[0].venue_account], request)
            except Exception as error:  # an adapter's defect: whether it sent anything, nobody knows
                self._sinks.alert("VENUE_ADAPTER_DEFECT", f"intent {intents[0].intent_id}: {error!r}")
                for intent in intents:
                    self._in_doubt(intent, error)

    def _in_doubt(self, intent: Intent, error: Exception) -> None:
        self._sinks.report(
            VenueOutcomeUnknown(
                venue_account=intent.venue_account,
                symbol=intent.symbol,
                client_id=intent.client_id,
                operation=_OPERATION[type(intent)],
                intent_id=intent.intent_id,
                text=f"the adapter failed: {type(error).__name__}",
            )
        )

    @staticmethod
    def _send(venue: Venue, intent: Request) -> None:
        if isinstance(intent, PlaceIntent):
            venue.place(intent)
        elif isinstance(intent, CancelIntent):
            venue.cancel(intent)
        elif isinstance(intent, CancelAll):
            assert isinstance(venue, MassVenue)
            venue.cancel_all(intent.cancels)
        elif isinstance(intent, AmendIntent):
            venue.amend(intent)
        elif isinstance(intent, SettleIntent):
            venue.settle(intent)
        else:
            raise TypeError(f"not an intent: {intent!r}")

    async def _reload_keys(self, venue: Venue, told: Callable[[str, bool], None]) -> None:
        problem, before = "", venue.identity
        others = {other.identity for other in self._venues.values() if other is not venue}
        try:
            await venue.reload_keys(others)
        except VenueSettingsError as error:
            problem = str(error)
        except Exception as error:  # an adapter's defect; its words may hold anything
            problem = f"the adapter failed: {type(error).__name__}"
        was_refused = venue.venue_account in self._refused
        if not problem and was_refused:
            self._refused.discard(venue.venue_account)
            self._starts.append(self._loop.create_task(self._start(venue)))
        if problem:
            self._sinks.alert("VENUE_KEY_NOT_RELOADED", problem)
        told(problem, not was_refused and venue.identity == before)


class _Tap:
    """The engine's sinks, with availability noted on its way."""

    def __init__(self, sinks: Sinks, available: dict[str, bool]) -> None:
        self._sinks = sinks
        self._available = available
        self.report: Callable[[VenueReport], None] = sinks.report
        self.alert = sinks.alert
        self.call = sinks.call
        self.clock = sinks.clock
        self.owner = sinks.owner

    def availability(self, venue_account: str, *, available: bool, reason: str) -> None:
        self._available[venue_account] = available
        self._sinks.availability(venue_account, available=available, reason=reason)
