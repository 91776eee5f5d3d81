"""What passes once a client is logged on, and what would harm the engine."""

import asyncio
from dataclasses import replace

import pytest

from gateway.front import FrontSettings
from gateway.wire.framing import framed
from tests.unit.front.support import (
    LOGON,
    ORDER,
    WAIT,
    Engine,
    exactly,
    fix,
    is_closed,
    log_on,
    running,
)


async def test_messages_pass_unchanged_and_the_engine_s_bytes_too(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        session = await log_on(front, engine)
        data = fix("D", (354, "10"), (355, "a\x0144=1\x01\x00\xe9"), (58, ""))
        sent = ORDER + data + fix("B", (58, "x" * 100_000)) + ORDER * 100
        for start in range(0, len(sent), 999):
            session.writer.write(sent[start : start + 999])
        assert await exactly(session.engine_reader, sent)
        rubbish = bytes(range(256)) * 4000
        session.engine_writer.write(rubbish)
        assert await exactly(session.reader, rubbish)


POISON = [
    b"95=2000000000\x0196=abc\x01",
    b"95=-50\x0196=abc\x01",
    b"95=2000000000\x010000000000096=abc\x01",
    b"93=2000000000\x0189=abc\x01",
    b"96=abc\x01",
    b"no field\x01",
    b"=1\x01",
    b"99999999999=1\x01",
    b"58=a\x01\x01",
    b"10=123\x01",
    b"8=FIX.4.4\x019=5\x01",
]


@pytest.mark.parametrize("poison", POISON)
async def test_poison_goes_on_as_a_header_alone(
    settings: FrontSettings, engine: Engine, log: list[str], poison: bytes
) -> None:
    header = b"49=DESK\x0156=FIXGW\x0134=7\x0143=Y\x0152=20260725-17:20:00\x01"
    async with running(settings) as front:
        session = await log_on(front, engine)
        session.writer.write(ORDER + framed(b"FIX.4.4", b"35=D\x01" + header + b"11=x\x01" + poison) + ORDER)
        assert await exactly(session.engine_reader, ORDER)
        expected = framed(b"FIX.4.4", b"35=D\x0149=DESK\x0156=FIXGW\x0134=7\x0152=20260725-17:20:00\x0143=Y\x01")
        assert await exactly(session.engine_reader, expected)
        assert await exactly(session.engine_reader, ORDER)
    assert any("a message was emptied: " in line for line in log)


@pytest.mark.parametrize("start", [b"35=1\x0134=2\x01", b"35=4\x0134=2\x0136=9\x01", b"35=5\x0134=2\x01", b"35=D\x01"])
async def test_poison_that_cannot_be_answered_ends_the_connection(
    settings: FrontSettings, engine: Engine, log: list[str], start: bytes
) -> None:
    async with running(settings) as front:
        session = await log_on(front, engine)
        session.writer.write(ORDER + framed(b"FIX.4.4", start + POISON[0]) + ORDER)
        assert await asyncio.wait_for(session.engine_reader.read(), WAIT) == ORDER
        assert await is_closed(session.reader)
    assert any("a message that can be neither forwarded nor answered: data field 96" in line for line in log)


@pytest.mark.parametrize("at_once", [True, False])
async def test_another_logon_ends_the_connection(
    settings: FrontSettings, engine: Engine, log: list[str], at_once: bool
) -> None:
    async with running(settings) as front:
        session = await log_on(front, engine)
        inside_data = fix("D", (354, "7"), (355, "a\x0135=A\x01"))
        if at_once:
            session.writer.write(inside_data + LOGON + ORDER)
        else:
            session.writer.write(inside_data)
            assert await exactly(session.engine_reader, inside_data)
            session.writer.write(LOGON)
            inside_data = b""
        assert await asyncio.wait_for(session.engine_reader.read(), WAIT) == inside_data
        assert await is_closed(session.reader)
    assert any("another Logon on the same connection" in line for line in log)


async def test_garbled_poison_is_dropped(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        session = await log_on(front, engine)
        garbled = framed(b"FIX.4.4", b"35=D\x0134=2\x01" + POISON[0])[:-4] + b"999\x01"
        session.writer.write(garbled + ORDER)
        assert await exactly(session.engine_reader, ORDER)


async def test_garbage_between_messages_is_dropped_up_to_a_bound(
    settings: FrontSettings, engine: Engine, log: list[str]
) -> None:
    async with running(replace(settings, max_garbage_bytes=200)) as front:
        session = await log_on(front, engine)
        wrong_length = ORDER.replace(b"9=", b"9=1", 1)
        session.writer.write(b"hel" + ORDER + b"8=FIX.4.4\x019=x" + ORDER + b"\x00" * 50 + ORDER)
        assert await exactly(session.engine_reader, ORDER * 3)
        session.writer.write(wrong_length + b"x" * 1200)
        assert await asyncio.wait_for(session.engine_reader.read(), WAIT) == b""
        assert await is_closed(session.reader)
    assert any("belonged to no message, at most 200 are allowed" in line for line in log)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_message_that_is_too_long_ends_the_connection(
    settings: FrontSettings, engine: Engine, log: list[str], announced: bool
) -> None:
    async with running(replace(settings, max_message_bytes=1000)) as front:
        session = await log_on(front, engine)
        message = fix("B", (58, "x" * 1000))
        session.writer.write(ORDER + (message[:30] if announced else message))
        assert await asyncio.wait_for(session.engine_reader.read(), WAIT) == ORDER
        assert await is_closed(session.reader)
    assert any("at most 1000 are allowed" in line for line in log)


async def test_a_message_that_does_not_end_ends_the_connection(
    settings: FrontSettings, engine: Engine, log: list[str]
) -> None:
    async with running(replace(settings, message_deadline_seconds=0.2)) as front:
        session, other = await log_on(front, engine), await log_on(front, engine, "DESK01")
        in_time = front._state.backends[0].sessions["FIX.4.4:FIXGW->DESK01"]
        in_time._settings = settings
        wrong_length = ORDER.replace(b"9=", b"9=1", 1)
        session.writer.write(ORDER + wrong_length + ORDER)
        other.writer.write(ORDER[:-1])
        assert await exactly(session.engine_reader, ORDER)
        other.writer.write(ORDER[-1:])
        assert await is_closed(session.reader)
        other.writer.write(ORDER)
        assert await exactly(other.engine_reader, ORDER + ORDER)
        assert in_time._deadline is None
    assert any("a message was not complete within 0.2 s" in line for line in log)
