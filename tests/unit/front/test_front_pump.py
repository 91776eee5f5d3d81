"""Slow readers, half-closed connections, many at once."""

import asyncio
import socket
from dataclasses import replace

import pytest

from gateway.front import Front, FrontSettings
from gateway.front.addresses import keep_alive
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
    logon,
    running,
    settled,
    until,
)


async def test_a_slow_reader_is_dropped_and_others_go_on(
    settings: FrontSettings, engine: Engine, log: list[str]
) -> None:
    bounded = replace(settings, max_buffered_bytes=1 << 16, slow_reader_seconds=0.3)
    async with running(bounded) as front:
        slow = await log_on(front, engine)
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio declares it on ReadTransport
        slow.engine_writer.write(b"x" * (64 << 20))  # more than all socket buffers on the way hold
        session = await log_on(front, engine, "DESK01")
        await until(lambda: any("slow reader" in line for line in log))
        await until(slow.engine_writer.transport.is_closing)
        session.engine_writer.write(ORDER)
        assert await exactly(session.reader, ORDER)


async def test_a_reader_that_only_pauses_gets_everything(settings: FrontSettings, engine: Engine) -> None:
    async with running(replace(settings, max_buffered_bytes=1 << 16)) as front:
        session = await log_on(front, engine)
        session.writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio declares it on ReadTransport
        sent = bytes(range(256)) * (16 << 12)  # 16 MiB
        session.engine_writer.write(sent)
        # the front stopped reading the engine
        assert await settled(session.engine_writer.transport.get_write_buffer_size) > 0
        session.writer.transport.resume_reading()  # type: ignore[attr-defined]  # a socket's has it
        assert await exactly(session.reader, sent)


async def test_an_engine_that_does_not_read_holds_the_client_back(settings: FrontSettings, engine: Engine) -> None:
    async with running(replace(settings, max_buffered_bytes=1 << 16)) as front:
        session = await log_on(front, engine)
        session.engine_writer.transport.pause_reading()  # type: ignore[attr-defined]  # see above
        sent = fix("B", (58, "x" * 10_000)) * 6_000  # 60 MB
        session.writer.write(sent)
        assert await settled(session.writer.transport.get_write_buffer_size) > 0
        session.engine_writer.transport.resume_reading()  # type: ignore[attr-defined]  # a socket's has it
        assert await exactly(session.engine_reader, sent)


async def test_half_close_still_delivers_the_answers(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        session = await log_on(front, engine)
        session.writer.write(ORDER)
        session.writer.write_eof()
        assert await asyncio.wait_for(session.engine_reader.read(), WAIT) == ORDER
        session.engine_writer.write(ANSWER)
        session.engine_writer.close()
        assert await asyncio.wait_for(session.reader.read(), WAIT) == ANSWER


async def test_half_close_right_behind_the_logon(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        reader, writer = await connect(front)
        writer.write(LOGON + ORDER)
        writer.write_eof()
        engine_reader, engine_writer = await engine.connection()
        assert await exactly(engine_reader, FORWARDED)
        engine_writer.write(ANSWER)
        assert await asyncio.wait_for(engine_reader.read(), WAIT) == ORDER
        engine_writer.close()
        assert await asyncio.wait_for(reader.read(), WAIT) == ANSWER


async def test_half_close_ends_even_if_the_engine_does_not(settings: FrontSettings, engine: Engine) -> None:
    async with running(replace(settings, slow_reader_seconds=0.1)) as front:
        session = await log_on(front, engine)
        session.writer.write_eof()
        assert await is_closed(session.reader)


async def test_a_client_that_vanishes_ends_its_engine_connection(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        session = await log_on(front, engine)
        session.writer.write(ORDER)
        await session.writer.drain()
        assert await exactly(session.engine_reader, ORDER)
        session.writer.transport.abort()
        assert await is_closed(session.engine_reader)


async def test_fifty_connections_at_once(settings: FrontSettings) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.wait_for(reader.readexactly(len(logon("DESK00"))), WAIT)
        writer.write(ANSWER)
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def session(front: Front, number: int) -> None:
        reader, writer = await connect(front)
        order = fix("D", (11, f"order-{number}"))
        writer.write(logon(f"DESK{number:02}") + order)
        assert await exactly(reader, ANSWER + order)
        for _ in range(20):
            writer.write(order)
            assert await exactly(reader, order)
        writer.close()

    async with listening(settings.backends[0].engine_socket, echo), running(settings) as front:
        await asyncio.gather(*(session(front, number) for number in range(50)))


@pytest.mark.parametrize(("slow_reader_seconds", "milliseconds"), [(0.3, 20_000), (60.0, 65_000)])
def test_the_kernel_waits_longer_than_for_a_slow_reader(slow_reader_seconds: float, milliseconds: int) -> None:
    with socket.socket() as sock:
        keep_alive(sock, slow_reader_seconds)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == milliseconds
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
