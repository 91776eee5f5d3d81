"""Gaps: what was lost on the way is recovered by FIX's own means, over crashes, restarts and changes of host."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.client import FixClient
from gateway.client.message import FixMessage
from gateway.store.tables import messages, sessions
from tests.fixtures.databases import expire_lease, on_both_stores
from tests.fixtures.processes import Exchange, Gateway, wait_until


async def trade(client: FixClient, count: int) -> list[FixMessage]:
    """Orders that rest, one report each. Returns the reports."""
    reports = []
    for _ in range(count):
        name = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
        reports.append(await client.expect("8", {11: name, 150: "0"}))
    return reports


async def resent(client: FixClient, begin: int, end: int) -> list[FixMessage]:
    """Ask for a range of numbers. Returns the application messages, after checking that all numbers are answered."""
    await client.ping()  # what the client asked for by itself has been answered
    seen = len(client.transcript)
    client.send("2", [(7, begin), (16, end)])
    await client.ping()
    answers = [m for way, m in client.transcript[seen:] if way == "in" and m.get(43) == "Y"]
    number = begin
    for message in answers:
        assert message.seq == number, f"expected {number}: {answers}"
        number = int(message[36]) if message.type == "4" else number + 1
    assert number == end + 1 if end else number >= begin
    return [message for message in answers if message.type != "4"]


async def test_an_order_resent_after_a_logout_numbered_too_high_is_taken(
    exchange: Exchange, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await gateway.client(store=None).connect()
    with monkeypatch.context() as patch:
        patch.setattr(client, "_write", lambda *_: None)  # lost on the way
        lost = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    await client.logout()
    await client.connect()
    report = await client.expect("8", {11: lost, 150: "0"})
    assert report[39] == "0"
    assert len(await exchange.look("orders")) == 1
    await client.logout()


async def test_closed_ranges_are_answered_over_restarts(gateway: Gateway) -> None:
    client = await gateway.client().connect()
    before = await trade(client, 4)
    await client.ping()  # an administrative message between them
    before += await trade(client, 2)
    seen = len(gateway.log())
    gateway.kill_engine()
    await client.wait_closed()
    client = gateway.client()
    await client.connect()
    wait_until(lambda: "reconciled account=" in gateway.log()[seen:], "the venue is back, and was compared")
    after = await trade(client, 2)
    first, last, restarted = before[0].seq, before[-1].seq, after[0].seq
    assert restarted > last + 100, "numbers go on at the reserved bound"

    # A report whose row was not committed at the crash came again under a new number; its own is then a gap.
    came_again = {m[17] for way, m in client.transcript if way == "in" and m.type == "8" and m.get(97) == "Y"}
    expected = {message.seq: message[17] for message in [*before, *after] if message[17] not in came_again}
    assert before[0].seq in expected
    for begin, end in [
        (first, last),
        (first + 1, last - 1),
        (last, last),
        (last, last + 50),  # into the numbers that were never used
        (last + 10, last + 50),
        (last + 10, restarted),
        (first, restarted + 1),
        (1, first),
    ]:
        got = {message.seq: message[17] for message in await resent(client, begin, end)}
        wanted = {seq: exec_id for seq, exec_id in expected.items() if begin <= seq <= end}
        assert wanted.items() <= got.items(), (begin, end)
    await client.logout()


async def test_numbers_stay_below_the_reserved_bound_in_a_flood(gateway: Gateway) -> None:
    client = await gateway.client().connect()
    for burst in range(5):
        for number in range(1_000):
            client.send("1", [(112, f"flood-{burst}-{number}")])
        client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    await client.expect("0", {112: "flood-4-999"}, timeout=60)
    await client.ping()
    with gateway.sql() as sql:
        reserved = sql.execute(select(sessions.c.out_reserved).where(sessions.c.session.contains("DESK"))).scalar_one()
    assert reserved > client.next_in
    assert "halted" not in gateway.log()

    gateway.kill_engine()
    await client.wait_closed()
    highest = client.next_in
    client = gateway.client()
    await client.connect()  # refuses a number that was used before
    await client.ping()
    lowest = select(func.min(messages.c.msg_seq_num)).where(
        messages.c.direction == "out", messages.c.first_use, messages.c.msg_seq_num >= reserved
    )

    def lowest_used() -> int:
        with gateway.sql() as sql:
            return int(sql.execute(lowest).scalar_one() or 0)

    wait_until(lambda: lowest_used() > 0, "what was sent since is recorded")
    assert lowest_used() >= highest
    await client.logout()


@on_both_stores
async def test_nothing_is_lost_with_the_local_directory_or_the_host(
    exchange: Exchange, gateway: Gateway, tmp_path: Path
) -> None:
    client = await gateway.client().connect()
    before = await trade(client, 3)
    await client.logout()
    assert gateway.stop() == 0
    shutil.rmtree(tmp_path / "run")
    gateway.start()
    client = await gateway.client().connect()
    got = await resent(client, 1, before[-1].seq)
    assert [message[17] for message in got] == [message[17] for message in before]
    before += await trade(client, 1)

    engine, front = gateway.engine_pid(), gateway.child_pid("front")
    gateway.kill()  # the supervisor first, so that nothing starts again
    for pid in (engine, front):
        os.kill(pid, signal.SIGKILL)
    await client.wait_closed()

    if not gateway.database_url.startswith("sqlite"):
        expire_lease(gateway.database_url)
    other = tmp_path / "other"
    other.mkdir()
    successor = Gateway(other, exchange.url, database=gateway.database_url).start()
    try:
        client = successor.client(store=tmp_path / "DESK.json")
        await client.connect()
        again = {message[17] for message in await resent(client, 1, before[-1].seq)}
        for missing in {message[17] for message in before} - again:  # its row was not committed: it comes by itself
            await client.expect("8", {17: missing, 97: "Y"})
        after = await trade(client, 1)
        assert after[0].seq > before[-1].seq
        await client.logout()
    finally:
        successor.stop()
