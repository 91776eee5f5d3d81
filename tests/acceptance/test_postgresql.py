"""The gateway on PostgreSQL, from the configuration to what its commands show, with a password that stays unseen."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from gateway.store.dialects import PASSWORD_VARIABLE
from tests.fixtures.databases import ROLE_PASSWORD
from tests.fixtures.processes import KEYS, ROOT, Exchange, Gateway


@pytest.fixture
def gateway(tmp_path: Path, exchange: Exchange, database_with_password: str) -> Iterator[Gateway]:
    process = Gateway(tmp_path, exchange.url, database=database_with_password)
    process.start()
    yield process
    process.stop()


async def fixgw(gateway: Gateway, *arguments: str, password: str | None) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, **KEYS, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway", *arguments, "--config", str(gateway.directory / "gateway.toml")],
        cwd=gateway.directory,
        env=env | ({PASSWORD_VARIABLE: password} if password else {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_orders_and_every_command_work_and_the_password_is_nowhere(gateway: Gateway) -> None:
    password = make_url(gateway.database_url).password
    client = gateway.client()
    await client.connect()
    cl_ord_id = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    await client.expect("8", {11: cl_ord_id, 150: "0", 39: "0"})
    orders = await fixgw(gateway, "orders", "--json", password=password)
    assert cl_ord_id in orders.stdout, orders.stderr
    sessions = await fixgw(gateway, "sessions", password=password)
    assert "logged on" in sessions.stdout, sessions.stderr
    order = await fixgw(gateway, "order", cl_ord_id, password=password)
    assert "venue out" in order.stdout, order.stderr
    await client.logout()
    assert await asyncio.to_thread(gateway.stop) == 0
    upgraded = await fixgw(gateway, "db", "upgrade", password=password)
    assert upgraded.returncode == 0, upgraded.stderr

    files = [path for path in gateway.directory.rglob("*") if path.is_file()]
    assert {"gateway.log", "gateway.toml"} <= {path.name for path in files}
    assert f"database=postgresql://{make_url(gateway.database_url).username}" in gateway.log()
    assert [path.name for path in files if ROLE_PASSWORD.encode() in path.read_bytes()] == []

    if password == ROLE_PASSWORD:  # the server of these tests, not one that takes everybody
        refused = await fixgw(gateway, "run", password="Xq7-another")
        assert refused.returncode == 2
        assert "password authentication failed" in refused.stderr
        assert "Xq7-another" not in refused.stderr
        assert "Traceback" not in refused.stderr
