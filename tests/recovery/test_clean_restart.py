"""After a stop and a start, orders and sequence numbers go on where they were, days later too."""

from decimal import Decimal

from sqlalchemy import select, update

from gateway.engine.clock import DAY
from gateway.store.database import open_database
from gateway.store.tables import executions, orders, sessions
from tests.fixtures.databases import on_both_stores
from tests.fixtures.processes import Exchange, Gateway


@on_both_stores
async def test_open_order_fills_and_cancels_after_a_clean_restart(exchange: Exchange, gateway: Gateway) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    client = gateway.client()
    await client.connect()
    filled = client.new_order("BTCUSDT", "buy", "2", price="30000", time_in_force="gtc")
    canceled = client.new_order("BTCUSDT", "sell", "1", price="90000", time_in_force="gtc")
    for cl_ord_id in (filled, canceled):
        await client.expect("8", {11: cl_ord_id, 150: "0", 39: "0"})
    await client.logout()
    with gateway.sql() as sql:
        order_id = sql.execute(select(orders.c.order_id).where(orders.c.cl_ord_id == filled)).scalar_one()
        before = sql.execute(select(sessions).where(sessions.c.session.contains("DESK"))).one()

    assert gateway.stop() == 0
    # A fill while nobody listens: only a query after the start can find it.
    await exchange.control("fill", clientOrderId=f"test-{order_id}-1", qty="0.5")
    # QuickFIX, left to itself, begins a session at 1 again when its files are of another day.
    database = open_database(gateway.database_url, "sim")
    with database.begin() as connection:
        connection.execute(update(sessions).values(created_at=sessions.c.created_at - 3 * DAY))
    database.dispose()
    gateway.start()

    client = gateway.client()
    await client.connect()  # FixClient goes on with its own numbers, and refuses lower ones and a gap
    missed = await client.expect("8", {11: filled, 150: "F"})
    assert (missed[32], missed[14], missed[151], missed[39]) == ("0.5", "0.5", "1.5", "1")
    await exchange.control("fill", clientOrderId=f"test-{order_id}-1")
    late = await client.expect("8", {11: filled, 150: "F"})
    assert (late[39], late.decimal(14), late[151]) == ("2", Decimal(2), "0")
    client.cancel(canceled)
    await client.expect("8", {41: canceled, 150: "6"})
    await client.expect("8", {41: canceled, 150: "4", 39: "4"})
    await client.logout()

    with gateway.sql() as sql:
        after = sql.execute(select(sessions).where(sessions.c.session == before.session)).one()
        trades = sql.execute(select(executions.c.last_qty)).scalars().all()
    assert after.epoch == before.epoch
    assert after.next_in > before.next_in
    assert after.next_out > before.next_out
    assert sorted(trades) == [Decimal("0.5"), Decimal("1.5")]
