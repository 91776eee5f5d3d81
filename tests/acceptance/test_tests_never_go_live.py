"""Orders of tests do not reach a venue that trades real money: what stands for live here is the simulated exchange."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.client import LogonRefused
from tests.acceptance.live_on_loopback import LiveGateway
from tests.fixtures.processes import Exchange

SESSIONS = {
    "DESK": ("FIX.4.4", ""),
    "OTHER": ("FIX.5.0SP2", ""),
    "TESTS": ("FIX.4.2", "test = true"),
}
ORDER: dict[str, Any] = {"symbol": "LTCUSDT", "side": "buy", "order_qty": "1", "price": "50", "time_in_force": "GTC"}


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    process = Exchange(tmp_path).start()
    yield process
    process.stop()


async def orders_at(exchange: Exchange) -> int:
    return len(await exchange.look("orders"))


async def test_their_logon_is_refused(tmp_path: Path, exchange: Exchange) -> None:
    gateway = LiveGateway(tmp_path, exchange, SESSIONS, let_in=False).start()
    try:
        with pytest.raises(LogonRefused, match="a test session: this gateway trades on a live venue"):
            await gateway.client("TESTS").connect()
        for comp_id in ("DESK", "OTHER"):
            client = gateway.client(comp_id)
            await client.open()
            with pytest.raises(LogonRefused, match=r"TestMessageIndicator\(464\)=Y: this gateway trades on a live"):
                await client.logon(fields=[(464, "Y")])
        client = gateway.client("OTHER")
        await client.open()
        await client.logon(fields=[(464, "N")])
        order = client.new_order(**ORDER)
        await client.expect("8", {11: order, 150: "0"})
        assert await orders_at(exchange) == 1
        await client.logout()
    finally:
        gateway.stop()


async def test_nor_do_their_orders_get_through_where_they_were_let_in(tmp_path: Path, exchange: Exchange) -> None:
    gateway = LiveGateway(tmp_path, exchange, SESSIONS, let_in=True).start()
    try:
        for comp_id, fields in (("TESTS", []), ("DESK", [(464, "Y")])):
            client = gateway.client(comp_id)
            await client.open()
            await client.logon(fields=fields)
            client.new_order(**ORDER)
            refused = await client.expect()
            assert (refused[150], refused[39]) == ("8", "8"), refused
            assert refused[58].startswith("TEST_SESSION environment=live"), refused
            client.replace("x", symbol="LTCUSDT", side="buy", order_qty="2", price="50")
            assert (await client.expect())[35] == "9"
            client.cancel("x", symbol="LTCUSDT", side="buy")
            assert (await client.expect())[102] == "1"  # looked for, as any cancel
            await client.logout()
        assert await orders_at(exchange) == 0
        async with gateway.client("DESK") as desk:  # what it said of itself counts for that Logon
            order = desk.new_order(**ORDER)
            await desk.expect("8", {11: order, 150: "0"})
        assert await orders_at(exchange) == 1
    finally:
        gateway.stop()
