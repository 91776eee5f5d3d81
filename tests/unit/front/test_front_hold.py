"""Clients that the engine has enough of are not read for a while; nobody else is concerned."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.control.client import look
from gateway.control.front_link import FrontLink
from gateway.engine.backlog import Backlog
from gateway.engine.gaps import Gaps
from gateway.engine.inbox import OperationEnded
from gateway.front import FrontSettings
from gateway.front import backend as backend_module
from gateway.front.backend import Backend
from gateway.wire.framing import framed
from tests.unit.front.support import (
    ANSWER,
    ORDER,
    Engine,
    connect,
    control_socket,
    exactly,
    fix,
    log_on,
    logon,
    no_gaps,
    running,
    settled,
    until,
    with_backend,
)

KEY = "FIX.4.4:FIXGW->DESK"
MANY = fix("B", (58, "x" * 10_000)) * 600  # 6 MB: more than the sockets on the way hold


@pytest.fixture
def told(settings: FrontSettings) -> FrontSettings:
    return replace(with_backend(settings, control_socket=control_socket(settings)), max_buffered_bytes=1 << 16)


@contextlib.asynccontextmanager
async def engine_full_of(path: Path, session: str = KEY) -> AsyncIterator[Backlog]:
    """An engine that has too much of the session, and tells the front."""
    backlog = Backlog(1_000)
    link = FrontLink(path, lambda _: None, backlog, no_gaps())
    link.start()
    try:
        backlog.came(session, 1_001)
        async with asyncio.timeout(30):
            while session not in await held(path):
                pass
        yield backlog
    finally:
        await asyncio.to_thread(link.stop)


async def held(path: Path) -> list[str]:
    sessions = await asyncio.to_thread(look, path, "front")
    return [key for key, shown in sessions.items() if shown["held_back"]]


async def test_one_client_waits_and_others_do_not(told: FrontSettings, engine: Engine) -> None:
    async with running(told) as front:
        session, other = await log_on(front, engine), await log_on(front, engine, "DESK01")
        async with engine_full_of(control_socket(told)) as backlog:
            assert await held(control_socket(told)) == [KEY]
            session.writer.write(MANY)
            assert await settled(session.writer.transport.get_write_buffer_size) > 0
            other.writer.write(MANY)
            assert await exactly(other.engine_reader, MANY)
            session.engine_writer.write(ORDER)
            assert await exactly(session.reader, ORDER), "it gets its reports"
            backlog.done({KEY: 100})
            assert await held(control_socket(told)) == [KEY], "more than half is left"
            backlog.done({KEY: 500})
            assert await exactly(session.engine_reader, MANY)
            assert await held(control_socket(told)) == []


async def test_a_hold_is_renewed_and_ends_with_the_engine(
    told: FrontSettings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.control.front_link._RENEW_S", 0.05)
    monkeypatch.setattr(backend_module, "HOLD_S", 2.0)
    heard: list[frozenset[str]] = []
    hold = Backend.hold

    def hear(backend: Backend, sessions: frozenset[str]) -> None:
        heard.append(sessions)
        hold(backend, sessions)

    monkeypatch.setattr(Backend, "hold", hear)
    async with running(told) as front:
        session = await log_on(front, engine)
        async with engine_full_of(control_socket(told)):
            session.writer.write(MANY)
            await until(lambda: len(heard) > 3)
            assert await held(control_socket(told)) == [KEY]
        assert await exactly(session.engine_reader, MANY), "the engine says nothing any more"


async def test_a_front_that_starts_later_hears_of_it(
    told: FrontSettings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.control.front_link._RENEW_S", 0.05)
    async with running(told) as front:
        first = await log_on(front, engine)
        async with engine_full_of(control_socket(told)):
            await front.stop()
            first.writer.close()
            async with running(told) as again:
                reader, writer = await connect(again)
                writer.write(logon() + MANY)
                engine_reader, engine_writer = await engine.connection()
                await engine_reader.readexactly(len(logon()))
                await until(lambda: bool(again._state.backends[0].held_back))
                engine_writer.write(ANSWER)
                assert await exactly(reader, ANSWER), "it can log on"
                assert await settled(writer.transport.get_write_buffer_size) > 0


async def test_a_half_message_does_not_run_out_of_time_meanwhile(
    told: FrontSettings, engine: Engine, log: list[str]
) -> None:
    async with running(told) as front:
        session = await log_on(front, engine)
        session.writer.write(ORDER[:-5])
        client = front._state.backends[0].sessions[KEY]
        await until(lambda: client._deadline is not None)
        async with engine_full_of(control_socket(told)) as backlog:
            session.writer.write(ORDER[-5:])
            assert client._deadline is None
            backlog.done({KEY: 1_001})
            assert await exactly(session.engine_reader, ORDER)
            client._settings = replace(told, message_deadline_seconds=0.2)
            session.writer.write(ORDER[:-5])
            await until(lambda: any("a message was not complete within 0.2 s" in line for line in log))


class Owed:
    """An engine whose client owes number 2."""

    def __init__(self) -> None:
        self.waits_for = 2
        self.inbox: list[OperationEnded] = []
        self.thrown_out: list[tuple[str, str]] = []
        self.gaps = Gaps(lambda _: self.waits_for, self.inbox.append, lambda *told: self.thrown_out.append(told))

    def decide(self) -> None:
        """On the engine's thread."""
        for item in self.inbox:
            item.finish(item.outcome)


