"""How much the venue still lets us send. Source: Binance Spot API, "Rate limits".

Weight is counted per address and minute, new orders per account in several intervals; cancels cost weight alone. Who
may use the last of it goes by what cannot wait: cancels (the kill switch's too) all of it, queries for unknown orders
and of whole accounts less, replaces less, new orders less again, which are refused here and not by the venue; what only
keeps things fresh comes last.
After a 429 or 418 nothing is sent before the time the venue named. That, too, is about the address, so the accounts of
one process share it. Too many orders (-1015) are one account's matter, and its cancels go on.

Counts are the venue's own from its last answer, plus what we sent since; they start again with each interval of the
venue's clock. Orders that fill are taken off the venue's count again, so that one may fall.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain

from gateway.venues.binance.filters import RateLimit

CODE = "ORDER_RATE"
_INTERVAL_MS = {"SECOND": 1_000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}
_INTERVAL_LETTER = {"S": "SECOND", "M": "MINUTE", "H": "HOUR", "D": "DAY"}
_WEIGHT = "REQUEST_WEIGHT"
_ORDERS = "ORDERS"
_FIRST_PAUSE_MS = 1_000
_LONGEST_PAUSE_MS = 120_000
_LONGEST_BAN_MS = 3 * 86_400_000  # documented; what a broken answer names beyond it would be for ever
_ALERT_PAUSE_MS = 300_000
_ORDERS_PAUSE_MS = 10_000  # the venue's shortest interval for orders
_IN_FLIGHT_MS = 10_000  # what had no answer so long ago has one by now, or was given up
_EDGE_MS = 100  # so far the venue's clock may be from what we think it is
_REPLACE_ORDERS = 0.05  # of the count of orders: the second half of a replace must not be lost to new ones
_DIGITS = 15  # of a number in a header; more is no count

PLACE_WEIGHT = 1


class Use(Enum):
    """What a request is for: the share of what is kept for cancels that it must leave alone."""

    QUERY = 0.5
    REPLACE = 0.75
    NEW = 1.0
    ROUTINE = 1.5


@dataclass(slots=True)
class _Counter:
    kind: str
    limit: int
    length_ms: int
    label: str
    interval: int = -1
    used: int = 0
    ours: int = 0  # of it, what this process has sent and the venue counts for certain
    before: int = 0  # what the interval before would have used, as long as the venue may still be in that one

    def roll(self, now_ms: int, host: "Host") -> None:
        """What is still on its way when an interval begins, the venue may count in that one."""
        interval = now_ms // self.length_ms
        if interval != self.interval:
            self.before = self.used if interval == self.interval + 1 else 0
            self.interval = interval
            self.used = host.on_their_way(now_ms) if self.kind == _WEIGHT else 0
            self.ours = 0

    def spend(self, count: int) -> None:
        self.used += count
        self.before += count

    def exceeded(self, now_ms: int, weight: int, free: int) -> tuple[int, int] | None:
        """The count and the limit that so much more would exceed; free: of the limit, what may be used for it.

        The venue's clock may be a little behind ours: what begins an interval must also fit the one before.
        """
        if self.used + weight > free:
            return self.used, free
        if self._edge_ms(now_ms) > 0 and self.before + weight > self.limit:
            return self.before, self.limit
        return None

    def free_in_ms(self, now_ms: int, free: int) -> int:
        """When more may be free."""
        if self.used < free and (edge_ms := self._edge_ms(now_ms)) > 0:
            return edge_ms
        return (self.interval + 1) * self.length_ms - now_ms

    def _edge_ms(self, now_ms: int) -> int:
        return self.interval * self.length_ms + _EDGE_MS - now_ms

    def take(self, count: int, in_flight: int, asked_ms: int) -> None:
        """The venue's own count, in an answer to what was asked then. Another interval's is none of this one."""
        if (asked_ms - _EDGE_MS) // self.length_ms != self.interval:
            if self.kind == _WEIGHT:
                self.used = max(self.used, in_flight)
            return
        # Another account here may have sent what this answer has not counted yet; of weight nothing is given back.
        self.used = max(count + in_flight, self.ours if self.kind == _WEIGHT else 0)


_Counters = dict[tuple[str, str, int], _Counter]


@dataclass(slots=True)
class _Pause:
    """Until a time of the venue's, as we reckon it from the host's clock."""

    until_ms: int = 0
    length_ms: int = 0

    def begin(self, now_ms: int, until_ms: int) -> None:
        self.until_ms, self.length_ms = until_ms, until_ms - now_ms

    def left_ms(self, now_ms: int) -> int:
        """Never more than its length: beyond that the clock was set back, and nothing could be sent to learn by how
        much.
        """
        self.until_ms = min(self.until_ms, now_ms + self.length_ms)
        return max(0, self.until_ms - now_ms)


@dataclass(eq=False)
class Host:
    """What all accounts share that reach one exchange from this address."""

    weights: _Counters = field(default_factory=dict)
    pause: _Pause = field(default_factory=_Pause)
    pause_ms: int = 0  # the last pause we chose ourselves
    unanswered: "dict[Limits, tuple[int, int]]" = field(default_factory=dict)  # an account's last count, and its time

    def on_their_way(self, now_ms: int) -> int:
        """Requests of all accounts that the venue may not have counted yet, as far as each has told of late."""
        return sum(count for count, at_ms in self.unanswered.values() if abs(now_ms - at_ms) <= _IN_FLIGHT_MS)


class Hosts(defaultdict[str, Host]):
    """By base URL: the one that every account there shares."""

    def __init__(self) -> None:
        super().__init__(Host)


def retry_at_ms(retry_after: str, now_ms: int) -> int:
    """The time that a Retry-After header (seconds) means; 0 when it tells none."""
    return now_ms + int(retry_after[:_DIGITS]) * 1_000 if retry_after.isdecimal() else 0


class Limits:
    """The account's budget. Used from the adapters' loop only."""

    def __init__(
        self,
        cancel_reserve: float,
        host: Host | None = None,
        alert: Callable[[str, str], None] = lambda _code, _text: None,
    ) -> None:
        """cancel_reserve: the share of the weight budget (0 to 1) that new orders may not touch."""
        self._reserve = cancel_reserve
        self._host = host if host is not None else Host()
        self._alert = alert
        self._orders: _Counters = {}
        self._no_orders = _Pause()

    def learn(self, limits: Iterable[RateLimit]) -> None:
        """Take the limits that exchangeInfo states."""
        for limit in limits:
            self._counter(limit)

    def observe(self, limits: Iterable[RateLimit], now_ms: int, in_flight: int = 0, age_ms: int = 0) -> None:
        """Take the counts that an answer carries. in_flight: requests sent that it may not have counted yet.

        age_ms: how long ago the answered request was sent.
        """
        self._host.unanswered[self] = (in_flight, now_ms)
        for limit in limits:
            counter = self._counter(limit)
            if counter is not None:
                self._take(counter, limit.count, in_flight, now_ms, age_ms)

    def observe_headers(self, headers: Mapping[str, str], now_ms: int, age_ms: int = 0) -> None:
        """Take the counts from REST headers such as X-MBX-USED-WEIGHT-1M and X-MBX-ORDER-COUNT-10S."""
        for name, value in headers.items():
            upper = name.upper()
            for start, kind in (("X-MBX-USED-WEIGHT-", _WEIGHT), ("X-MBX-ORDER-COUNT-", _ORDERS)):
                if not upper.startswith(start) or not value.isdecimal() or len(value) > _DIGITS:
                    continue
                number, letter = upper[len(start) : -1], upper[-1]
                interval = _INTERVAL_LETTER.get(letter)
                if interval is None or not number.isdecimal() or len(number) > _DIGITS:
                    continue
                counter = self._counters(kind).get((kind, interval, int(number)))
                if counter is not None:
                    self._take(counter, int(value), 0, now_ms, age_ms)

    def _take(self, counter: _Counter, count: int, in_flight: int, now_ms: int, age_ms: int) -> None:
        """Weight is the host's: of it, what all accounts have on their way comes to the venue's count."""
        counter.roll(now_ms, self._host)
        on_their_way = self._host.on_their_way(now_ms) if counter.kind == _WEIGHT else in_flight
        counter.take(count, on_their_way, now_ms - age_ms)

    def spend(self, now_ms: int, weight: int, *, order: bool = False) -> None:
        """Count a request as it is sent."""
        for counter in chain(self._host.weights.values(), self._orders.values()):
            if now_ms // counter.length_ms != counter.interval:
                counter.roll(now_ms, self._host)
            if counter.kind == _WEIGHT:
                counter.spend(weight)
                if not order:  # of those that succeed the venue may count none, and cancels must not wait for them
                    counter.ours += weight
            elif order:
                counter.spend(1)

    def refuses_order(self, now_ms: int, weight: int, use: Use) -> str | None:
        """Why a new order, or a change of one, should not be sent now, with its figures; None when it may."""
        if self._host.pause.left_ms(now_ms):
            return f"{CODE} venue=paused until={self._host.pause.until_ms} (ms UTC)"
        for counter in self._host.weights.values():
            if now_ms // counter.length_ms != counter.interval:
                counter.roll(now_ms, self._host)
            exceeded = counter.exceeded(now_ms, weight, self._free(counter, use))
            if exceeded is not None:
                used = f"used={exceeded[0]} limit={exceeded[1]} of {counter.limit}/{counter.label}"
                return f"{CODE} venue=weight {used}, the rest is kept for cancels"
        return None

    def refuses_place(self, now_ms: int, use: Use = Use.NEW) -> str | None:
        """As refuses_order does, for what is counted as an order."""
        refusal = self.refuses_order(now_ms, PLACE_WEIGHT, use)
        if refusal is not None:
            return refusal
        if self._no_orders.left_ms(now_ms):
            return f"{CODE} venue=orders until={self._no_orders.until_ms} (ms UTC)"
        for counter in self._orders.values():
            if now_ms // counter.length_ms != counter.interval:
                counter.roll(now_ms, self._host)
            kept = int(counter.limit * _REPLACE_ORDERS) if use is Use.NEW else 0
            exceeded = counter.exceeded(now_ms, 1, counter.limit - kept)
            if exceeded is not None:
                used = f"used={exceeded[0]} limit={exceeded[1]} of {counter.limit}/{counter.label}"
                return f"{CODE} venue=orders {used}"
        return None

    def query_wait_ms(self, now_ms: int, weight: int, use: Use = Use.QUERY) -> int:
        """How long a query of this weight should wait; 0 when it need not. Ask again after that."""
        wait_ms = self.paused_for_ms(now_ms)
        for counter in self._host.weights.values():
            counter.roll(now_ms, self._host)
            free = self._free(counter, use)
            exceeded = counter.exceeded(now_ms, weight, free)
            if exceeded is not None and exceeded[0]:  # one that never fits goes alone
                wait_ms = max(wait_ms, counter.free_in_ms(now_ms, free - weight + 1))
        return wait_ms

    def cancel_wait_ms(self, now_ms: int) -> int:
        """How long a cancel should wait: when nothing at all is left the venue would refuse it, and at last ban us."""
        wait_ms = self.paused_for_ms(now_ms)
        for counter in self._host.weights.values():
            counter.roll(now_ms, self._host)
            if counter.exceeded(now_ms, 1, counter.limit):
                wait_ms = max(wait_ms, counter.free_in_ms(now_ms, counter.limit))
        return wait_ms

    def _free(self, counter: _Counter, use: Use) -> int:
        return int(counter.limit * max(0, 1 - self._reserve * use.value))

    def paused_for_ms(self, now_ms: int) -> int:
        """How long nothing may be sent; 0 when it may."""
        return self._host.pause.left_ms(now_ms)

    def pause(self, now_ms: int, until_ms: int) -> None:
        """The venue said 429 or 418. until_ms: the time it named, or 0: then each pause is twice the last one."""
        host = self._host
        if until_ms <= now_ms:
            if self.paused_for_ms(now_ms):  # all that was on its way is refused with the first, for the same reason
                return
            host.pause_ms = min(max(_FIRST_PAUSE_MS, host.pause_ms * 2), _LONGEST_PAUSE_MS)
            # Spread by chance, so that all that wait for it do not come at once.
            until_ms = now_ms + int(host.pause_ms * (1 + random.random() / 4))  # noqa: S311 - guards nothing
        until_ms = min(until_ms, now_ms + _LONGEST_BAN_MS)
        if until_ms - now_ms > _ALERT_PAUSE_MS >= self.paused_for_ms(now_ms):
            self._alert(
                "VENUE_BAN", f"the venue takes nothing for {(until_ms - now_ms) // 1_000} s: neither orders nor cancels"
            )
        if until_ms - now_ms > self.paused_for_ms(now_ms):
            host.pause.begin(now_ms, until_ms)

    def orders_used_up(self, now_ms: int, until_ms: int) -> None:
        """The venue takes no new orders of this account before that time (0: it did not say); all else it does."""
        if until_ms <= now_ms:
            until_ms = now_ms + _ORDERS_PAUSE_MS
        self._no_orders.begin(now_ms, min(until_ms, now_ms + _LONGEST_BAN_MS))

    def accepted(self) -> None:
        """The venue takes requests again: the next unexplained pause starts small."""
        self._host.pause_ms = 0

    def _counters(self, kind: str) -> _Counters:
        return self._host.weights if kind == _WEIGHT else self._orders

    def _counter(self, limit: RateLimit) -> _Counter | None:
        length = _INTERVAL_MS.get(limit.interval)
        if length is None or limit.rateLimitType not in (_WEIGHT, _ORDERS) or limit.intervalNum < 1:
            return None
        key = (limit.rateLimitType, limit.interval, limit.intervalNum)
        counters = self._counters(limit.rateLimitType)
        counter = counters.get(key)
        if counter is None:
            label = f"{limit.intervalNum} {limit.interval.lower()}"
            counter = _Counter(limit.rateLimitType, limit.limit, length * limit.intervalNum, label)
            counters[key] = counter
        counter.limit = limit.limit
        return counter
