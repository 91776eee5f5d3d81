"""The initiator against an acceptor that says exactly what each test wants, over a real socket."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.client import CannotConnect, ClientError, ExpectTimeout, FixClient, LogonRefused, NotConnected
from tests.fixtures.fix_peer import NOW, WAIT, Acceptor, Peer
from tests.fixtures.patient import PatientClient


@pytest.fixture
async def acceptor() -> AsyncIterator[Acceptor]:
    stand_in = Acceptor()
    server = await asyncio.start_server(stand_in.on_connect, "127.0.0.1", 0)
    stand_in.port = server.sockets[0].getsockname()[1]
    yield stand_in
    server.close()


def new_client(acceptor: Acceptor, *, store: Path | None = None, begin_string: str = "FIX.4.4") -> FixClient:
    return PatientClient(
        "127.0.0.1",
        acceptor.port,
        sender_comp_id="DESK",
        target_comp_id="FIXGW",
        begin_string=begin_string,
        store=store,
        username="desk",
        password="s3cret",
    )


async def log_on(client: FixClient, acceptor: Acceptor, *, first_out: int = 1) -> Peer:
    connecting = asyncio.create_task(client.connect(WAIT))
    peer = await acceptor.peer()
    peer.begin_string, peer.next_out = client.begin_string, first_out
    await peer.receive("A")
    peer.send("A", (98, 0), (108, 30))
    await connecting
    return peer


@pytest.fixture
async def client(acceptor: Acceptor) -> AsyncIterator[FixClient]:
    initiator = new_client(acceptor)
    yield initiator
    initiator.abort()


@pytest.fixture
async def peer(client: FixClient, acceptor: Acceptor) -> Peer:
    return await log_on(client, acceptor)


async def test_logon_carries_what_was_configured(client: FixClient, acceptor: Acceptor) -> None:
    connecting = asyncio.create_task(client.connect(WAIT))
    peer = await acceptor.peer()
    logon = await peer.receive("A")
    assert [logon.get(tag) for tag in (8, 49, 56, 34, 98, 108, 553, 554, 141)] == [
        *("FIX.4.4", "DESK", "FIXGW", "1", "0", "30", "desk", "s3cret"),
        None,
    ]
    assert not client.logged_on
    peer.send("A", (98, 0), (108, 30))
    await connecting
    assert (client.logged_on, client.next_in, client.next_out) == (True, 2, 2)
    assert "s3cret" not in repr(logon)


async def test_a_refused_logon_gives_the_logout_text(client: FixClient, acceptor: Acceptor) -> None:
    connecting = asyncio.create_task(client.connect(WAIT))
    peer = await acceptor.peer()
    await peer.receive("A")
    peer.send("5", (58, "unknown SenderCompID"))
    with pytest.raises(LogonRefused, match="unknown SenderCompID"):
        await connecting
    assert await peer.closed()
    assert not client.connected


async def test_a_connection_closed_on_logon_is_a_refusal(client: FixClient, acceptor: Acceptor) -> None:
    connecting = asyncio.create_task(client.connect(WAIT))
    peer = await acceptor.peer()
    await peer.receive("A")
    peer.writer.close()
    with pytest.raises(LogonRefused, match="other side closed"):
        await connecting


async def test_no_answer_to_the_logon(client: FixClient, acceptor: Acceptor) -> None:
    await client.open(WAIT)
    with pytest.raises(ClientError, match=r"no answer to the Logon within 0\.05 s"):
        await client.logon(0.05)
    assert not client.connected


async def test_nobody_listens(client: FixClient) -> None:
    client.port = 1
    with pytest.raises(ClientError, match=r"cannot connect to 127\.0\.0\.1 port 1: Connection refused$"):
        await client.connect()
    with pytest.raises(NotConnected, match="not connected to FIXGW"):
        client.send("0")


async def test_who_hangs_up_on_the_handshake_is_told_of() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 << 16)  # or it would be reset, which the system has a text for
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = FixClient(
        "127.0.0.1", port, sender_comp_id="DESK", target_comp_id="FIXGW", tls=ssl.create_default_context()
    )
    with pytest.raises(CannotConnect, match=rf"cannot connect to 127\.0\.0\.1 port {port}: the other side closed"):
        await client.open()
    server.close()


async def test_test_request_is_answered(client: FixClient, peer: Peer) -> None:
    peer.send("1", (112, "are you there"))
    assert (await peer.receive("0"))[112] == "are you there"


async def test_ping_waits_for_its_own_heartbeat(client: FixClient, peer: Peer) -> None:
    pinging = asyncio.create_task(client.ping())
    request = await peer.receive("1")
    peer.send("0")
    peer.send("8", (11, "x"))
    peer.send("0", (112, request[112]))
    await pinging
    assert [message.type for message in client.unconsumed()] == ["8"]


async def test_expect_takes_the_first_match_and_leaves_the_others(client: FixClient, peer: Peer) -> None:
    for status in ("0", "1", "2"):
        peer.send("8", (11, "x"), (39, status))
    filled = await client.expect("8", {39: "2"})
    assert filled.seq == 4
    assert (await client.expect("8"))[39] == "0"
    assert (await client.expect())[39] == "1"
    assert client.unconsumed() == []


async def test_expect_waits_and_concurrent_waiters_get_one_each(client: FixClient, peer: Peer) -> None:
    waiting = [asyncio.create_task(client.expect("8")) for _ in range(2)]
    waiting.append(asyncio.create_task(client.expect(predicate=lambda message: message.get(39) == "8")))
    await asyncio.sleep(0)
    for status in ("8", "0", "8"):
        peer.send("8", (39, status))
    assert [(await task)[39] for task in waiting] == ["8", "0", "8"]


async def test_expect_timeout_shows_the_conversation(client: FixClient, peer: Peer) -> None:
    order = client.new_order("BTCUSDT", "buy", "0.5", price="60000")
    peer.send("8", (11, order), (39, "8"), (150, "8"), (58, "no such\xe9 symbol"))
    with pytest.raises(ExpectTimeout) as caught:
        await client.expect("8", {39: "2"}, timeout=0.1)
    text = str(caught.value)
    assert "MsgType(35)=8 and 39=2 did not arrive within 0.1 s" in text
    assert f"──▶ NewOrderSingle #2 ClOrdID={order} Symbol=BTCUSDT Side=Buy(1)" in text
    assert f"◀── ExecutionReport #2 ClOrdID={order} OrdStatus=Rejected(8)" in text
    assert "s3cret" not in text


async def test_expect_ends_at_once_when_the_connection_does(client: FixClient, peer: Peer) -> None:
    waiting = asyncio.create_task(client.expect("8", timeout=60))
    await asyncio.sleep(0)
    peer.writer.close()
    with pytest.raises(ExpectTimeout, match="before the end"):
        await asyncio.wait_for(waiting, WAIT)
    with pytest.raises(ExpectTimeout, match="the other side closed the connection"):
        await asyncio.wait_for(client.expect("8", timeout=60), WAIT)


async def test_a_gap_is_asked_for_once_and_filled_in_order(client: FixClient, peer: Peer) -> None:
    peer.send("8", (17, "e4"), seq=4)
    peer.send("8", (17, "e5"), seq=5)
    request = await peer.receive("2")
    assert (request[7], request[16]) == ("2", "0")
    for seq in (2, 3, 4, 5):
        peer.send("8", (43, "Y"), (122, NOW), (17, f"e{seq}"), seq=seq)
    peer.send("8", (17, "e6"), seq=6)
    assert [(await client.expect("8"))[17] for _ in range(5)] == ["e2", "e3", "e4", "e5", "e6"]
    client.send("0")
    await peer.receive("0")  # and not a second ResendRequest
    peer.send("8", seq=9)
    assert (await peer.receive("2"))[7] == "7"  # the next gap is a new one


async def test_gap_fill_and_reset_move_the_expected_number(client: FixClient, peer: Peer) -> None:
    peer.send("4", (123, "Y"), (36, 10), seq=2)
    peer.send("8", (17, "e10"), seq=10)
    assert (await client.expect("8"))[17] == "e10"
    peer.send("4", (36, 50), seq=1)  # SequenceReset-Reset: its own number does not count
    peer.send("8", (17, "e50"), seq=50)
    assert (await client.expect("8"))[17] == "e50"
    assert client.next_in == 51


async def test_a_logon_numbered_too_high_is_accepted_and_the_gap_asked_for(
    client: FixClient, acceptor: Acceptor
) -> None:
    peer = await log_on(client, acceptor, first_out=1001)
    request = await peer.receive("2")
    assert (request[7], request[16]) == ("1", "0")
    peer.send("4", (43, "Y"), (122, NOW), (123, "Y"), (36, 1002), seq=1)
    peer.send("8", (17, "e"), seq=1002)
    await client.expect("8")
    assert client.next_in == 1003


async def test_a_repeated_message_is_dropped_and_a_low_one_ends_the_session(client: FixClient, peer: Peer) -> None:
    peer.send("8", (17, "e2"), seq=2)
    peer.send("8", (17, "e2"), (43, "Y"), (122, NOW), seq=2)
    peer.send("8", (17, "e3"), seq=3)
    assert [(await client.expect("8"))[17] for _ in range(2)] == ["e2", "e3"]
    peer.send("8", (17, "e2"), seq=2)
    assert (await peer.receive("5"))[58] == "MsgSeqNum too low, expecting 4 but received 2"
    assert "too low" in await client.wait_closed()


async def test_a_resend_request_gets_orders_again_and_gap_fills(client: FixClient, peer: Peer) -> None:
    first = client.new_order("BTCUSDT", "buy", 1)
    client.send("0")
    client.send("0")
    second = client.new_order("BTCUSDT", "sell", 1)
    for msg_type in ("D", "0", "0", "D"):
        await peer.receive(msg_type)
    peer.send("2", (7, 1), (16, 0))
    gap = await peer.receive("4")
    assert (gap.seq, gap[36], gap[123], gap[43]) == (1, "2", "Y", "Y")
    again = await peer.receive("D")
    assert (again.seq, again[11], again[43], 122 in again) == (2, first, "Y", True)
    gap = await peer.receive("4")
    assert (gap.seq, gap[36]) == (3, "5")
    assert (await peer.receive("D"))[11] == second
    peer.send("2", (7, 3), (16, 3))  # a closed range
    gap = await peer.receive("4")
    assert (gap.seq, gap[36]) == (3, "4")
    assert client.next_out == 6


async def test_logout_is_confirmed(client: FixClient, peer: Peer) -> None:
    leaving = asyncio.create_task(client.logout("bye"))
    assert (await peer.receive("5"))[58] == "bye"
    peer.send("5")
    await leaving
    assert await peer.closed()
    assert not client.logged_on


async def test_the_peers_logout_is_answered(client: FixClient, peer: Peer) -> None:
    peer.send("5", (58, "end of day"))
    await peer.receive("5")
    assert await peer.closed()
    assert await client.wait_closed() == "logged out by FIXGW: end of day"


async def test_numbers_go_on_after_a_reconnect(client: FixClient, peer: Peer, acceptor: Acceptor) -> None:
    client.new_order("BTCUSDT", "buy", 1)
    await peer.receive("D")
    client.abort()
    peer = await log_on(client, acceptor, first_out=2)
    assert (client.next_out, client.next_in) == (4, 3)
    client.send("0")
    assert (await peer.receive("0")).seq == 4


async def test_reset_seq_num(client: FixClient, peer: Peer, acceptor: Acceptor) -> None:
    client.abort()
    client.reset_seq_num = True
    connecting = asyncio.create_task(client.connect(WAIT))
    peer = await acceptor.peer()
    logon = await peer.receive("A")
    assert (logon.seq, logon[141]) == (1, "Y")
    peer.send("A", (98, 0), (108, 30), (141, "Y"))
    await connecting
    assert (client.next_out, client.next_in) == (2, 2)


async def test_numbers_can_be_set_and_raw_bytes_sent(client: FixClient, peer: Peer) -> None:
    client.next_out = 7
    client.send("D", [(11, "x"), (58, b"caf\xe9"), (43, "Y")])
    order = await peer.receive("D")
    assert order.seq == 7
    assert order.raw.index(b"\x0143=Y\x01") < order.raw.index(b"\x0111=x\x01")  # header fields come first
    assert b"58=caf\xe9\x01" in order.raw
    client.send_raw(b"rubbish")
    assert await asyncio.wait_for(peer.reader.readexactly(7), WAIT) == b"rubbish"
    assert client.next_out == 8


async def test_rubbish_from_the_peer_ends_the_connection(client: FixClient, peer: Peer) -> None:
    peer.send_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert "unreadable data received" in await client.wait_closed()


async def test_messages_in_pieces_and_several_at_once(client: FixClient, peer: Peer) -> None:
    data = b"".join(peer.encode("8", seq, [(17, f"e{seq}")]) for seq in range(2, 40))
    for start in range(0, len(data), 7):
        peer.send_raw(data[start : start + 7])
        await peer.writer.drain()
    assert [(await client.expect("8"))[17] for _ in range(38)] == [f"e{seq}" for seq in range(2, 40)]


async def test_heartbeats_and_a_silent_peer(client: FixClient, peer: Peer) -> None:
    """No time has to pass: what the connection noted is made older than it is."""
    connection = client._connection
    assert connection is not None
    connection._last_sent -= 30
    await peer.receive("0")
    connection._last_received -= 37
    await peer.receive("1")
    connection._last_received -= 36
    assert "not even after a TestRequest" in await client.wait_closed(WAIT)


async def test_the_session_file_keeps_numbers_and_orders(acceptor: Acceptor, tmp_path: Path) -> None:
    path = tmp_path / "state" / "desk.json"
    client = new_client(acceptor, store=path)
    peer = await log_on(client, acceptor)
    order = client.new_order("BTCUSDT", "sell", Decimal("0.50"), price="60000", account="A1")
    await peer.receive("D")
    assert json.loads(path.read_text())["next_out"] == 3

    with pytest.raises(ClientError, match="another program is logged on"):
        await new_client(acceptor, store=path).connect()

    client.abort()
    client = new_client(acceptor, store=path)
    assert (client.next_out, client.next_in) == (3, 2)
    peer = await log_on(client, acceptor, first_out=2)
    client.cancel(order)
    cancel = await peer.receive("F")
    assert [cancel.get(tag) for tag in (41, 1, 55, 54, 38)] == [order, "A1", "BTCUSDT", "2", "0.50"]
    peer.send("2", (7, 2), (16, 2))
    assert (await peer.receive("4"))[36] == "3"  # an order of an earlier run is never sent again
    client.abort()


async def test_a_session_file_that_changed_meanwhile_is_read_again(acceptor: Acceptor, tmp_path: Path) -> None:
    path = tmp_path / "desk.json"
    early, client = new_client(acceptor, store=path), new_client(acceptor, store=path)
    await log_on(client, acceptor)
    client.abort()
    peer = await log_on(early, acceptor, first_out=2)
    early.send("0")
    assert (await peer.receive("0")).seq == 3
    early.abort()


async def test_a_damaged_session_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "desk.json"
    path.write_text('{"next_out": "x"}')
    with pytest.raises(ClientError, match=r"desk\.json is not a session file"):
        new_client(Acceptor(), store=path)
