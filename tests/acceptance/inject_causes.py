"""A flow of orders that are moved by more than clients and the exchange's answers: to be recorded, and gone through."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, select

from gateway.client import FixClient
from gateway.client.message import utc_timestamp
from gateway.control.client import ask
from gateway.store.tables import state_changes, venue_calls
from tests.acceptance.scenario import DEADLINE_S, Scenario
from tests.fixtures.processes import Exchange, Gateway

CAUSES = {
    "MORE": ("FIX.4.4", ""),
    "LEAVES": ("FIX.4.2", 'cancel_on_disconnect = "disconnect"\ncancel_on_disconnect_grace_seconds = 1'),
}

_UNAVAILABLE = select(state_changes.c.id).where(state_changes.c.what == "venue", state_changes.c.state == "unavailable")


async def record_causes(exchange: Exchange, gateway: Gateway) -> None:
    """Time, doubt, a lost connection, limits set meanwhile, a client that leaves, and the kill switch."""
    async with gateway.client("MORE") as client:
        await _in_doubt(client, exchange, gateway)
        await _away(client, exchange, gateway)
        await _in_time(client, exchange, gateway)
        await _limited(client, exchange, gateway)
    await _left(exchange, gateway)
    await _restarted(exchange, gateway)
    async with gateway.client("MORE") as client:
        await _killed(client, exchange, gateway)


async def _accepted(client: FixClient, exchange: Exchange, gateway: Gateway, **terms: str) -> Scenario:
    s = Scenario(client, exchange, gateway)
    s.order("X", 10, **terms)
    s.order_id = (await client.expect("8", {11: s.id("X")}))[37]
    return s


async def _operator(gateway: Gateway, command: str, arguments: dict[str, Any]) -> None:
    answer = await asyncio.to_thread(ask, gateway.directory / "run" / "control.sock", command, arguments)
    assert answer.done, answer.text


def _count(gateway: Gateway, query: Select[Any]) -> int:
    with gateway.sql() as sql:
        return len(sql.execute(query).all())


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def _in_doubt(client: FixClient, exchange: Exchange, gateway: Gateway) -> None:
    """The venue has to be asked what became of requests, over a lost connection too."""
    for kind in ("http_503_after", "drop_after"):
        await exchange.control("fault", op="order.place", kind=kind)
        s = await _accepted(client, exchange, gateway)
        await s.until_row(ord_status="0", is_unknown=False)
        await s.fills(3)
        await s.until_row(cum_qty=3)
    await exchange.control("reject", op="order.cancel", code=-2011, msg="Order was not canceled due to restrictions.")
    s.cancel("Y,X")
    await client.expect("9")
    await exchange.control("reject", op="order.place", code=-2010, msg="Account has insufficient balance")
    s.replace("Z,X", 10, price="49")  # the first order is gone by the time that the second is refused
    await client.expect("8", {150: "4"})


async def _away(client: FixClient, exchange: Exchange, gateway: Gateway) -> None:
    """What executes while the venue's connection is lost is learned when it is back."""
    s = await _accepted(client, exchange, gateway)
    times = _count(gateway, _UNAVAILABLE)
    await exchange.control("maintenance", on=True)
    await _until(lambda: _count(gateway, _UNAVAILABLE) > times)
    refused = Scenario(client, exchange, gateway)
    refused.order("X", 10)
    await client.expect("8", {11: refused.id("X"), 39: "8"})
    await s.fills(6)
    await exchange.control("maintenance", on=False)
    await s.until_row(cum_qty=6)


async def _in_time(client: FixClient, exchange: Exchange, gateway: Gateway) -> None:
    """Ended by the clock."""
    for seconds in (1, 5, 25):  # its time may be over before it is there
        s = Scenario(client, exchange, gateway)
        s.order("X", 10, tif="GTD", expire_time=utc_timestamp(time.time_ns() + seconds * 10**9))
        if (await client.expect("8", {11: s.id("X")}))[39] == "0":
            break
    await client.expect("8", {150: "C"}, timeout=30)


async def _limited(client: FixClient, exchange: Exchange, gateway: Gateway) -> None:
    """A limit that is set and taken away between orders, and a mass cancel."""
    limit = {"limit": "MAX_ORDER_QTY", "session": "MORE", "reason": "a test"}
    await _operator(gateway, "limits.set", {**limit, "value": "5"})
    s = Scenario(client, exchange, gateway)
    s.order("X", 10)
    await client.expect("8", {39: "8"})
    await _operator(gateway, "limits.remove", limit)
    s = await _accepted(client, exchange, gateway)
    client.send("q", [(11, s.id("M")), (530, "7"), (60, utc_timestamp(time.time_ns()))])
    await client.expect("8", {150: "4"})


async def _left(exchange: Exchange, gateway: Gateway) -> None:
    """Its connection breaks."""
    client = await gateway.client("LEAVES").connect()
    s = await _accepted(client, exchange, gateway)
    client.abort()
    await s.until_row(ord_status="4")


async def _restarted(exchange: Exchange, gateway: Gateway) -> None:
    """An order rests, another is under way, when the engine is killed; one executes before it is back.

    Nothing tells of either but what the exchange answers when it is asked; its events come when that is over.
    """
    client = await gateway.client("MORE").connect()
    rests = await _accepted(client, exchange, gateway)
    await exchange.control("hold", op="order.place", when="after")
    await exchange.control("hold", op="events")
    under_way = Scenario(client, exchange, gateway)
    under_way.order("X", 10)
    await exchange.until_held("order.place")
    await rests.fills(2)
    await asyncio.to_thread(gateway.kill_engine)
    await rests.until_row(cum_qty=2)
    await under_way.until_row(ord_status="0", is_unknown=False)
    told = (venue_calls.c.order_id == rests.order_id) & (venue_calls.c.operation == "settle")
    told &= (venue_calls.c.direction == "in") & venue_calls.c.text.contains('"commission"')  # its trades, told last
    await _until(lambda: _count(gateway, select(venue_calls.c.id).where(told)) > 0)  # orders are taken from now on
    events = select(venue_calls.c.id).where(venue_calls.c.operation == "event")
    before = _count(gateway, events)
    await exchange.control("release")
    await _until(lambda: _count(gateway, events) > before)
    client.abort()


async def _killed(client: FixClient, exchange: Exchange, gateway: Gateway) -> None:
    """Its orders are canceled, and it gets no more."""
    await _accepted(client, exchange, gateway)
    await _operator(gateway, "kill", {"session": "MORE", "reason": "a test"})
    await client.expect("8", {150: "4"})
    s = Scenario(client, exchange, gateway)
    s.order("X", 10)
    await client.expect("8", {39: "8"})
