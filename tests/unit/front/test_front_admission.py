"""Who may connect: limits, allow-lists, one connection a session, proxies."""

import asyncio
import struct
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
import simplefix

from gateway.front import Front, FrontSettings
from gateway.front.addresses import Peer, is_in, peer_of, site
from gateway.front.door import Door
from gateway.front.proxy_protocol import read_header
from gateway.front.refused import LineBudget, Refused
from gateway.front.settings import open_to_anybody
from tests.unit.front.support import (
    ANSWER,
    FORWARDED,
    LOGON,
    ORDER,
    WAIT,
    Engine,
    Session,
    connect,
    exactly,
    fix,
    is_closed,
    log_on,
    logon,
    running,
    session,
    until,
    with_backend,
)


async def refused(front: Front, first: bytes = LOGON) -> bytes:
    """What a client gets that sends this, until the end."""
    reader, writer = await connect(front)
    writer.write(first)
    try:
        return await asyncio.wait_for(reader.read(), WAIT)
    except ConnectionResetError:
        return b""


async def hang_up(side: Session, log: list[str]) -> None:
    """As a client does, and the engine then; until the front has seen it."""
    side.writer.close()
    assert await is_closed(side.engine_reader)
    side.engine_writer.close()
    await until(lambda: any("closed: the engine closed the connection" in line for line in log))


def test_sessions_that_anybody_may_use_are_known(settings: FrontSettings) -> None:
    policy = session("DESK")
    certified = replace(session("OMS"), certificates=frozenset({"CN=oms"}))
    near = replace(session("NEAR"), allow_from=(ip_network("192.0.2.0/24"),))
    at = with_backend(settings, sessions=(policy, certified, near))
    for host in ("0.0.0.0", "", "gateway.example", "::"):
        assert open_to_anybody(replace(at, host=host)) == [policy.key]
    for host in ("127.0.0.1", "::1", "localhost"):
        assert open_to_anybody(replace(at, host=host)) == []


