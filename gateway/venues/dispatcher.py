"""Routes the engine's requests to the adapters of the venues' process, on its loop."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from gateway.domain.instruments import Capabilities
from gateway.domain.intents import AmendIntent, CancelAll, CancelIntent, Intent, PlaceIntent, Request, SettleIntent
from gateway.domain.reconcile import SnapshotRequest
from gateway.domain.venue_reports import Operation, VenueOutcomeUnknown
from gateway.venues.base import MassVenue, Sinks, TimedVenue, Venue, VenueSettingsError
from gateway.venues.reconcile import Snapshots, Taken

_OPERATION: dict[type[Intent], Operation] = {
    PlaceIntent: Operation.PLACE,
    CancelIntent: Operation.CANCEL,
    AmendIntent: Operation.AMEND,
    SettleIntent: Operation.SETTLE,
}


class Dispatcher:
    """Owns the adapters. Everything here is called on the loop."""

    def __init__(self, builders: Iterable[Callable[[Sinks], Venue]], sinks: Sinks) -> None:
        """Build the adapters, connecting to nothing yet. Raises VenueSettingsError."""
        self._sinks = sinks
        self._venues: dict[str, Venue] = {}
        for build in builders:
            venue = build(sinks)
            if venue.venue_account in self._venues:
                raise VenueSettingsError(f"two venue accounts are named {venue.venue_account!r}")
            self._refuse_same_key(venue)
            self._venues[venue.venue_account] = venue
        self._starts: list[asyncio.Task[None]] = []
        self._reloads: set[asyncio.Task[None]] = set()
        self._refused: set[str] = set()  # accounts that could not be started with the key they had
        self._snapshots = Snapshots(sinks)

    def _refuse_same_key(self, venue: Venue) -> None:
        for other in self._venues.values():
            if other.identity == venue.identity:
                raise VenueSettingsError(
                    f"venue accounts {other.venue_account!r} and {venue.venue_account!r} have the same API key:"
                    " each would report the other's orders; give each a key of its own, or use one of them alone"
                )

    @property
    def capabilities(self) -> Mapping[str, Capabilities]:
        """What each account's venue can do."""
        return {name: venue.capabilities for name, venue in self._venues.items()}

    def start(self) -> None:
        """Start every adapter; returns at once. What is connected is told by `availability`."""
        loop = asyncio.get_running_loop()
        self._starts = [loop.create_task(self._start(venue)) for venue in self._venues.values()]

    async def _start(self, venue: Venue) -> None:
        try:
            await venue.start()
        except VenueSettingsError as error:
            self._refused.add(venue.venue_account)
            self._sinks.alert("VENUE_NOT_STARTED", f"venue account {venue.venue_account!r}: {error}")
        except Exception as error:  # one venue's defect must not stop the others
            self._sinks.alert("VENUE_ADAPTER_DEFECT", f"venue account {venue.venue_account!r}: {error!r}")

    async def stop(self) -> None:
        """Close every connection. Nothing may be asked for from now on."""
        tasks = [*self._starts, *self._reloads]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._snapshots.stop()
        results = await asyncio.gather(*(venue.stop() for venue in self._venues.values()), return_exceptions=True)
        for error in results:
            if isinstance(error, Exception):
                self._sinks.alert("VENUE_ADAPTER_DEFECT", f"while stopping: {error!r}")

    def release(self, requests: Sequence[Request]) -> None:
        """Send a batch of committed intents, in order."""
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

    def snapshot(self, request: SnapshotRequest, taken: Taken) -> None:
        """Have an account's snapshot taken. Returns at once."""
        self._snapshots.start(self._venues[request.venue_account], request, taken)

    def keep_timers(self) -> None:
        """The engine gets on: have no venue's dead-man timer run out."""
        for venue in self._venues.values():
            if venue.capabilities.dead_man_timer and isinstance(venue, TimedVenue):
                venue.keep_dead_man_timer()

    def reload_keys(self, venue_account: str, told: Callable[[str, bool], None]) -> None:
        """Have an account read its key again. told: why it keeps the old one, "" when it uses what it has read; and
        whether that is the key that it had been using already.

        What is wrong is alerted, too.
        """
        task = asyncio.get_running_loop().create_task(self._reload_keys(self._venues[venue_account], told))
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

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
            self._starts.append(asyncio.get_running_loop().create_task(self._start(venue)))
        if problem:
            self._sinks.alert("VENUE_KEY_NOT_RELOADED", problem)
        told(problem, not was_refused and venue.identity == before)
