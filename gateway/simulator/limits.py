"""Rate limits: request weight per minute and address, orders per ten seconds and day and account.

Intervals start at whole minutes and ten-second marks of the exchange's clock, as Binance documents.
"""

from dataclasses import dataclass, field

from gateway.simulator.errors import ApiError

_MINUTE_MS = 60_000
_TEN_SECONDS_MS = 10_000
_DAY_MS = 86_400_000
_BAN_MS = 120_000
_TEXT_ENDING = "Please use WebSocket Streams for live updates to avoid {}."


@dataclass(slots=True)
class _Window:
    """A count that starts anew with every interval."""

    length_ms: int
    start: int = -1
    count: int = 0

    def add(self, now: int, amount: int) -> int:
        start = now - now % self.length_ms
        if start != self.start:
            self.start, self.count = start, 0
        self.count += amount
        return self.count

    def ends(self) -> int:
        return self.start + self.length_ms


@dataclass(slots=True)
class _Address:
    window: _Window = field(default_factory=lambda: _Window(_MINUTE_MS))
    refusals: int = 0
    banned_until: int = 0


@dataclass(slots=True)
class Usage:
    """What one request leaves behind; None where the limit does not concern it."""

    weight: int
    orders_10s: int | None = None
    orders_day: int | None = None


class Limits:
    """Counts for everyone; refuses when `enforced`. An address that goes on after 20 refusals is banned."""

    def __init__(
        self,
        weight_per_minute: int = 6_000_000,
        orders_per_10s: int = 1_000_000,
        orders_per_day: int = 100_000_000,
        refusals_before_ban: int = 20,
        enforced: bool = True,
    ) -> None:
        self.weight_per_minute = weight_per_minute
        self.orders_per_10s = orders_per_10s
        self.orders_per_day = orders_per_day
        self.refusals_before_ban = refusals_before_ban
        self.enforced = enforced
        self._addresses: dict[str, _Address] = {}
        self._orders: dict[str, tuple[_Window, _Window]] = {}

    def reset(self) -> None:
        self._addresses.clear()
        self._orders.clear()

    def charge(self, address: str, weight: int, now: int) -> Usage:
        """Count a request. Raises -1003 with status 429, or 418 once the address is banned."""
        state = self._addresses.get(address)
        if state is None:
            state = self._addresses[address] = _Address()
        used = state.window.add(now, weight)
        if self.enforced:
            if now < state.banned_until:
                raise _banned(state.banned_until, now)
            if used > self.weight_per_minute:
                state.refusals += 1
                if state.refusals > self.refusals_before_ban:
                    state.banned_until, state.refusals = now + _BAN_MS, 0
                    raise _banned(state.banned_until, now)
                text = f"Too much request weight used; current limit is {self.weight_per_minute} request weight "
                text += "per 1 MINUTE. " + _TEXT_ENDING.format("polling the API")
                raise ApiError(-1003, text, 429, _retry(now, state.window.ends()))
        return Usage(used)

    def charge_order(self, account: str, usage: Usage, now: int) -> None:
        """Count a new order. Raises -1015 with status 429."""
        windows = self._orders.get(account)
        if windows is None:
            windows = self._orders[account] = (_Window(_TEN_SECONDS_MS), _Window(_DAY_MS))
        usage.orders_10s = windows[0].add(now, 1)
        usage.orders_day = windows[1].add(now, 1)
        if not self.enforced:
            return
        for window, most, name in (
            (windows[0], self.orders_per_10s, "10 SECOND"),
            (windows[1], self.orders_per_day, "1 DAY"),
        ):
            if window.count > most:
                text = f"Too many new orders; current limit is {most} orders per {name}."
                raise ApiError(-1015, text, 429, _retry(now, window.ends()))

    def info(self) -> list[dict[str, object]]:
        """The limits as exchangeInfo lists them."""
        return [
            _rule("REQUEST_WEIGHT", "MINUTE", 1, self.weight_per_minute),
            _rule("ORDERS", "SECOND", 10, self.orders_per_10s),
            _rule("ORDERS", "DAY", 1, self.orders_per_day),
        ]

    def encoded(self, usage: Usage) -> bytes:
        """The rateLimits array of a WebSocket answer."""
        parts = []
        if usage.orders_10s is not None:
            parts.append(_entry("ORDERS", "SECOND", 10, self.orders_per_10s, usage.orders_10s))
        if usage.orders_day is not None:
            parts.append(_entry("ORDERS", "DAY", 1, self.orders_per_day, usage.orders_day))
        parts.append(_entry("REQUEST_WEIGHT", "MINUTE", 1, self.weight_per_minute, usage.weight))
        return f"[{','.join(parts)}]".encode()

    @staticmethod
    def headers(usage: Usage) -> dict[str, str]:
        """The headers of a REST answer."""
        headers = {"X-MBX-USED-WEIGHT": str(usage.weight), "X-MBX-USED-WEIGHT-1M": str(usage.weight)}
        if usage.orders_10s is not None:
            headers["X-MBX-ORDER-COUNT-10S"] = str(usage.orders_10s)
            headers["X-MBX-ORDER-COUNT-1D"] = str(usage.orders_day)
        return headers


def _retry(now: int, at: int) -> dict[str, object]:
    return {"serverTime": now, "retryAfter": at}


def _banned(until: int, now: int) -> ApiError:
    text = f"Way too much request weight used; IP banned until {until}. " + _TEXT_ENDING.format("bans")
    return ApiError(-1003, text, 418, _retry(now, until))


def _rule(kind: str, interval: str, number: int, limit: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _entry(kind: str, interval: str, number: int, limit: int, count: int) -> str:
    return (
        f'{{"rateLimitType":"{kind}","interval":"{interval}","intervalNum":{number},"limit":{limit},"count":{count}}}'
    )
