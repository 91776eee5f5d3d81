"""What a request is signed with while keys are exchanged: a connection's own key on it, and the newest elsewhere.

A connection stays logged on with the key it was opened with until it has had its answers; over REST the exchange may
know the new one alone.
"""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from gateway.venues.binance.channel import Answer
from gateway.venues.binance.clock import VenueClock
from gateway.venues.binance.environments import Credentials
from gateway.venues.binance.limits import Limits
from gateway.venues.binance.queries import Queries
from gateway.venues.binance.reporter import Reporter
from gateway.venues.binance.rest import RestClient
from gateway.venues.binance.sending import Sending
from gateway.venues.binance.signing import HmacSigner, ws_payload
from gateway.venues.binance.ws_api import WsConnection
from tests.conformance.exchange import Desk as Sinks

OLD, NEW = Credentials("old-key", HmacSigner("old")), Credentials("new-key", HmacSigner("new"))
PARAMS: dict[str, str | int] = {"symbol": "BTCUSDT", "timestamp": 1, "recvWindow": 2}
DONE = Answer(200, b"[]", b"", b"[]")


class Line:
    """A connection of the old key, and the REST client: they note what they are given."""

    credentials = OLD

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[Credentials] = []

    def send(self, method: str, params: bytes, handler: Any, timeout_s: float) -> None:
        self.bodies.append(msgspec.json.decode(params))

    async def request(self, method: str, params: bytes, timeout_s: float) -> Answer:
        self.bodies.append(msgspec.json.decode(params))
        return DONE

    async def signed(self, verb: str, path: str, params: Any, credentials: Credentials, timeout_s: float) -> Answer:
        self.keys.append(credentials)
        return DONE

    def answered(self, answer: Answer) -> None: ...

    def lost(self, why: str, *, written: bool) -> None:
        raise AssertionError(why)


def is_signed_by(body: dict[str, Any], credentials: Credentials) -> bool:
    rest = {name: value for name, value in body.items() if name != "signature"}
    return (body["apiKey"], body["signature"]) == (credentials.api_key, credentials.signer.sign(ws_payload(rest)))


async def test_an_order_goes_with_its_channels_key() -> None:
    line = Line()
    sending = Sending(
        lambda: cast("RestClient", line), lambda: NEW, 1, lambda work: asyncio.get_running_loop().create_task(work)
    )
    sending.over_ws(cast("WsConnection", line), "order.cancel", PARAMS, msgspec.json.encode(PARAMS), line)
    assert is_signed_by(line.bodies[0], OLD)
    sending.over_rest("DELETE", "/api/v3/order", PARAMS, line)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert line.keys == [NEW]


@pytest.mark.parametrize("connected", [True, False])
async def test_a_query_goes_with_its_channels_key(connected: bool) -> None:
    line, clock, limits = Line(), VenueClock(lambda: 0), Limits(0.2)
    queries = Queries(
        Reporter("main", Sinks(), clock, limits, lambda: None),
        clock,
        limits,
        connection=lambda: cast("WsConnection", line) if connected else None,
        rest=lambda: cast("RestClient", line),
        credentials=lambda: NEW,
    )
    await queries.ask("openOrders.status", {"symbol": "BTCUSDT"})
    if connected:
        assert is_signed_by(line.bodies[0], OLD)
    assert line.keys == ([] if connected else [NEW])
