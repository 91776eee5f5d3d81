"""The venue's WebSocket API is away, and its REST API is not: fills are heard, kills confirmed, nothing new is sent."""

import asyncio
import json
from decimal import Decimal

from sqlalchemy import select

from gateway.store.tables import executions, intents
from tests.fixtures.processes import Exchange, Gateway, wait_until
from tests.fixtures.resting import rest


async def until_logged(gateway: Gateway, text: str, seen: int) -> None:
    await asyncio.to_thread(wait_until, lambda: text in gateway.log()[seen:], text)


async def test_what_executes_is_asked_for_over_rest(exchange: Exchange, gateway: Gateway) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    client = await gateway.client().connect()
    part, whole, gone, kept = await rest(client), await rest(client, "1"), await rest(client, "3"), await rest(client)
    seen = len(gateway.log())
    await exchange.control("ws_api", away=True)
    await until_logged(gateway, "available=False", seen)

    await exchange.control("fill", clientOrderId="test-O1-1", qty="0.5")
    await exchange.control("fill", clientOrderId="test-O2-1")
    fill = await client.expect("8", {11: part, 150: "F"}, timeout=30)
    assert (fill[39], fill.decimal(32)) == ("1", Decimal("0.5"))
    await client.expect("8", {11: whole, 150: "F", 39: "2"})
    client.cancel(gone)
    await client.expect("8", {41: gone, 150: "4"})
    refused = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    answer = await client.expect("8", {11: refused, 39: "8"})
    assert answer[58] == "VENUE_UNAVAILABLE why=the venue is not connected"
    await exchange.control("fill", clientOrderId="test-O1-1", qty="0.25")
    await client.expect("8", {11: part, 150: "F", 32: "0.25"}, timeout=30)
    assert "reconciled account=" not in gateway.log()[seen:], "only a stream ends a start"

    code, out, _ = await gateway.fixgw("reconcile")
    assert (code, out) == (1, "")
    code, out, err = await gateway.fixgw("kill", "--reason", "no stream", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["result"] == {"confirmed": True, "orders": 2, "unconfirmed": []}
    for cl_ord_id in (part, kept):
        await client.expect("8", {11: cl_ord_id, 150: "4"})

    seen = len(gateway.log())
    await exchange.control("ws_api", away=False)
    await until_logged(gateway, "reconciled account=main orders=0 breaks=0", seen)
    await client.ping()
    assert [told[150] for told in client.unconsumed("8")] == ["6"], "nothing but the pending cancel: no fill twice"
    await client.logout()
    with gateway.sql() as sql:
        assert len(sql.execute(select(executions)).all()) == 3
        placed = select(intents.c.order_id).where(intents.c.operation == "place")
        assert len(sql.execute(placed).all()) == 4, "no order was sent again, or over the other channel"
