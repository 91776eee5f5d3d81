"""No message can poison the gateway: after each the next order works, its number was consumed or asked for, and all
goes on after a restart.
"""

import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import MappingProxyType

import pytest
from sqlalchemy import select

from gateway.client import FixClient, FixMessage
from gateway.client.message import utc_timestamp
from gateway.store.tables import alerts, sessions
from gateway.wire.framing import framed
from gateway.wire.raw import to_bytes
from tests.fixtures.processes import Exchange, Gateway, wait_until

LONG = 60  # seconds: one message may be a megabyte


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One for all poisons: what one leaves behind, the next must not stumble over."""
    directory = tmp_path_factory.mktemp("gateway")
    exchange = Exchange(directory).start()
    process = Gateway(directory, exchange.url)
    process.start()
    yield process
    with process.sql() as sql:
        raised = sql.execute(select(alerts.c.text)).scalars().all()
    process.stop()
    exchange.stop()
    assert raised == []
    assert "died, restarts" not in process.log()


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[FixClient]:
    connected = gateway.client()
    await connected.connect()
    yield connected
    connected.abort()


def order(changed: Mapping[int, str | bytes | None] = MappingProxyType({})) -> dict[int, str | bytes]:
    """The fields of a good order, some of them changed; None leaves one out."""
    good = {55: "BTCUSDT", 54: "1", 38: "1", 40: "2", 44: "30000", 59: "1", 60: utc_timestamp(time.time_ns())}
    fields = {11: f"P{time.time_ns()}", **good, **changed}
    return {tag: value for tag, value in fields.items() if value is not None}


def message(
    client: FixClient, seq: int, fields: dict[int, str | bytes], msg_type: str = "D", more: bytes = b""
) -> bytes:
    header = [(35, msg_type), (49, client.sender_comp_id), (56, client.target_comp_id), (34, str(seq))]
    pairs = [*header, (52, utc_timestamp(time.time_ns())), *fields.items()]
    body = b"".join(b"%d=%b\x01" % (tag, to_bytes(v) if isinstance(v, str) else v) for tag, v in pairs)
    return framed(client.begin_string.encode(), body + more)


def send(client: FixClient, raw: bytes) -> int:
    """Send bytes under the client's next number, which is used up. Returns the number."""
    seq = client.next_out
    client.next_out = seq + 1
    client.send_raw(raw)
    return seq


def answer_to(client: FixClient, seq: int, cl_ord_id: str = "") -> Callable[[FixMessage], bool]:
    def matches(m: FixMessage) -> bool:
        if m.type in {"3", "j"}:
            return m.get(45) == str(seq)
        return m.type == "8" and bool(cl_ord_id) and m.get(11) == cl_ord_id

    return matches


async def order_works(client: FixClient) -> None:
    cl_ord_id = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="GTC")
    await client.expect("8", {11: cl_ord_id, 150: "0"}, timeout=LONG)
    client.cancel(cl_ord_id)
    await client.expect("8", {41: cl_ord_id, 150: "4"}, timeout=LONG)


def asked_for(client: FixClient, since: int) -> list[str]:
    """BeginSeqNo(7) of the ResendRequests received after so many messages."""
    return [m[7] for direction, m in client.transcript[since:] if direction == "in" and m.type == "2"]


# --- answered at once, number consumed

ANSWERED: dict[str, tuple[str, bytes]] = {
    # what: (expected answer, what follows a good order)
    "a byte that is no UTF-8": ("8", b"58=\xe9\x01"),
    "NUL": ("8", b"58=a\x00b\x01"),
    "a delimiter inside EncodedText": ("8", b"354=9\x01355=ab\x0144=1\x01c\x01"),
    "a delimiter inside RawData": ("8", b"95=9\x0196=ab\x0144=1\x01c\x01"),
    "a megabyte of text": ("8", b"58=%b\x01" % (b"x" * 1_000_000)),
    "fifty thousand fields": ("8", b"".join(b"%d=x\x01" % tag for tag in range(5000, 55000))),
    "a length that is far too long": ("3", b"95=2000000000\x0196=abc\x01"),
    "a negative length": ("3", b"95=-50\x0196=abc\x01"),
    "a length that is one too short": ("3", b"354=2\x01355=abc\x01"),
    "a length written with zeros": ("3", b"95=2000000000\x010000000000096=abc\x01"),
    "data without a length": ("3", b"96=abc\x01"),
    "a field without =": ("3", b"hello\x01"),
    "a tag that is no number": ("3", b"x=1\x01"),
    "a tag of a hundred digits": ("3", b"%b=1\x01" % (b"9" * 100)),
    "tag 0": ("3", b"0=1\x01"),
    "a negative tag": ("3", b"-1=1\x01"),
    "an empty field": ("3", b"\x01"),
    "a CheckSum in the middle": ("3", b"10=123\x0158=x\x01"),
    "another beginning": ("3", b"8=FIX.4.4\x019=5\x01"),
    "a repeated tag": ("3", b"38=2\x01"),
    "a group that begins again and again": ("3", b"453=1\x01448=a\x01802=1\x01523=x\x01803=1\x01" * 5000),
    "a group of five thousand": ("8", b"453=5000\x01" + b"448=a\x01447=D\x01452=1\x01" * 5000),
    "a group that counts below nothing": ("8", b"453=-1\x01448=a\x01447=D\x01452=1\x01"),
    "a group that promises two thousand million": ("8", b"453=2000000000\x01448=a\x01447=D\x01452=1\x01"),
}


