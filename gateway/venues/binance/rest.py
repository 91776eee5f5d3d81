"""The REST API: queries, and orders where configuration says so or the WebSocket API is away."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from gateway.venues.binance.channel import Answer, RequestLostError
from gateway.venues.binance.environments import Credentials
from gateway.venues.binance.errors import RATE_STATUSES
from gateway.venues.binance.limits import Limits, retry_at_ms
from gateway.venues.binance.requests import Params
from gateway.venues.binance.signing import rest_query

_API_KEY = "X-MBX-APIKEY"
_AT_ONCE = 80
"""Signed requests under way. The HTTP client opens a hundred connections, and while a request waits for one, the time
for its answer runs out: cancels that were never sent would be in doubt."""


class NotSentError(RequestLostError):
    """No connection could be made: the request certainly did not reach the venue."""


class RestClient:
    """Signed and public requests to one host. Raises RequestLostError where no answer came."""

    def __init__(self, base_url: str, limits: Limits, clock_ms: Callable[[], int]) -> None:
        self._base_url = base_url
        self._limits = limits
        self._clock_ms = clock_ms
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.session = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self.session.close()

    async def public(self, path: str, query: str = "", timeout_s: float = 10) -> Answer:
        """GET without a key."""
        return self.heeded(await self._send("GET", path, query, {}, timeout_s))

    def heeded(self, answer: Answer) -> Answer:
        """The answer to what is not about orders: where the venue takes nothing more, nobody sends."""
        if answer.status in RATE_STATUSES:
            self._limits.pause(self._clock_ms(), answer.failure().retry_at_ms)
        return answer

    async def signed(
        self, verb: str, path: str, params: Params, credentials: Credentials, timeout_s: float = 10
    ) -> Answer:
        """A request with all its parameters in the query string, signed as they are."""
        query = rest_query(params, credentials.signer)
        async with self._turns:
            return await self._send(verb, path, query, {_API_KEY: credentials.api_key}, timeout_s)

    async def _send(self, verb: str, path: str, query: str, headers: dict[str, str], timeout_s: float) -> Answer:
        # encoded=True: what was signed is what is sent, to the byte.
        url = URL(f"{self._base_url}{path}?{query}" if query else f"{self._base_url}{path}", encoded=True)
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        if self.session.closed:
            raise NotSentError("stopped")
        sent_ms = self._clock_ms()
        if wait_ms := self._limits.paused_for_ms(sent_ms):
            raise NotSentError(f"the venue takes nothing for another {wait_ms} ms")
        try:
            async with self.session.request(
                verb, url, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                body = await response.read()
        except aiohttp.ClientConnectorError as error:
            raise NotSentError(f"cannot connect to the venue: {error.os_error}") from None
        except TimeoutError:
            raise RequestLostError("no answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            # Never `from error`: the library's errors may hold the signed URL.
            raise RequestLostError(f"disconnected: {type(error).__name__}") from None
        now_ms = self._clock_ms()
        self._limits.observe_headers(response.headers, now_ms, now_ms - sent_ms)
        retry_after = response.headers.get("Retry-After", "")
        return Answer(response.status, body, body, body, retry_at_ms(retry_after, now_ms))
