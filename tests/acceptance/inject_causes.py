"""A flow of orders that are moved by more than clients and the exchange's answers: to be recorded, and gone through."""

import time

from gateway.client import FixClient
from gateway.client.message import utc_timestamp
from tests.acceptance.scenario import Scenario
from tests.fixtures.processes import Exchange, Gateway

CAUSES = {
    "MORE": ("FIX.4.4", ""),
    "LEAVES": ("FIX.4.2", 'cancel_on_disconnect = "disconnect"\ncancel_on_disconnect_grace_seconds = 1'),
}


async def record_causes(exchange: Exchange, gateway: Gateway) -> None:
    """Time, doubt, a lost connection, limits set meanwhile, a client that leaves, and the kill switch."""
    async with gateway.client("MORE") as client:
        await _in_doubt(client, exchange, gateway)
        await _in_time(client, exchange, gateway)
        await _limited(client, exchange, gateway)
    await _left(exchange, gateway)
    async with gateway.client("MORE") as client:
        await _killed(client, exchange, gateway)


async def _accepted(client: FixClient, exchange: Exchange, gateway: Gateway, **terms: str) -> Scenario:
    s = Scenario(client, exchange, gateway)
    s.order("X", 10, **terms)
    s.order_id = (await client.expect("8", {11: s.id("X")}))[37]
    return s


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


async def _in_time(client: FixClient, exchange: Exchange, gateway: Gateway) -> None:
    """Ended by the clock."""
    s = await _accepted(client, exchange, gateway, tif="GTD", expire_time=utc_timestamp(time.time_ns() + 10**9))
    await s.fills(4)
    await client.expect("8", {150: "C"}, timeout=20)


async def _limited(client: FixClient, exchange: Exchange, gateway: Gateway) -> None:
    """A limit that is set and taken away between orders, and a mass cancel."""
    limit = ("MAX_ORDER_QTY", "--session", "MORE", "--reason", "a test")
    assert (await gateway.fixgw("limits", "set", limit[0], "5", *limit[1:]))[0] == 0
    s = Scenario(client, exchange, gateway)
    s.order("X", 10)
    await client.expect("8", {39: "8"})
    assert (await gateway.fixgw("limits", "remove", *limit))[0] == 0
    s = await _accepted(client, exchange, gateway)
    client.send("q", [(11, s.id("M")), (530, "7"), (60, utc_timestamp(time.time_ns()))])
    await client.expect("8", {150: "4"})


async def _left(exchange: Exchange, gateway: Gateway) -> None:
    """Its connection breaks."""
    client = await gateway.client("LEAVES").connect()
    s = await _accepted(client, exchange, gateway)
    client.abort()
    await s.until_row(ord_status="4")


async def _killed(client: FixClient, exchange: Exchange, gateway: Gateway) -> None:
    """Its orders are canceled, and it gets no more."""
    await _accepted(client, exchange, gateway)
    code, out, err = await gateway.fixgw("kill", "--session", "MORE", "--reason", "a test")
    assert code == 0, out + err
    await client.expect("8", {150: "4"})
    s = Scenario(client, exchange, gateway)
    s.order("X", 10)
    await client.expect("8", {39: "8"})