def number(count: int) -> bytes:
    return framed(b"FIX.4.4", b"35=D\x0149=DESK\x0156=FIXGW\x0134=%d\x0158=%b\x01" % (count, b"x" * 10_000))


async def test_a_client_that_owes_messages_sends_no_more_than_so_much_beyond(
    told: FrontSettings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.control.front_link._RENEW_S", 0.01)
    owed, bound = Owed(), 500_000
    link = FrontLink(control_socket(told), lambda _: None, Backlog(1 << 20), owed.gaps)
    async with running(replace(told, max_beyond_gap_bytes=bound)) as front:
        session, other = await log_on(front, engine), await log_on(front, engine, "DESK01")
        session.writer.write(number(3))
        assert await exactly(session.engine_reader, number(3))
        link.start()
        owed.gaps.opened(KEY)
        await until(lambda: front._state.backends[0].sessions[KEY]._inbound.numbers._expected == 2)
        beyond = b"".join(number(count) for count in range(4, 1_000))
        session.writer.write(beyond)
        await until(lambda: bool(owed.inbox))
        assert await settled(session.writer.transport.get_write_buffer_size) > 0
        owed.decide()
        assert owed.thrown_out[0][0] == KEY
        assert owed.thrown_out[0][1].startswith("BEYOND_GAP: 2 is missing, ")
        other.writer.write(ORDER)
        assert await exactly(other.engine_reader, ORDER)
        owed.waits_for = 1_000  # it was resent: all that waits goes on, and counts no more
        await until(lambda: not owed.gaps.open)
        assert await exactly(session.engine_reader, beyond)
        assert front._state.backends[0].sessions[KEY].beyond_gap == 0
    await asyncio.to_thread(link.stop)


async def test_what_comes_beyond_a_gap_counts_from_the_engine_s_request_on(told: FrontSettings, engine: Engine) -> None:
    async with running(replace(told, max_beyond_gap_bytes=1 << 16)) as front:
        session = await log_on(front, engine)
        session.writer.write(number(3))
        assert await exactly(session.engine_reader, number(3))
        asked = fix("2", (7, "2"), (16, "0"))
        session.engine_writer.write(asked)
        assert await exactly(session.reader, asked)
        session.writer.write(b"".join(number(count) for count in range(4, 100)))
        await until(lambda: front._state.backends[0].sessions[KEY].beyond_gap > 0)
        assert await held(control_socket(told)) == [KEY]
