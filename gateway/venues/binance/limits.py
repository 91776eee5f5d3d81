"""How much the venue still lets us send. Source: Binance Spot API, "Rate limits".

Weight is counted per address and minute, new orders per account in several intervals; cancels cost weight alone. So a
share of the weight is kept for cancels: new orders are refused early, here, when only that is left, and queries wait
even earlier, since they can.
After a 429 or 418 nothing is sent before the time the venue named. That, too, is about the address, so the accounts of
one process share it.

Counts are the venue's own from its last answer, plus what we sent since; they start again with each interval of the
venue's clock.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from gateway.venues.binance.filters import RateLimit

_INTERVAL_MS = {"SECOND": 1_000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}
_INTERVAL_LETTER = {"S": "SECOND", "M": "MINUTE", "H": "HOUR", "D": "DAY"}
_WEIGHT = "REQUEST_WEIGHT"
_ORDERS = "ORDERS"
_FIRST_PAUSE_MS = 1_000
_LONGEST_PAUSE_MS = 120_000
_LONGEST_BAN_MS = 3 * 86_400_000  # documented; what a broken answer names beyond it would be for ever
_ALERT_PAUSE_MS = 300_000
_QUERY_SHARE = 0.9  # of what new orders may use: settling many orders must not stop new ones
_DIGITS = 15  # of a number in a header; more is no count

PLACE_WEIGHT = 1


@dataclass(slots=True)
class _Counter:
    kind: str
    limit: int
    length_ms: int
    label: str
    interval: int = -1
    used: int = 0

    def roll(self, now_ms: int) -> None:
        interval = now_ms // self.length_ms
        if interval != self.interval:
            self.interval = interval
            self.used = 0


_Counters = dict[tuple[str, str, int], _Counter]


@dataclass(eq=False)
class Host:
    """What all accounts share that reach one exchange from this address."""

    weights: _Counters = field(default_factory=dict)
    paused_until_ms: int = 0
    pause_ms: int = 0  # the last pause we chose ourselves


class Hosts(defaultdict[str, Host]):
    """By base URL: the one that every account there shares."""

    def __init__(self) -> None:
        super().__init__(Host)


def retry_at_ms(retry_after: str, now_ms: int) -> int:
    """The time that a Retry-After header (seconds) means; 0 when it tells none."""
    return now_ms + int(retry_after[:_DIGITS]) * 1_000 if retry_after.isdecimal() else 0


class Limits:
    """The account's budget. Used from the venue loop only."""

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

    def learn(self, limits: Iterable[RateLimit]) -> None:
        """Take the limits that exchangeInfo states."""
        for limit in limits:
            self._counter(limit)

    def observe(self, limits: Iterable[RateLimit], now_ms: int, in_flight: int = 0) -> None:
        """Take the counts that an answer carries. in_flight: requests sent that it may not have counted yet."""
        for limit in limits:
            counter = self._counter(limit)
            if counter is None:
                continue
            counter.roll(now_ms)
            counter.used = limit.count + in_flight

    def observe_headers(self, headers: Mapping[str, str], now_ms: int) -> None:
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
                    counter.roll(now_ms)
                    counter.used = int(value)

    def spend(self, now_ms: int, weight: int, *, order: bool = False) -> None:
        """Count a request as it is sent."""
        for counter in chain(self._host.weights.values(), self._orders.values()):
            if now_ms // counter.length_ms != counter.interval:
                counter.roll(now_ms)
            if counter.kind == _WEIGHT:
                counter.used += weight
            elif order:
                counter.used += 1

    def refuses_place(self, now_ms: int) -> str | None:
        """Why a new order should not be sent now, with its figures; None when it may."""
        if now_ms < self._host.paused_until_ms:
            return f"VENUE_RATE_LIMIT the venue takes nothing before {self._host.paused_until_ms} (ms UTC)"
        for counter in chain(self._host.weights.values(), self._orders.values()):
            if now_ms // counter.length_ms != counter.interval:
                counter.roll(now_ms)
            if counter.kind == _WEIGHT:
                free = int(counter.limit * (1 - self._reserve))
                if counter.used + PLACE_WEIGHT > free:
                    used = f"used={counter.used} limit={free} of {counter.limit}/{counter.label}"
                    return f"VENUE_WEIGHT_RESERVED_FOR_CANCELS {used}"
            elif counter.used >= counter.limit:
                return f"VENUE_ORDER_LIMIT used={counter.used} limit={counter.limit}/{counter.label}"
        return None

    def query_wait_ms(self, now_ms: int, weight: int) -> int:
        """How long a query of this weight should wait; 0 when it need not. Ask again after that."""
        wait_ms = self.paused_for_ms(now_ms)
        for counter in self._host.weights.values():
            counter.roll(now_ms)
            free = int(counter.limit * (1 - self._reserve) * _QUERY_SHARE)
            if counter.used and counter.used + weight > free:
                wait_ms = max(wait_ms, (counter.interval + 1) * counter.length_ms - now_ms)
        return wait_ms

    def paused_for_ms(self, now_ms: int) -> int:
        """How long nothing may be sent; 0 when it may."""
        return max(0, self._host.paused_until_ms - now_ms)

    @property
    def paused_until_ms(self) -> int:
        """The venue's time at which sending may start again."""
        return self._host.paused_until_ms

    def pause(self, now_ms: int, until_ms: int) -> None:
        """The venue said 429 or 418. until_ms: the time it named, or 0: then the pause doubles each time."""
        host = self._host
        if until_ms <= now_ms:
            host.pause_ms = min(max(_FIRST_PAUSE_MS, host.pause_ms * 2), _LONGEST_PAUSE_MS)
            until_ms = now_ms + host.pause_ms
        until_ms = min(until_ms, now_ms + _LONGEST_BAN_MS)
        if until_ms - now_ms > _ALERT_PAUSE_MS >= self.paused_for_ms(now_ms):
            self._alert(
                "VENUE_BAN", f"the venue takes nothing for {(until_ms - now_ms) // 1_000} s: neither orders nor cancels"
            )
        host.paused_until_ms = max(host.paused_until_ms, until_ms)

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
