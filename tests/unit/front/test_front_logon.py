"""Up to the Logon and its answer: what is forwarded, what is not, and when the front gives up."""

import asyncio
from dataclasses import replace

import pytest

from gateway.front import FrontSettings
from tests.unit.front.support import (
    ANSWER,
    FORWARDED,
    LOGON,
    ORDER,
    WAIT,
    Engine,
    connect,
    exactly,
    fix,
    is_closed,
    listening,
    log_on,
    running,
    settled,
    until,
)


async def test_what_is_behind_the_logon_waits_for_its_answer(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        reader, writer = await connect(front)
        writer.write(LOGON + ORDER)
        engine_reader, engine_writer = await engine.connection()
        assert await exactly(engine_reader, FORWARDED)
        writer.write(ORDER)
        for part in (ANSWER[:10], ANSWER[10:-1]):  # an incomplete answer opens nothing
            engine_writer.write(part)
            assert await exactly(reader, part)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(engine_reader.readexactly(1), 0.05)
        engine_writer.write(ANSWER[-1:])
        assert await exactly(reader, ANSWER[-1:])
        assert await exactly(engine_reader, ORDER + ORDER)


async def test_a_flood_behind_the_logon_is_not_taken_in(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        reader, writer = await connect(front)
        flood = ORDER * 300_000
        writer.write(LOGON + flood)
        engine_reader, engine_writer = await engine.connection()
        assert await exactly(engine_reader, FORWARDED)
        assert await settled(writer.transport.get_write_buffer_size) > 0
        engine_writer.write(ANSWER)
        assert await exactly(reader, ANSWER)
        assert await exactly(engine_reader, flood)


async def test_half_a_message_is_never_forwarded(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        session = await log_on(front, engine)
        session.writer.write(ORDER + ORDER[:-1])
        session.writer.write_eof()
        assert await asyncio.wait_for(session.engine_reader.read(), WAIT) == ORDER


async def test_a_dripping_client_times_out_and_others_go_on(
    settings: FrontSettings, engine: Engine, log: list[str]
) -> None:
    async with running(replace(settings, logon_deadline_seconds=0.4)) as front:
        slow_reader, slow_writer = await connect(front)
        await until(lambda: any("accepted" in line for line in log))
        front._state.settings = settings  # the other's Logon need not be there as soon
        dripping = asyncio.create_task(_drip(slow_writer))
        session = await log_on(front, engine)
        assert await is_closed(slow_reader)
        dripping.cancel()
        session.writer.write(ORDER)
        assert await exactly(session.engine_reader, ORDER)
        assert not session.reader.at_eof()
        assert any("no complete Logon within 0.4 s" in line for line in log)
        assert engine.accepted.empty()  # the engine never heard of it


async def _drip(writer: asyncio.StreamWriter) -> None:
    for byte in LOGON[:-1]:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)


async def test_a_logon_byte_by_byte_is_accepted(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        _reader, writer = await connect(front)
        for byte in LOGON:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        engine_reader, _engine_writer = await engine.connection()
        assert await exactly(engine_reader, FORWARDED)


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "does not start with BeginString"),
        (b"\x16\x03\x01\x02\x00", "does not start with BeginString"),
        (b"8=FIX.4.4\x0135=A\x01" + b"x" * 30, "BodyLength(9) are malformed"),
        (b"8=FIX.4.4\x019=999999\x0135=A\x01", "at most 8192 are allowed"),
        (ORDER, "MsgType(35) is not A"),
        (LOGON.replace(b"DESK", b"DISK"), "CheckSum(10) is"),
        (LOGON.replace(b"\x0149=", b"\x01149="), "no CheckSum(10) where"),
    ],
)
async def test_a_first_message_that_is_no_logon(
    settings: FrontSettings, engine: Engine, log: list[str], first: bytes, reason: str
) -> None:
    async with running(settings) as front:
        reader, writer = await connect(front)
        writer.write(first)
        assert await is_closed(reader)
        assert [line for line in log if "closed:" in line and reason in line]
        assert engine.accepted.empty()


