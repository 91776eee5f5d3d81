"""One front before two engines: each has its own sessions, control socket, wire log and users."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.control.client import exchange, look
from gateway.front import BackendSettings, FrontSettings, PasswordLogon, UserFile, WireLogSettings, hash_password
from gateway.front.wire_log import Tap, Undecided, WireLog
from gateway.wire.records import Kind
from tests.fixtures.wire_logs import bytes_of, sound, texts
from tests.unit.front.support import (
    ANSWER,
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
    session,
    until,
)

FIRST, SECOND = "FIX.4.4:FIXGW->DESK", "FIX.4.4:FIXGW->OTHER"


def backend(directory: Path, name: str) -> BackendSettings:
    directory.mkdir()
    return BackendSettings(
        directory / "engine.sock",
        (session(name),),
        wire_log=WireLogSettings(directory / "wire", keep_free_bytes=0),
        control_socket=directory / "front.sock",
    )


@pytest.fixture
def shared(tmp_path: Path) -> FrontSettings:
    backends = backend(tmp_path / "one", "DESK"), backend(tmp_path / "two", "OTHER")
    nobodys = WireLogSettings(tmp_path / "front", keep_free_bytes=0)
    return FrontSettings(host="127.0.0.1", port=0, backends=backends, wire_log=nobodys)


@pytest.fixture
async def engines(shared: FrontSettings) -> AsyncIterator[list[Engine]]:
    stand_ins = [Engine(), Engine()]
    async with (
        listening(shared.backends[0].engine_socket, stand_ins[0].on_connect),
        listening(shared.backends[1].engine_socket, stand_ins[1].on_connect),
    ):
        yield stand_ins


async def test_a_session_goes_to_its_engine_and_only_its_own_are_told_of(
    shared: FrontSettings, engines: list[Engine]
) -> None:
    one, two = (behind.control_socket for behind in shared.backends)
    assert one is not None
    assert two is not None
    async with running(shared) as front:
        first, second = await log_on(front, engines[0]), await log_on(front, engines[1], "OTHER")
        for side, text in ((first, ORDER), (second, fix("D", (11, "c2"), sender="OTHER"))):
            side.writer.write(text)
            assert await exactly(side.engine_reader, text)
        assert list(await asyncio.to_thread(look, one, "front")) == [FIRST]
        assert list(await asyncio.to_thread(look, two, "front")) == [SECOND]
        # One engine neither holds back nor cuts the other's clients.
        await asyncio.to_thread(exchange, one, "POST", "/hold", {"sessions": [FIRST, SECOND]}, WAIT)
        told = await asyncio.to_thread(look, one, "front"), await asyncio.to_thread(look, two, "front")
        assert (told[0][FIRST]["held_back"], told[1][SECOND]["held_back"]) == (True, False)
        asked = {"session": SECOND, "reason": "mine?"}
        answer = await asyncio.to_thread(exchange, one, "POST", "/disconnect", asked, WAIT)
        assert answer == {"done": False, "text": f"nobody is connected to session {SECOND}"}
        answer = await asyncio.to_thread(exchange, two, "POST", "/disconnect", asked, WAIT)
        assert answer["done"] is True
        assert await is_closed(second.reader)
        first.writer.write(ORDER)
        assert await exactly(first.engine_reader, ORDER)


async def test_an_engine_that_is_away_takes_none_of_the_other_s_along(
    shared: FrontSettings, engines: list[Engine], log: list[str]
) -> None:
    async with running(replace(shared, engine_wait_seconds=0.1)) as front:
        first, second = await log_on(front, engines[0]), await log_on(front, engines[1], "OTHER")
        shared.backends[0].engine_socket.unlink()
        first.engine_writer.transport.abort()
        assert await is_closed(first.reader)
        for _ in range(2):
            reader, writer = await connect(front)
            writer.write(LOGON)
            assert await is_closed(reader)
        away = [line for line in log if "WARNING" in line and "engine is away" in line]
        assert len(away) == 1
        assert str(shared.backends[0].engine_socket) in away[0]
        second.writer.write(ORDER)
        assert await exactly(second.engine_reader, ORDER)
        async with listening(shared.backends[0].engine_socket, engines[0].on_connect):
            again = await log_on(front, engines[0])
            again.writer.write(ORDER)
            assert await exactly(again.engine_reader, ORDER)


async def test_bytes_are_in_the_log_of_the_engine_whose_session_they_name(
    shared: FrontSettings, engines: list[Engine], tmp_path: Path
) -> None:
    async with running(shared) as front:
        first, second = await log_on(front, engines[0]), await log_on(front, engines[1], "OTHER")
        first.writer.write(ORDER)
        assert await exactly(first.engine_reader, ORDER)
        for text in (logon("NOBODY"), b"GET / HTTP/1.1\r\n\r\n", LOGON):
            reader, writer = await connect(front)
            writer.write(text)
            await asyncio.wait_for(reader.read(), WAIT)  # refused, the last since it is in use
        for side in (first, second):
            side.writer.close()
            await asyncio.wait_for(side.engine_reader.read(), WAIT)
            side.engine_writer.close()
        await until(lambda: not front._state.clients)
    ones, others, nobodys = (sound(tmp_path / name) for name in ("one/wire", "two/wire", "front"))
    assert len(bytes_of(ones, Kind.IN, 1)) == len(LOGON + ORDER)
    assert bytes_of(ones, Kind.OUT, 1) == ANSWER
    assert {record.connection for record in ones} == {0, 1, 5}
    mine = [record for record in ones if record.connection == 1]
    assert [record.kind for record in mine[:3]] == [Kind.OPENED, Kind.IN, Kind.LOGON]
    assert mine[0].at <= mine[1].at <= mine[2].at
    assert texts(ones, Kind.REFUSED)[0].startswith("the session is in use")
    assert {record.connection for record in others} == {0, 2}
    assert {record.session for record in others} == {"", SECOND}
    assert {record.connection for record in nobodys} == {0, 3, 4}
    assert bytes_of(nobodys, Kind.IN, 4) == b"GET / HTTP/1.1\r\n\r\n"
    assert texts(nobodys, Kind.REFUSED)[0].startswith("no session has BeginString(8)=FIX.4.4 SenderCompID(49)=NOBODY")


def test_what_waits_for_its_log_takes_the_room_of_its_bytes(tmp_path: Path) -> None:
    log = WireLog(WireLogSettings(tmp_path))
    undecided = Undecided(None)
    tap = Tap(undecided, 7, "peer", 1 << 20)
    tap.note(Kind.OPENED, "")
    for at, byte in enumerate(LOGON, 1):
        tap.received(bytes([byte]), at)
    assert len(undecided.items) == 2
    assert tap.into(log) is tap
    tap.sent(ANSWER)
    opened, came, answered = log.take(1 << 20)
    assert (opened[1], answered[1:4:2]) == (Kind.OPENED, (Kind.OUT, ANSWER))
    assert came == (tap, Kind.IN, len(LOGON), LOGON), "with the time of its last byte, as ever"


async def test_a_log_that_cannot_be_written_refuses_only_its_engine_s_sessions(
    shared: FrontSettings, engines: list[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(shared) as front:
        broken = front._state.backends[0].wire_log
        monkeypatch.setattr(WireLog, "refuses_logons", property(lambda log: log is broken))
        reader, writer = await connect(front)
        writer.write(LOGON)
        assert b"cannot record" in await asyncio.wait_for(reader.read(), WAIT)
        other = await log_on(front, engines[1], "OTHER")
        other.writer.write(ORDER)
        assert await exactly(other.engine_reader, ORDER)


async def test_a_user_is_that_of_the_gateway_s_own_file(
    shared: FrontSettings, engines: list[Engine], tmp_path: Path
) -> None:
    passwords = ("correct horse battery", "other horse, battery")
    backends = []
    for behind, name, password in zip(shared.backends, ("DESK", "OTHER"), passwords, strict=True):
        users = UserFile(tmp_path / f"{name}.json")
        users.add("ann", hash_password(password))
        policy = replace(session(name), logon=PasswordLogon(frozenset({"ann"}), users.path))
        backends.append(replace(behind, sessions=(policy,)))

    def logon_by(name: str, password: str) -> bytes:
        return fix("A", (98, "0"), (108, "30"), (553, "ann"), (554, password), sender=name)

    async with running(replace(shared, backends=tuple(backends), max_logon_failures=1)) as front:
        reader, writer = await connect(front)
        writer.write(logon_by("DESK", passwords[1]))
        assert b"not authorized" in await asyncio.wait_for(reader.read(), WAIT)  # which locks ann there
        reader, writer = await connect(front)
        writer.write(logon_by("OTHER", passwords[1]))
        engine_reader, engine_writer = await engines[1].connection()
        engine_writer.write(ANSWER)
        assert await exactly(reader, ANSWER)
        assert b"\x0135=A\x01" in await asyncio.wait_for(engine_reader.readuntil(b"\x0110="), WAIT)
