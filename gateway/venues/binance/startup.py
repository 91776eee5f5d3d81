"""What an account learns before it connects: the venue's time, its instruments and limits, and what the key may do."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from urllib.parse import quote

import msgspec

from gateway.domain.instruments import Instrument
from gateway.venues.backoff import backoff_s
from gateway.venues.base import VenueSettingsError
from gateway.venues.binance.channel import Answer, RequestLostError
from gateway.venues.binance.clock import TimeSample, VenueClock
from gateway.venues.binance.environments import Credentials, Environment
from gateway.venues.binance.errors import UNKNOWN_SYMBOL
from gateway.venues.binance.filters import RateLimit, parse_exchange_info
from gateway.venues.binance.payload import PayloadError, decode
from gateway.venues.binance.requests import Params
from gateway.venues.binance.rest import RestClient
from gateway.venues.binance.settings import BinanceSettings

_T = TypeVar("_T")
_SAMPLES = 5
_RECV_WINDOW_MS = 5_000

Alert = Callable[[str, str], None]


class _Time(msgspec.Struct):
    serverTime: int


class _Restrictions(msgspec.Struct):
    """GET /sapi/v1/account/apiRestrictions."""

    ipRestrict: bool
    enableWithdrawals: bool


class _Account(msgspec.Struct):
    """GET /api/v3/account."""

    uid: int


_TIME = msgspec.json.Decoder(_Time)
_ACCOUNT = msgspec.json.Decoder(_Account)
_RESTRICTIONS = msgspec.json.Decoder(_Restrictions)


async def repeat_until_done(step: Callable[[], Awaitable[_T]], alert: Alert) -> _T:
    """Try until it works, with backoff; the first failure and every tenth are alerted."""
    attempt = 0
    while True:
        try:
            return await step()
        except (RequestLostError, PayloadError) as error:
            if attempt % 10 == 0:
                alert("VENUE_START_DELAYED", str(error))
            attempt += 1
            await asyncio.sleep(backoff_s(attempt))


async def measure_clock(rest: RestClient, clock: VenueClock) -> TimeSample:
    """Ask for the venue's time several times, and keep and return the best answer.

    Raises RequestLostError or PayloadError.
    """
    samples = []
    for _ in range(_SAMPLES):
        sent_ns = clock.now_ns()
        answer = await rest.public("/api/v3/time")
        received_ns = clock.now_ns()
        samples.append(TimeSample(sent_ns, received_ns, decode(_TIME, _result(answer)).serverTime))
    return clock.update(samples)


async def learn_instruments(rest: RestClient, symbols: Sequence[str]) -> tuple[dict[str, Instrument], list[RateLimit]]:
    """Load exchangeInfo: of these symbols those that the venue has; of all, where none is named.

    Raises RequestLostError or PayloadError.
    """
    path = "/api/v3/exchangeInfo"
    query = f"symbols={quote(msgspec.json.encode(list(symbols)).decode())}" if symbols else ""
    answer = await rest.public(path, query, timeout_s=30)
    if query and not answer.ok and answer.failure().code == UNKNOWN_SYMBOL:  # one that was delisted spoils the question
        answer = await rest.public(path, timeout_s=30)
    instruments, limits = parse_exchange_info(_result(answer))
    return {name: one for name, one in instruments.items() if not symbols or name in symbols}, limits


async def check_key(
    rest: RestClient, settings: BinanceSettings, credentials: Credentials, clock: VenueClock, alert: Alert
) -> None:
    """On live: refuse a key that may withdraw, and warn of one usable from any address.

    The simulator and the testnet do not offer the question. Raises VenueSettingsError, RequestLostError, PayloadError.
    """
    if settings.environment is not Environment.LIVE:
        return
    judge_key(await _ask(rest, "/sapi/v1/account/apiRestrictions", credentials, clock), settings, alert)


async def account_uid(rest: RestClient, credentials: Credentials, clock: VenueClock) -> int:
    """Which of the venue's accounts the key belongs to. Raises RequestLostError or PayloadError."""
    return decode(_ACCOUNT, await _ask(rest, "/api/v3/account", credentials, clock)).uid


async def _ask(rest: RestClient, path: str, credentials: Credentials, clock: VenueClock) -> bytes:
    stamp: Params = {"recvWindow": _RECV_WINDOW_MS, "timestamp": clock.clock_ms()}
    return _result(rest.heeded(await rest.signed("GET", path, stamp, credentials)))


def judge_key(raw: bytes, settings: BinanceSettings, alert: Alert) -> None:
    """What the key's restrictions mean for starting. Raises VenueSettingsError or PayloadError."""
    rights = decode(_RESTRICTIONS, raw)
    if rights.enableWithdrawals and not settings.allow_withdrawal_keys:
        raise VenueSettingsError(
            "the API key may withdraw funds, which an order gateway never needs: take that right away from it,"
            " or set allow_withdrawal_keys = true"
        )
    if not rights.ipRestrict:
        alert("VENUE_KEY_UNRESTRICTED", "the API key works from any address: restrict it to the gateway's own")


def _result(answer: Answer) -> bytes:
    if not answer.ok:
        raise RequestLostError(answer.failure().text)
    return bytes(answer.result)
