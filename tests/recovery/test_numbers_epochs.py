"""Resets of the numbers (ResetSeqNumFlag(141)=Y): what the client may lack is sent again, what it has is not."""

from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.client import FixClient
from gateway.client.errors import ClientError
from gateway.engine.crash_points import VARIABLE
from gateway.store.rows import SessionRow
from gateway.store.tables import messages, orders, sessions
from tests.fixtures.processes import Exchange, Gateway, wait_until
from tests.fixtures.resting import resting_order


def session_row(gateway: Gateway) -> SessionRow:
    with gateway.sql() as sql:
        return SessionRow(*sql.execute(select(sessions).where(sessions.c.session.contains("DESK"))).one())


async def drop(client: FixClient, gateway: Gateway) -> None:
    """The connection breaks without a Logout."""
    client.abort()
    await client.wait_closed()
    wait_until(lambda: not session_row(gateway).logged_on, "the engine sees the client go")


async def test_a_fill_that_waited_for_the_client_survives_its_reset(exchange: Exchange, gateway: Gateway) -> None:
    client = await gateway.client().connect()
    name = await resting_order(exchange, client)
    await drop(client, gateway)
    await exchange.control("fill", clientOrderId="test-O1-1", qty="0.5")

    client = await gateway.client(reset_seq_num=True).connect()
    filled = await client.expect("8", {11: name, 150: "F"})
    assert (filled[32], filled[14]) == ("0.5", "0.5")
    assert 97 not in filled, "it had never been sent"
    assert session_row(gateway).epoch == 2
    await client.logout()


async def test_a_report_that_may_have_been_lost_comes_again_after_a_reset(exchange: Exchange, gateway: Gateway) -> None:
    client = await gateway.client(heartbeats=False).connect()  # or it would prove, given time, that it has the report
    name = await resting_order(exchange, client)
    await exchange.control("fill", clientOrderId="test-O1-1", qty="0.5")
    first = await client.expect("8", {11: name, 150: "F"})
    # It came, but nothing that the gateway has heard proves it.
    await drop(client, gateway)

    client = await gateway.client(reset_seq_num=True).connect()
    again = await client.expect("8", {11: name, 150: "F"})
    assert again[17] == first[17]
    assert again[97] == "Y"
    assert again.seq < 10, "a number of the new epoch"
    await exchange.control("fill", clientOrderId="test-O1-1")
    last = await client.expect("8", {11: name, 150: "F", 39: "2"})
    assert 97 not in last
    await client.logout()


async def test_what_the_client_has_is_not_sent_again_after_a_reset(exchange: Exchange, gateway: Gateway) -> None:
    client = await gateway.client().connect()
    await resting_order(exchange, client)
    question = await client.expect("1")  # answered by the client itself
    assert question[112].startswith("REPORT-")

    def proven() -> bool:
        row = session_row(gateway)
        return row.proven_report_id == row.last_report_id > 0

    wait_until(proven, "the Heartbeat counts as proof")
    await drop(client, gateway)

    client = await gateway.client(reset_seq_num=True).connect()
    await client.ping()
    assert client.unconsumed("8") == []
    await client.logout()


async def test_what_was_to_be_sent_again_survives_a_clean_restart(exchange: Exchange, gateway: Gateway) -> None:
    client = await gateway.client(heartbeats=False).connect()  # as above
    name = await resting_order(exchange, client)
    await drop(client, gateway)
    await exchange.control("fill", clientOrderId="test-O1-1")
    gateway.stop()
    gateway.start()
    client = await gateway.client(reset_seq_num=True).connect()
    acknowledged = await client.expect("8", {11: name, 150: "0"})
    assert acknowledged[97] == "Y"
    filled = await client.expect("8", {11: name, 150: "F"})
    assert 97 not in filled
    await client.logout()


@pytest.mark.parametrize("again", [True, False])
async def test_a_crash_between_the_reset_and_its_answer(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    """The client may take the reset for done, or for not done and ask again."""
    marker = tmp_path / "crashed"
    monkeypatch.setenv(VARIABLE, f"epoch_committed:1:{marker}")
    gateway = Gateway(tmp_path, exchange.url).start()
    try:
        client = await gateway.client(heartbeats=False).connect()  # as above
        name = await resting_order(exchange, client)
        await client.logout()
        with pytest.raises(ClientError):
            await gateway.client(reset_seq_num=True).connect()
        wait_until(marker.exists, "the engine died")
        wait_until(lambda: gateway.log().count("engine started") >= 2, "another engine starts")
        assert session_row(gateway).epoch == 2

        client = gateway.client(reset_seq_num=again)
        await client.connect()
        report = await client.expect("8", {11: name, 150: "0"})
        assert report[97] == "Y"
        wait_until(lambda: gateway.log().count("available=True") >= 2, "the venue is back")
        cancel = client.cancel(name)
        await client.expect("8", {11: cancel, 150: "4"})
        await client.logout()
        with gateway.sql() as sql:
            assert sql.execute(select(orders.c.is_open)).scalars().all() == [False]
            used = sql.execute(
                select(messages.c.epoch, messages.c.msg_seq_num).where(
                    messages.c.direction == "out", messages.c.first_use
                )
            ).all()
        assert len(used) == len(set(used))
    finally:
        gateway.stop()