async def test_a_client_that_leaves_before_its_logon(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    async with running(settings) as front:
        reader, writer = await connect(front)
        writer.write(LOGON[:20])
        writer.write_eof()
        assert await is_closed(reader)
        assert any("left before a complete Logon" in line for line in log)


async def test_an_engine_that_stays_away_is_logged_once(settings: FrontSettings, log: list[str]) -> None:
    async with running(replace(settings, engine_wait_seconds=0.2)) as front:
        for _ in range(3):
            reader, writer = await connect(front)
            writer.write(LOGON)
            assert await is_closed(reader)
        assert len([line for line in log if "WARNING" in line and "engine is away" in line]) == 1
        stand_in = Engine()
        async with listening(settings.backends[0].engine_socket, stand_in.on_connect):
            await log_on(front, stand_in)  # and works again when the engine is back
        assert any("engine is back" in line for line in log)


async def test_a_logon_waits_for_an_engine_that_starts(settings: FrontSettings) -> None:
    async with running(replace(settings, engine_wait_seconds=WAIT)) as front:
        reader, writer = await connect(front)
        writer.write(LOGON + ORDER)
        await until(lambda: any(client.awaits_engine for client in front._state.backends[0].sessions.values()))
        stand_in = Engine()
        async with listening(settings.backends[0].engine_socket, stand_in.on_connect):
            engine_reader, engine_writer = await stand_in.connection()
            assert await exactly(engine_reader, FORWARDED)
            engine_writer.write(ANSWER)
            assert await exactly(reader, ANSWER)
            assert await exactly(engine_reader, ORDER)


async def test_a_client_that_is_back_does_not_wait_for_itself(settings: FrontSettings) -> None:
    async with running(replace(settings, engine_wait_seconds=WAIT)) as front:
        first, first_writer = await connect(front)
        first_writer.write(LOGON)
        await until(lambda: any(client.awaits_engine for client in front._state.backends[0].sessions.values()))
        reader, writer = await connect(front)
        writer.write(LOGON)
        assert await is_closed(first)
        stand_in = Engine()
        async with listening(settings.backends[0].engine_socket, stand_in.on_connect):
            engine_reader, engine_writer = await stand_in.connection()
            assert await exactly(engine_reader, FORWARDED)
            engine_writer.write(ANSWER)
            assert await exactly(reader, ANSWER)
            assert stand_in.accepted.empty()
            other, other_writer = await connect(front)  # one that is let in is not pushed out
            other_writer.write(LOGON)
            assert b"in use" in await asyncio.wait_for(other.read(), WAIT)


async def test_a_client_whose_logon_was_not_answered_may_try_again(
    settings: FrontSettings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(replace(settings, answer_deadline_seconds=WAIT)) as front:
        first, first_writer = await connect(front)
        first_writer.write(LOGON)
        first_engine_reader, _first_engine_writer = await engine.connection()
        assert await exactly(first_engine_reader, FORWARDED)
        monkeypatch.setattr("gateway.front.backend._UNANSWERED_S", 0)
        reader, writer = await connect(front)
        writer.write(LOGON)
        assert await is_closed(first)
        assert await is_closed(first_engine_reader)
        engine_reader, engine_writer = await engine.connection()
        assert await exactly(engine_reader, FORWARDED)
        engine_writer.write(ANSWER)
        assert await exactly(reader, ANSWER)
        other, other_writer = await connect(front)  # one that is let in is not pushed out
        other_writer.write(LOGON)
        assert b"in use" in await asyncio.wait_for(other.read(), WAIT)


async def test_an_engine_that_never_answers(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    async with running(replace(settings, answer_deadline_seconds=0.1)) as front:
        reader, writer = await connect(front)
        writer.write(LOGON)
        engine_reader, _engine_writer = await engine.connection()
        assert await exactly(engine_reader, FORWARDED)
        assert await is_closed(reader)
        assert await is_closed(engine_reader)
        assert any("did not answer the Logon" in line for line in log)


async def test_a_refused_logon_is_delivered_before_the_close(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        reader, writer = await connect(front)
        writer.write(LOGON)
        _engine_reader, engine_writer = await engine.connection()
        logout = fix("5", (58, "unknown session"))
        engine_writer.write(logout)
        engine_writer.close()
        assert await exactly(reader, logout)
        assert await is_closed(reader)
