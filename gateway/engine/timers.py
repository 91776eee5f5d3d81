"""When orders have to be looked at again: the end of DAY and GTD orders, and requests that wait to be repeated."""

import heapq
from collections.abc import Callable, Iterable
from itertools import islice

from gateway.domain.order import Order, Phase, RequestKind
from gateway.engine.clock import DAY, NANOSECONDS, day_start

RETRY_EVERY = NANOSECONDS
RETRY_LONGEST = 8 * NANOSECONDS
"""Each time in a row an order's requests wait twice as long, up to this: when thousands wait for the venue's budget,
they must not keep the engine busy with themselves.
"""
EXPIRE_AGAIN_AFTER = 5 * NANOSECONDS

AT_ONCE = 500
"""Orders a batch looks after at most: when a day ends with very many, what clients send must not wait for all."""


Trusted = Callable[[int], int | None]


class Timers:
    """Only the engine's thread uses it."""

    def __init__(self, day_end_seconds: int, now: int, trusted: Trusted) -> None:
        """day_end_seconds: when trading days end, after midnight UTC. trusted: what time it is when the host's clock
        shows this, for what must not be early; None while nobody knows (trusted_time.py).
        """
        self._trusted = trusted
        self._day_end_seconds = day_end_seconds
        self._today = day_start(now, day_end_seconds)
        self._expiries: list[tuple[int, str]] = []
        self._restless: dict[str, int] = {}  # order id -> when to look again
        self._patience: dict[str, int] = {}  # order id -> how long it waits, where it has waited before

    def watch(self, order: Order, at: int) -> None:
        """Take note of what the order's requests need; call it after each change to them."""
        if any(_waits(r.kind, r.phase) for r in order.requests):
            self._restless.setdefault(order.order_id, at + self._patience.get(order.order_id, RETRY_EVERY))
        elif self._restless or self._patience:
            self._restless.pop(order.order_id, None)
            if not order.requests:
                self._patience.pop(order.order_id, None)

    def watch_expiry(self, order: Order) -> None:
        """Call it once for each order that has an end."""
        if order.expire_time is not None:
            heapq.heappush(self._expiries, (order.expire_time, order.order_id))

    def expired(self, now: int) -> list[str]:
        """Orders whose time is over, at most AT_ONCE; each is told once."""
        due: list[str] = []
        at = self._trusted(now)
        while at is not None and self._expiries and self._expiries[0][0] <= at and len(due) < AT_ONCE:
            due.append(heapq.heappop(self._expiries)[1])
        return due

    def expire_later(self, order: Order, now: int) -> None:
        """The expiry failed: tell the order again a little later."""
        heapq.heappush(self._expiries, ((self._trusted(now) or now) + EXPIRE_AGAIN_AFTER, order.order_id))

    def to_retry(self, now: int) -> list[str]:
        """Orders with a request that waits to be sent again, at most AT_ONCE."""
        latest = now + RETRY_LONGEST  # beyond it lies only what was put off before the clock was set back
        due = list(islice((o for o, when in self._restless.items() if not now < when <= latest), AT_ONCE))
        for order_id in due:
            patience = min(2 * self._patience.get(order_id, RETRY_EVERY), RETRY_LONGEST)
            self._patience[order_id] = patience
            self._restless[order_id] = now + patience
        return due

    def new_day(self, now: int) -> int | None:
        """When a trading day began since the last call: its start. Told once.

        By the host's clock, as everything is recorded by that: from the record the same days have to come again.
        """
        start = day_start(now, self._day_end_seconds)
        if start == self._today:
            return None
        self._today = start
        return start

    def wait(self, now: int) -> float:
        """Seconds until something is due."""
        wait, restless, at = self._today + DAY - now, self._restless.values(), self._trusted(now)
        if restless:
            soonest, latest = min(restless), max(restless)
            if latest > now + RETRY_LONGEST:
                return 0.0
            wait = min(wait, soonest - now)
        if self._expiries and at is not None:
            wait = min(wait, self._expiries[0][0] - at)
        return max(0.0, wait / NANOSECONDS)


def _waits(kind: RequestKind, phase: Phase) -> bool:
    return phase is Phase.RETURNED or (kind.is_ours and phase is Phase.REFUSED)


def timers_of(orders: Iterable[Order], day_end_seconds: int, now: int, trusted: Trusted) -> Timers:
    """At a start: those that are open are watched."""
    timers = Timers(day_end_seconds, now, trusted)
    for order in orders:
        if order.is_open:
            timers.watch_expiry(order)
            timers.watch(order, now)
    return timers
