"""`fixgw reconcile` and its dry run, against an exchange that has gone its own way."""

import json

from gateway.store.tables import admin_actions
from tests.fixtures.processes import Exchange, Gateway, wait_until
from tests.fixtures.resting import rest
from tests.fixtures.strangers import place_past_the_gateway
from tests.recovery.test_reconcile import rows, settled_orders


async def test_a_dry_run_tells_and_changes_nothing_and_the_command_mends(exchange: Exchange, gateway: Gateway) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    client = gateway.client()
    await client.connect()
    gone, filled = await rest(client), await rest(client, "1")
    code, out, err = await gateway.fixgw("reconcile")
    assert (code, out, err) == (0, "0 breaks found\n", "")

    await exchange.control("events", silent=True)
    await exchange.control("cancel", clientOrderId="test-O1-1")
    await exchange.control("fill", clientOrderId="test-O2-1", qty="0.25")
    await place_past_the_gateway(exchange, "test-O77-1")
    for _ in range(2):
        code, out, err = await gateway.fixgw("reconcile", "--dry-run", "--json")
        assert (code, err) == (0, "")
        found = {row["kind"]: row for row in map(json.loads, out.splitlines())}
        assert set(found) == {"closed_at_venue", "trade_missed", "orphan"}
        assert found["closed_at_venue"]["ours"]["ord_status"] == "NEW"
        assert found["closed_at_venue"]["theirs"] is None
        assert found["trade_missed"]["theirs"]["last_qty"] == "0.25"
        assert found["orphan"]["theirs"]["client_id"] == "test-O77-1"
        assert rows(gateway) == []
        assert settled_orders(gateway) == set()
    await client.ping()
    assert client.unconsumed("8") == []
    await exchange.control("events", silent=False)

    code, out, _ = await gateway.fixgw("reconcile", "--venue-account", "main", "--wait", "3")
    assert code == 0
    assert "closed_at_venue O1 at main\n  books: order_id=O1 ord_status=NEW" in out
    assert "  venue: nothing\n  settled status=CANCELED" in out
    assert "  applied and reported" in out
    assert "orphan test-O77-1 at main\n  books: nothing\n  venue: symbol=BTCUSDT client_id=test-O77-1" in out
    assert "  stands\n" in out
    assert out.endswith("3 breaks found\n")
    assert len(rows(gateway)) == 3
    await client.expect("8", {11: gone, 150: "4"})
    await client.expect("8", {11: filled, 150: "F", 32: "0.25"})
    code, out, _ = await gateway.fixgw("reconcile", "--wait", "0")
    assert "1 break found" in out, "what stands is told again"
    assert len(rows(gateway)) == 3, "and is no other break"
    await client.logout()

    code, _, err = await gateway.fixgw("reconcile", "--venue-account", "nowhere")
    assert code == 1
    assert "no venue account 'nowhere'; there are: main" in err
    exchange.stop()
    wait_until(lambda: "available=False" in gateway.log(), "the exchange is gone")
    code, _, err = await gateway.fixgw("reconcile", "--dry-run")
    assert (code, err) == (1, "venue account main is not connected\n")
    with gateway.sql() as sql:
        outcomes = [row.outcome for row in sql.execute(admin_actions.select())]
    assert outcomes[0] == "0 breaks found"
    assert outcomes[-1] == "refused: venue account main is not connected"