async def test_a_logon_with_encryption_is_told_that_there_is_none(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        answer = await refused(front, fix("A", (98, "1"), (108, "30")))
        assert b"58=EncryptMethod(98)=1 is not supported; allowed: 0 (none; use TLS)\x01" in answer
        assert engine.accepted.empty()


# --- limits


async def test_connections_beyond_the_limit_are_refused(
    settings: FrontSettings, engine: Engine, log: list[str]
) -> None:
    async with running(replace(settings, max_connections=2)) as front:
        first = await log_on(front, engine)
        second = await log_on(front, engine, "DESK01")
        assert await refused(front, logon("DESK02")) == b""
        assert any("refused, 2 connections are open" in line for line in log)
        await hang_up(second, log)
        await log_on(front, engine, "DESK02")  # its place is free again
        first.writer.write(ORDER)
        assert await exactly(first.engine_reader, ORDER)


async def test_half_open_connections_leave_room_for_no_more_of_them(
    settings: FrontSettings, engine: Engine, log: list[str]
) -> None:
    async with running(replace(settings, max_half_open=2)) as front:
        session = await log_on(front, engine)  # with a Logon: does not count
        _, writer = await connect(front)
        _, other = await connect(front)
        await until(lambda: len([line for line in log if "accepted" in line]) == 3)
        assert await refused(front) == b""
        assert any("refused, 2 connections are open without a Logon" in line for line in log)
        session.writer.write(ORDER)
        assert await exactly(session.engine_reader, ORDER)
        writer.close()
        other.close()
        await until(lambda: len([line for line in log if "left before" in line]) == 2)
        await log_on(front, engine, "DESK01")


async def test_connections_from_one_address(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    async with running(replace(settings, host="::", max_connections_per_address=1)) as front:
        reader, writer = await asyncio.open_connection("::1", front.port)
        writer.write(LOGON)
        engine_reader, engine_writer = await engine.connection()
        assert await exactly(engine_reader, FORWARDED)
        engine_writer.write(ANSWER)
        assert await exactly(reader, ANSWER)
        second, _ = await asyncio.open_connection("::1", front.port)
        assert await is_closed(second)
        assert any("refused, 1 connections from ::/64 are open" in line for line in log)


def test_places_are_counted_exactly() -> None:
    door = Door(3, 2, 2)
    one, two = door.enter(), door.enter()
    with pytest.raises(Refused, match="without a Logon"):
        door.enter()
    one.belongs_to(ip_address("2001:db8::1"))
    one.logon_complete()
    two.belongs_to(ip_address("2001:db8::2"))
    three = door.enter()
    with pytest.raises(Refused, match="2 connections from 2001:db8::/64"):
        three.belongs_to(ip_address("2001:db8::3"))
    two.logon_complete()
    with pytest.raises(Refused, match="3 connections are open"):
        door.enter()
    for place in (one, one, two, three):
        place.leave()
    assert (door.open, door.half_open, dict(door.by_site)) == (0, 0, {})


def test_addresses() -> None:
    assert str(peer_of(("fe80::1%eth0", 7, 0, 2))) == "[fe80::1]:7"
    assert str(peer_of(("::ffff:192.0.2.9", 7, 0, 0))) == "192.0.2.9:7"
    networks = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")]
    found = [is_in(ip_address(a), networks) for a in ("192.0.2.255", "192.0.3.1", "2001:db8:1::", "2001:db9::")]
    assert found == [True, False, True, False]
    assert site(ip_address("192.0.2.1")) != site(ip_address("192.0.2.2"))


def test_a_flood_of_refusals_has_few_lines() -> None:
    budget = LineBudget(lines=2, seconds=10)
    assert [budget.take(now) for now in (0.0, 1.0, 2.0, 3.0, 10.5, 11.0, 12.0)] == [
        *((True, 0), (True, 0), (False, 0), (False, 0), (True, 2), (True, 0), (False, 0))
    ]


# --- allow-lists


async def test_a_session_is_kept_to_its_networks(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    here, elsewhere = ip_network("127.0.0.0/8"), ip_network("2001:db8::/32")
    sessions = (
        replace(session("HERE"), allow_from=(elsewhere, here)),
        replace(session("DESK"), allow_from=(elsewhere,)),
        session("DESK01"),
    )
    async with running(with_backend(settings, sessions=sessions)) as front:
        assert await refused(front) == b""
        assert any("closed: refused, the session may not connect from 127.0.0.1" in line for line in log)
        assert engine.accepted.empty()
        await log_on(front, engine, "HERE")
        await log_on(front, engine, "DESK01")


async def test_an_address_of_no_session_is_not_even_read(
    settings: FrontSettings, engine: Engine, log: list[str]
) -> None:
    sessions = (replace(session("DESK"), allow_from=(ip_network("192.0.2.0/24"),)),)
    async with running(with_backend(settings, sessions=sessions)) as front:
        reader, _writer = await connect(front)
        assert await is_closed(reader)
        assert any("no session may connect from this address" in line for line in log)


@pytest.mark.parametrize("fields", [(49, "NOBODY"), (56, "OTHER"), (8, "FIX.4.2")])
async def test_an_unknown_session_is_refused(
    settings: FrontSettings, engine: Engine, log: list[str], fields: tuple[int, str]
) -> None:
    values = {8: "FIX.4.4", 35: "A", 49: "DESK", 56: "FIXGW"} | {fields[0]: fields[1]}
    message = simplefix.FixMessage()
    for tag, value in values.items():
        message.append_pair(tag, value)
    async with running(settings) as front:
        assert await refused(front, bytes(message.encode())) == b""
        assert any("refused, no session has" in line and fields[1] in line for line in log)
        assert engine.accepted.empty()


# --- one connection a session


async def test_the_second_connection_of_a_session_is_told_why_and_the_first_lives(
    settings: FrontSettings, engine: Engine, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.front.backend._ENDING_S", WAIT)
    async with running(settings) as front:
        first = await log_on(front, engine)
        answer = simplefix.FixParser()
        answer.append_buffer(await refused(front))
        reject = answer.get_message()
        assert [reject.get(tag) for tag in (35, 49, 56, 45, 372)] == [b"3", b"FIXGW", b"DESK", b"1", b"A"]
        assert reject.get(58) == b"the session is in use by another connection"
        assert any("refused, the session is in use, connection 1 from 127.0.0.1" in line for line in log)
        first.writer.write(ORDER)
        assert await exactly(first.engine_reader, ORDER)
        first.writer.close()
        again, writer = await connect(front)
        writer.write(LOGON)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(again.read(), 0.05)  # it waits for the first to end
        first.engine_writer.close()
        engine_reader, _engine_writer = await engine.connection()
        assert await exactly(engine_reader, FORWARDED)


async def test_two_logons_at_once_are_one_session(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        sides = [await connect(front) for _ in range(5)]
        for _, writer in sides:
            writer.write(LOGON)
        _engine_side = await engine.connection()
        ended = [asyncio.create_task(reader.read()) for reader, _ in sides]
        await until(lambda: sum(task.done() for task in ended) == 4)
        assert engine.accepted.empty()
        for task in ended:
            task.cancel()


# --- PROXY protocol

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def header(command: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


def tcp4(source: str, port: int = 4711, more: bytes = b"") -> bytes:
    rest = ip_address(source).packed + ip_address("127.0.0.1").packed + struct.pack("!HH", port, 9880)
    return header(0x21, 0x11, rest + more)


async def test_a_proxy_says_whom_it_speaks_for(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    sessions = (replace(session("DESK"), allow_from=(ip_network("192.0.2.0/24"),)),)
    behind = replace(with_backend(settings, sessions=sessions), proxies=(ip_network("127.0.0.0/8"),))
    async with running(behind) as front:
        reader, writer = await connect(front)
        for byte in tcp4("192.0.2.7", more=b"\x04\x00\x01x"):
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        writer.write(LOGON)
        engine_reader, _engine_writer = await engine.connection()
        assert await exactly(engine_reader, FORWARDED)
        assert any("Logon forwarded connection=1 peer=192.0.2.7:4711" in line for line in log)
        assert not reader.at_eof()
        assert await refused(front, tcp4("192.0.3.7") + LOGON) == b""
        assert any("no session may connect from this address connection=2 peer=192.0.3.7:4711" in line for line in log)
        assert await refused(front, LOGON) == b""  # a proxy must say
        assert any("the proxy sent no PROXY protocol header" in line for line in log)


async def test_nobody_else_may_say_so(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    async with running(settings) as front:
        assert await refused(front, tcp4("192.0.2.7") + LOGON) == b""
        assert any("does not start with BeginString" in line for line in log)


async def test_a_proxy_that_drips_meets_the_logon_deadline(
    settings: FrontSettings, engine: Engine, log: list[str]
) -> None:
    behind = replace(settings, proxies=(ip_network("127.0.0.0/8"),), logon_deadline_seconds=0.2)
    async with running(behind) as front:
        assert await refused(front, SIGNATURE) == b""
        assert any("too slow before its first message" in line for line in log)


async def parsed(data: bytes) -> Peer | None:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    peer = await read_header(reader.readexactly)
    assert await reader.readexactly(4) == b"8=FI"
    return peer


async def test_the_header_s_forms() -> None:
    rest = ip_address("2001:db8::1").packed + ip_address("::1").packed + struct.pack("!HH", 1, 2)
    assert str(await parsed(header(0x21, 0x21, rest) + b"8=FI")) == "[2001:db8::1]:1"
    assert await parsed(header(0x20, 0x00, b"") + b"8=FI") is None
    assert await parsed(header(0x20, 0x11, rest) + b"8=FI") is None
    for wrong in (
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        header(0x11, 0x11, rest),
        header(0x22, 0x11, rest),
        header(0x21, 0x00, rest),
        header(0x21, 0x12, rest),
        header(0x21, 0x21, rest[:-1]),
        header(0x21, 0x11, b"x" * 1025),
    ):
        with pytest.raises(Refused):
            await parsed(wrong + b"8=FI")
