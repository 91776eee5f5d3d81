"""A cancel that the exchange could not take is sent again, freshly signed, until it is heard; nobody is told no."""

from sqlalchemy import select

from gateway.store.tables import intents
from tests.fixtures.processes import Exchange, Gateway


async def test_a_cancel_refused_for_its_timestamp_is_sent_again(exchange: Exchange, gateway: Gateway) -> None:
    client = gateway.client()
    await client.connect()
    cl_ord_id = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    await client.expect("8", {11: cl_ord_id, 150: "0"})
    text = "Timestamp for this request is outside of the recvWindow."
    await exchange.control("reject", op="order.cancel", code=-1021, msg=text, count=2)
    cancel = client.cancel(cl_ord_id)
    await client.expect("8", {11: cancel, 150: "6"})
    await client.expect("8", {11: cancel, 41: cl_ord_id, 150: "4", 39: "4"}, timeout=20)
    await client.ping()
    assert not client.unconsumed("9")
    await client.logout()
    with gateway.sql() as sql:
        sent = sql.execute(select(intents.c.timestamp_ms).where(intents.c.operation == "cancel")).scalars().all()
    assert len(sent) == 3
    assert len(set(sent)) == 3, "each try is a committed intent with a time of its own"
