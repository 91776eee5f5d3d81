"""Account(1) decides which venue account, with which key, an order goes to; each has its own stream of events."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.processes import Exchange, Gateway

TWO_ACCOUNTS = """
[[venue_accounts]]
name = "second"

[venue_accounts.settings]
base_url = "{exchange}"

[[accounts]]
name = "HEDGE"
venue_account = "second"

[[sessions]]
begin_string = "FIX.4.4"
target_comp_id = "BOTH"
accounts = ["TRADING", "HEDGE"]
"""


@pytest.fixture
def two_accounts(tmp_path: Path, exchange: Exchange) -> Iterator[Gateway]:
    process = Gateway(tmp_path, exchange.url, more=TWO_ACCOUNTS.format(exchange=exchange.url))
    process.start()
    yield process
    process.stop()


async def test_each_account_trades_cancels_and_hears_on_its_own_key(exchange: Exchange, two_accounts: Gateway) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    client = two_accounts.client("BOTH", begin_string="FIX.4.4")
    await client.connect()
    first = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc", account="TRADING")
    second = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc", account="HEDGE")
    order_ids = {}
    for cl_ord_id in (first, second):
        order_ids[cl_ord_id] = (await client.expect("8", {11: cl_ord_id, 150: "0"}))[37]

    owners = {order["clientOrderId"]: order["account"] for order in await exchange.look("orders")}
    assert owners[f"test-{order_ids[first]}-1"] == "main"
    assert owners[f"test-{order_ids[second]}-1"] == "second"

    await exchange.control("fill", clientOrderId=f"test-{order_ids[second]}-1", qty="0.25")
    filled = await client.expect("8", {11: second, 150: "F"})
    assert filled[1] == "HEDGE"
    client.cancel(first)
    await client.expect("8", {41: first, 150: "4"})
    await client.logout()


async def test_a_session_reaches_only_its_own_accounts(exchange: Exchange, two_accounts: Gateway) -> None:
    both = two_accounts.client("BOTH", begin_string="FIX.4.4")
    desk = two_accounts.client("DESK")
    await both.connect()
    await desk.connect()
    refused = desk.new_order("BTCUSDT", "buy", "1", price="30000", account="HEDGE")
    answer = await desk.expect("8", {11: refused})
    assert (answer[39], answer[103]) == ("8", "15")
    assert "ACCOUNT_NOT_ALLOWED" in answer[58]

    hedge = both.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc", account="HEDGE")
    order_id = (await both.expect("8", {11: hedge, 150: "0"}))[37]
    # It does not exist for a session that may not trade the account, even by its OrderID(37).
    foreign = desk.cancel(hedge, symbol="BTCUSDT", side="buy", order_id=order_id)
    reject = await desk.expect("9", {11: foreign})
    assert (reject[37], reject[102]) == ("NONE", "1")
    asked = desk.status(hedge, symbol="BTCUSDT", side="buy", order_id=order_id)
    assert asked
    unknown = await desk.expect("8", {150: "I"})
    assert (unknown[37], unknown[39]) == ("NONE", "8")
    await both.ping()
    assert not both.unconsumed("8")
    await both.logout()
    await desk.logout()
