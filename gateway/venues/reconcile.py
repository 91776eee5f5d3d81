"""Taking snapshots of venue accounts: at most one at a time an account, tried until it is there."""

import asyncio
from collections.abc import Callable

from gateway.domain.reconcile import SnapshotRequest, VenueSnapshot
from gateway.venues.backoff import backoff_s
from gateway.venues.base import Sinks, SnapshotError, Venue

_ALERT_EVERY = 10

Taken = Callable[[VenueSnapshot], None]


class Snapshots:
    """Used from the adapters' loop only."""

    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(self, venue: Venue, request: SnapshotRequest, taken: Taken) -> None:
        """Take one in the background; one of the same account that is still being taken is given up for it."""
        running = self._running.pop(request.venue_account, None)
        if running is not None:
            running.cancel()
        task = asyncio.get_running_loop().create_task(self._take(venue, request, taken))
        self._running[request.venue_account] = task

    async def stop(self) -> None:
        """Give up all of them."""
        tasks = list(self._running.values())
        self._running.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, venue: Venue, request: SnapshotRequest, taken: Taken) -> None:
        attempt = 0
        while True:
            try:
                snapshot = await venue.snapshot(request)
            except Exception as error:  # an adapter's defect must not end reconciliation for good
                if attempt % _ALERT_EVERY == 0:
                    what = str(error) if isinstance(error, SnapshotError) else f"the adapter failed: {error!r}"
                    self._sinks.alert("RECONCILE_DELAYED", f"venue account {request.venue_account!r}: {what}")
                attempt += 1
                await asyncio.sleep(backoff_s(attempt))
            else:
                taken(snapshot)
                return