@pytest.mark.parametrize("what", ANSWERED)
async def test_a_strange_field_is_answered_and_its_number_consumed(client: FixClient, what: str) -> None:
    expected, more = ANSWERED[what]
    fields, since = order(), len(client.transcript)
    seq = send(client, message(client, client.next_out, fields, more=more))
    found = await client.expect(predicate=answer_to(client, seq, str(fields[11])), timeout=LONG)
    assert found.type == expected
    await order_works(client)
    assert asked_for(client, since) == []


ABSURD: list[str | bytes | None] = [
    *("NaN", "1e400", "-1", "0", "", "x" * 10_000, "9" * 400, "0." + "0" * 300 + "1", "1,5", " 1", "+1", "0x10"),
    *("é€", b"\xe9", b"\x00", "Infinity", "null", "1e5", None),
]
FIELDS = (1, 11, 15, 18, 21, 22, 38, 40, 44, 48, 54, 55, 58, 59, 60, 99, 110, 111, 126, 207, 453, 10000)


@pytest.mark.parametrize("tag", FIELDS)
async def test_absurd_values_are_answered(client: FixClient, tag: int) -> None:
    good, since = order(), len(client.transcript)
    for value in ABSURD:
        if value is None and tag not in good:
            continue
        fields = order({tag: value})
        seq = send(client, message(client, client.next_out, fields))
        cl_ord_id = fields.get(11, "")
        await client.expect(predicate=answer_to(client, seq, cl_ord_id if isinstance(cl_ord_id, str) else ""))
    await order_works(client)
    assert asked_for(client, since) == []


# --- not consumed: asked for again

