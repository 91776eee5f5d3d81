"""A cancel that the exchange could not take is sent again, freshly signed, until it is heard; nobody is told no."""

import os
import signal
from pathlib import Path

from sqlalchemy import select

from gateway.engine.crash_points import PAUSE_VARIABLE
from gateway.store.tables import intents
from tests.fixtures.processes import KEYS, Exchange, Gateway, wait_until


async def test_a_cancel_refused_for_its_timestamp_is_sent_again(exchange: Exchange, gateway: Gateway) -> None:
    client = gateway.client()
    await client.connect()
    cl_ord_id = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    await client.expect("8", {11: cl_ord_id, 150: "0"})
    text = "Timestamp for this request is outside of the recvWindow."
    await exchange.control("reject", op="order.cancel", code=-1021, msg=text, count=2)
    cancel = client.cancel(cl_ord_id)
    await client.expect("8", {11: cancel, 150: "6"})
    await client.expect("8", {11: cancel, 41: cl_ord_id, 150: "4", 39: "4"})
    await client.ping()
    assert not client.unconsumed("9")
    await client.logout()
    with gateway.sql() as sql:
        sent = sql.execute(select(intents.c.timestamp_ms).where(intents.c.operation == "cancel")).scalars().all()
    assert len(sent) == 3
    assert len(set(sent)) == 3, "each try is a committed intent with a time of its own"


async def test_a_cancel_that_never_left_is_sent_after_a_restart_before_events_can_be_heard(
    tmp_path: Path, exchange: Exchange
) -> None:
    """A client's next cancel would be told that one is pending: so that one must go."""
    trigger = tmp_path / "pause"
    gateway = Gateway(
        tmp_path, exchange.url, keys=KEYS | {PAUSE_VARIABLE: f"venue_writing:{trigger}"}, engine="reconcile_seconds = 0"
    )
    try:
        client = gateway.start().client()
        await client.connect()
        cl_ord_id = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
        await client.expect("8", {11: cl_ord_id, 150: "0"})
        trigger.touch()
        cancel = client.cancel(cl_ord_id)
        wait_until(lambda: not trigger.exists(), "the engine stopped with the cancel in its hand")
        await exchange.control("hold", op="userDataStream.subscribe.signature", when="before")
        seen = len(gateway.log())
        os.kill(gateway.engine_pid(), signal.SIGKILL)
        await client.wait_closed(30)
        wait_until(lambda: "engine started" in gateway.log()[seen:], "engine restarted")
        await client.connect()
        await client.expect("8", {11: cancel, 41: cl_ord_id, 150: "4", 39: "4"})
        assert "available=True" not in gateway.log()[seen:]
        await client.logout()
    finally:
        gateway.stop()
