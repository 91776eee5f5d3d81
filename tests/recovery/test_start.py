"""A start while the exchange cannot be reached: clients log on, get what waits for them, and can cancel."""

import asyncio
from pathlib import Path

from tests.fixtures.processes import Exchange, Gateway, wait_until
from tests.fixtures.relay import Relay
from tests.fixtures.resting import rest


async def test_an_exchange_that_is_down_keeps_nobody_from_logging_on(tmp_path: Path, exchange: Exchange) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    relay = Relay(exchange.port)
    await relay.join()
    gateway = await asyncio.to_thread(Gateway(tmp_path, relay.url).start)
    try:
        client = gateway.client()
        await client.connect()
        resting, traded, changed = await rest(client), await rest(client), await rest(client)
        await client.logout()
        await exchange.control("fill", clientOrderId="test-O2-1", qty="0.5")
        await asyncio.to_thread(wait_until, lambda: "OrderFilled" in gateway.log(), "the fill is known")
        await asyncio.to_thread(gateway.stop)
        await relay.cut()
        await asyncio.to_thread(gateway.start, wait_for_venue=False)

        client = gateway.client()
        await client.connect()
        await client.expect("8", {11: traded, 150: "F"})
        refused = client.new_order("BTCUSDT", "buy", "1", price="30000")
        answer = await client.expect("8", {11: refused, 39: "8"})
        assert answer[58] == "VENUE_UNAVAILABLE why=the venue is not connected"
        change = client.replace(changed, order_qty="1", price="30000")
        answer = await client.expect("9", {11: change})
        assert answer[58] == "VENUE_UNAVAILABLE why=the venue is not connected"
        cancel = client.cancel(resting)
        await client.expect("8", {11: cancel, 150: "6"})
        assert not client.unconsumed()

        seen = len(gateway.log())
        await relay.join()
        await client.expect("8", {11: cancel, 150: "4", 39: "4"}, timeout=40)
        await asyncio.to_thread(wait_until, lambda: "reconciled account=" in gateway.log()[seen:], "compared")
        await rest(client)
        await client.logout()
    finally:
        await asyncio.to_thread(gateway.stop)
        await relay.cut()