GARBLED: dict[str, Callable[[bytes], bytes]] = {
    "a wrong CheckSum": lambda raw: raw[:-4] + b"%03d\x01" % ((int(raw[-4:-1]) + 1) % 256),
    "a BodyLength that is too short": lambda raw: re.sub(rb"\x019=\d+", b"\x019=20", raw, count=1),
    "no BodyLength": lambda raw: re.sub(rb"\x019=\d+", b"", raw, count=1),
    "a BodyLength that is no number": lambda raw: re.sub(rb"\x019=\d+", b"\x019=x", raw, count=1),
    "half of it": lambda raw: raw[: len(raw) // 2],
    "garbage in front": lambda raw: b"garbage" + raw,
    "no MsgSeqNum": lambda raw: framed(b"FIX.4.4", b"35=D\x0149=DESK\x0156=FIXGW\x0111=x\x01"),
    "a MsgSeqNum that is no number": lambda raw: framed(b"FIX.4.4", b"35=D\x0149=DESK\x0156=FIXGW\x0134=x\x01"),
    "nothing but a MsgType": lambda raw: framed(b"FIX.4.4", b"35=D\x01"),
}


@pytest.mark.parametrize("what", GARBLED)
async def test_what_is_garbled_is_passed_over_and_asked_for(client: FixClient, what: str) -> None:
    since = len(client.transcript)
    seq = send(client, GARBLED[what](message(client, client.next_out, order())))
    await order_works(client)
    await order_works(client)
    assert asked_for(client, since) == ([] if what == "garbage in front" else [str(seq)])


async def test_a_length_that_swallows_what_follows_ends_in_a_new_connection(
    gateway: Gateway, client: FixClient
) -> None:
    raw = message(client, client.next_out, order())
    seq = send(client, re.sub(rb"\x019=", b"\x019=99", raw, count=1))
    await client.wait_closed(timeout=LONG)
    await client.connect()
    await order_works(client)
    assert str(seq) in asked_for(client, 0)
    await client.logout()


# --- numbers


async def test_an_old_number_without_poss_dup_ends_the_session_and_is_not_executed(
    gateway: Gateway, client: FixClient
) -> None:
    await order_works(client)
    fields = order()
    client.send_raw(message(client, 2, fields))
    assert "MsgSeqNum too low" in await client.wait_closed()
    async with gateway.client() as again:
        await order_works(again)
        assert [m for _, m in again.transcript if m.get(11) == fields[11]] == []


async def test_an_old_number_with_poss_dup_is_passed_over(client: FixClient) -> None:
    await order_works(client)
    fields, since = order(), len(client.transcript)
    duplicate = {43: "Y", 122: utc_timestamp(time.time_ns() - 10**9), **fields}
    client.send_raw(message(client, 2, duplicate))
    await order_works(client)
    assert [m for _, m in client.transcript[since:] if m.get(11) == fields[11] and m.type == "8"] == []


async def test_a_gap_is_asked_for_and_what_waited_is_executed_once(client: FixClient) -> None:
    fields, since, missing = order(), len(client.transcript), client.next_out
    client.next_out += 3
    send(client, message(client, client.next_out, fields))
    # The client has no copy of what it sent raw: it fills the gap up to the last number.
    await order_works(client)
    assert asked_for(client, since)[0] == str(missing)


@pytest.mark.parametrize(
    ("msg_type", "fields"),
    [
        ("4", {36: "1"}),
        ("4", {36: "99999999999999999999999"}),
        ("4", {36: "-5"}),
        ("4", {}),
        ("4", {123: "Y", 36: "1"}),
        ("2", {7: "0", 16: "0"}),
        ("2", {7: "-1", 16: "99999999"}),
        ("2", {7: "99999999999", 16: "1"}),
        ("2", {7: "50", 16: "2"}),
        ("2", {}),
        ("1", {}),
        ("1", {112: "x" * 100_000}),
        ("3", {}),
        ("3", {45: "x"}),
        ("j", {45: "x", 372: "8", 380: "0"}),
        ("0", {112: b"\xe9\x00"}),
        ("ZZ", {}),
        ("n", {}),
        ("8", {}),
    ],
)
async def test_strange_session_messages_leave_the_session_usable(
    client: FixClient, msg_type: str, fields: dict[int, str | bytes]
) -> None:
    send(client, message(client, client.next_out, fields, msg_type))
    await order_works(client)
    await order_works(client)


@pytest.mark.parametrize("msg_type", ["0", "1", "2", "3", "4", "5", "A"])
async def test_poison_in_a_session_message_ends_the_connection_alone(
    gateway: Gateway, client: FixClient, msg_type: str
) -> None:
    send(client, message(client, client.next_out, {}, msg_type, b"95=2000000000\x0196=abc\x01"))
    await client.wait_closed()
    async with gateway.client() as again:
        await order_works(again)


async def test_a_poisonous_logon_is_refused(gateway: Gateway) -> None:
    client = gateway.client("OMS42")
    await client.open()
    client.send_raw(message(client, 1, {98: "0", 108: "30"}, "A", b"95=2000000000\x0196=abc\x01"))
    await client.wait_closed()
    async with gateway.client("OMS42") as again:
        await order_works(again)


async def test_a_client_that_leaves_in_the_middle_of_a_message(gateway: Gateway, client: FixClient) -> None:
    await order_works(client)
    raw = message(client, client.next_out, order())
    client.send_raw(raw[:-20])
    client.abort()
    async with gateway.client() as again:
        await order_works(again)


async def test_resets_of_a_busy_session(gateway: Gateway) -> None:
    """A reset takes a new connection: on the old one it would come between reports."""
    client = gateway.client("OMS42", reset_seq_num=True)
    await client.connect()
    for _ in range(3):
        await client.ping()  # or all that came before would be sent again with each reset
        for _ in range(50):
            client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="IOC")
        client.send_raw(message(client, 1, {98: "0", 108: "30", 141: "Y"}, "A"))
        await client.wait_closed(timeout=60)
        await client.connect()
    # The numbers that were used before the last reset are used again.
    for _ in range(200):
        last = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="IOC")
    await client.expect("8", {11: last}, timeout=LONG)
    await order_works(client)
    await client.logout()


async def test_a_refused_logon_that_resets(gateway: Gateway) -> None:
    client = gateway.client("OMS42")
    for _ in range(2):
        await client.open()
        client.send_raw(message(client, 1, {98: "0", 108: "9999", 141: "Y"}, "A"))
        await client.wait_closed()
    client = gateway.client("OMS42", reset_seq_num=True)
    await client.connect()
    await order_works(client)
    await client.logout()


# --- and then, the last test of the file: all numbers go on after a restart


async def test_after_a_restart_numbers_go_on_and_nothing_is_asked_for(gateway: Gateway) -> None:
    for comp_id in ("DESK", "OMS42"):
        async with gateway.client(comp_id) as client:
            await order_works(client)
    expected = {comp_id: gateway.client(comp_id) for comp_id in ("DESK", "OMS42")}
    pid = gateway.engine_pid()
    assert gateway.stop() == 0
    gateway.start()
    wait_until(lambda: gateway.engine_pid() != pid, "a new engine")
    for comp_id, before in expected.items():
        with gateway.sql() as sql:
            row = sql.execute(select(sessions).where(sessions.c.session.contains(comp_id))).one()
        assert (row.next_in, row.next_out) == (before.next_out, before.next_in)
        async with gateway.client(comp_id) as client:
            await order_works(client)
            assert asked_for(client, 0) == []
            assert [m for direction, m in client.transcript if direction == "out" and m.type == "2"] == []
