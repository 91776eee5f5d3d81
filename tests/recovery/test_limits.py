"""Limits and what is counted for them, through restarts and kills of the real gateway."""

import asyncio
from pathlib import Path

from typer.testing import CliRunner

from gateway.cli.main import app
from tests.acceptance.scenario import Scenario
from tests.fixtures.processes import Exchange, Gateway, wait_until

FIRST = """
max_position = "10"
max_open_orders = 9
max_orders_per_day = 4
"""


async def test_limits_come_from_sql_and_what_was_counted_survives(exchange: Exchange, tmp_path: Path) -> None:
    await exchange.control("mode", symbol="LTCUSDT", mode="manual")
    gateway = Gateway(tmp_path, exchange.url, limits=FIRST, sessions={"DESK": ("FIX.4.4", "")}).start()
    try:
        s = Scenario(gateway.client("DESK"), exchange, gateway)
        await s.client.connect()

        async def told(name: str, qty: str) -> str:
            s.order(name, qty)
            while (report := await s.next()).get(11) != s.id(name):
                pass  # after a crash what is not proven to be received is sent again
            return report[58] if report[150] == "8" else report[150]

        assert await told("A", "6") == "0"
        assert await told("B", "5") == "MAX_POSITION limit=10 worst=11 position=0 account=TRADING"
        assert await told("C", "3") == "0"
        gateway._settings["limits"] = FIRST.replace('"10"', '"1000"')  # SQL decides since the first start
        seen = len(gateway.log())
        gateway.kill_engine()
        await s.client.wait_closed()
        await asyncio.to_thread(wait_until, lambda: "reconciled account=" in gateway.log()[seen:], "reconciled")
        await s.client.connect()
        assert await told("D", "2") == "MAX_POSITION limit=10 worst=11 position=0 account=TRADING"
        await s.client.logout()
        gateway.stop()
        gateway.start()
        assert "limits of the configuration that SQL has otherwise: MAX_POSITION=1000 account=TRADING" in gateway.log()
        await s.client.connect()
        assert await told("E", "2") == "MAX_POSITION limit=10 worst=11 position=0 account=TRADING"
        assert await told("F", "1") == "0"
        assert await told("G", "0.1") == "MAX_POSITION limit=10 worst=10.1 position=0 account=TRADING"
        s.cancel("H,F")
        assert [(await s.next())[150], (await s.next())[150]] == ["6", "4"]
        assert await told("I", "1") == "0"
        s.cancel("J,I")
        assert [(await s.next())[150], (await s.next())[150]] == ["6", "4"]
        assert await told("K", "1") == "MAX_ORDERS_PER_DAY limit=4 today=4 account=TRADING"
        who = ("--account", "TRADING", "--reason", "a test", "--config", str(tmp_path / "gateway.toml"))
        result = await asyncio.to_thread(CliRunner().invoke, app, ["limits", "set", "max_orders_per_day", "9", *who])
        assert result.stdout == "MAX_ORDERS_PER_DAY of account=TRADING is 9, version 4\n", result.output
        assert await told("L", "1") == "0"
        result = await asyncio.to_thread(CliRunner().invoke, app, ["limits", "remove", "max_position", *who])
        assert await told("M", "100") == "0"
        result = await asyncio.to_thread(CliRunner().invoke, app, ["limits", "set", "max_position", "0", *who])
        assert (result.exit_code, result.stderr[:43]) == (1, "refused: MAX_POSITION: 0 is not above zero;")
        await s.client.logout()
        for name, expected in (("A", "accepted"), ("E", "refused: MAX_POSITION limit=10"), ("K", "today=4")):
            result = CliRunner().invoke(app, ["explain", s.id(name), "--config", str(tmp_path / "gateway.toml")])
            assert result.exit_code == 0, result.output
            assert expected in result.stdout
            assert "derived again from these figures: the same" in result.stdout
    finally:
        gateway.stop()
