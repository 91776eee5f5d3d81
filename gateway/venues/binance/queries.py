"""Queries about orders and the account, on whichever channel stands."""

import asyncio
from collections.abc import Callable

import msgspec

from gateway.domain.intents import SettleIntent
from gateway.domain.venue_reports import Operation
from gateway.venues.binance.channel import Answer, status_line
from gateway.venues.binance.clock import VenueClock
from gateway.venues.binance.environments import Credentials
from gateway.venues.binance.limits import Limits
from gateway.venues.binance.reporter import Reporter
from gateway.venues.binance.requests import Params
from gateway.venues.binance.rest import RestClient
from gateway.venues.binance.user_stream import ws_params
from gateway.venues.binance.ws_api import WsConnection

_QUERIES = {  # method: REST path and weight
    "order.status": ("/api/v3/order", 4),
    "myTrades": ("/api/v3/myTrades", 20),
    "allOrders": ("/api/v3/allOrders", 20),
    "openOrders.status": ("/api/v3/openOrders", 80),
    "account.status": ("/api/v3/account", 20),
}
_NARROWED = {("myTrades", "orderId"): 5, ("openOrders.status", "symbol"): 6}  # weight where this is asked for alone
TIMEOUT_S = 10.0  # public: gateway/cli/scratch_engine.py waits for as long as the record says
_WINDOW_MS = 5_000


def weight_of(method: str, params: Params) -> int:
    """What a query takes of the budget (REQUEST_WEIGHT)."""
    for (narrowed, parameter), weight in _NARROWED.items():
        if method == narrowed and parameter in params:
            return weight
    return _QUERIES[method][1]


class Queries:
    """For settlements and snapshots. A query changes nothing, so it is stamped when sent."""

    def __init__(
        self,
        reporter: Reporter,
        clock: VenueClock,
        limits: Limits,
        *,
        connection: Callable[[], WsConnection | None],
        rest: Callable[[], RestClient],
        credentials: Callable[[], Credentials],
    ) -> None:
        """rest: raises NotSentError while there is none. credentials: what signs over REST."""
        self._reporter = reporter
        self._clock = clock
        self._limits = limits
        self._connection = connection
        self._rest = rest
        self._credentials = credentials

    async def ask(self, method: str, params: Params, intent: SettleIntent | None = None) -> Answer:
        """Wait for room in the rate budget, then for the answer. Raises RequestLostError."""
        path, _ = _QUERIES[method]
        weight = weight_of(method, params)
        while wait_ms := self._limits.query_wait_ms(self._clock.clock_ms(), weight):  # noqa: ASYNC110 - time alone helps
            await asyncio.sleep(wait_ms / 1_000)
        now_ms = self._clock.clock_ms()
        self._limits.spend(now_ms, weight)
        stamped: Params = {**params, "recvWindow": _WINDOW_MS, "timestamp": now_ms}
        text = msgspec.json.encode(stamped)
        self._record("out", f"{method} {text.decode()}", intent)
        connection = self._connection()
        if connection is not None:
            credentials = connection.credentials
            body = text if credentials.signer.session_logon else ws_params(stamped, credentials, text)
            answer = await connection.request(method, body, TIMEOUT_S)
        else:
            answer = await self._rest().signed("GET", path, stamped, self._credentials(), TIMEOUT_S)
        self._record("in", status_line(answer), intent)
        return answer

    def _record(self, direction: str, text: str, intent: SettleIntent | None) -> None:
        if intent is not None:
            self._reporter.record(direction, Operation.SETTLE, intent, text)
        else:
            self._reporter.note(direction, "snapshot", text)
