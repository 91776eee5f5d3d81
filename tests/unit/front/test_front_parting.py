"""How connections end that the front closes: the client can read why, whatever it has sent, and not forever."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from gateway.front import Front, FrontSettings, TlsSettings, parting
from tests.fixtures.certificates import Authority
from tests.unit.front.support import (
    ANSWER,
    LOGON,
    ORDER,
    WAIT,
    Engine,
    Session,
    fix,
    listening,
    log_on,
    running,
    until,
)

Loop = Callable[[], asyncio.AbstractEventLoop]
LOOPS = pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
FLOOD = ORDER * 40_000  # 3 MB: more than the sockets on the way take while nobody reads
LOGOUT = fix("5", (58, "MsgSeqNum too low"))
IN_USE = b"the session is in use by another connection"

Test = Callable[[Front, Engine], Awaitable[None]]


@pytest.fixture(autouse=True)
def a_slow_client_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a test would depend on how fast its client is."""
    monkeypatch.setattr(parting, "LINGER_S", WAIT)


def in_loop(loop_factory: Loop, settings: FrontSettings, test: Test) -> None:
    """The product runs on uvloop, which has transports of its own."""

    async def run() -> None:
        engine = Engine()
        async with listening(settings.backends[0].engine_socket, engine.on_connect), running(settings) as front:
            await asyncio.wait_for(test(front, engine), WAIT)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run())


async def connected(front: Front) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", front.port))
    return sock


async def read(sock: socket.socket, size: int = 1 << 16) -> bytes:
    return await asyncio.get_running_loop().sock_recv(sock, size)


async def refused(front: Front, engine: Engine) -> tuple[Session, socket.socket]:
    """Who holds the session, and a client that was told so."""
    holder = await log_on(front, engine)
    sock = await connected(front)
    await asyncio.get_running_loop().sock_sendall(sock, LOGON)
    assert IN_USE in await read(sock)
    return holder, sock


async def rest(sock: socket.socket) -> bytes:
    """All until the end."""
    data = b""
    while part := await read(sock):
        data += part
    return data


@LOOPS
def test_a_client_that_sends_much_and_is_refused_can_read_why(
    settings: FrontSettings, loop_factory: Loop, log: list[str]
) -> None:
    async def test(front: Front, engine: Engine) -> None:
        holder = await log_on(front, engine)
        with await connected(front) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, LOGON + FLOOD)
            await until(lambda: any("closed: refused, the session is in use" in line for line in log))
            assert IN_USE in await rest(sock)
        await until(lambda: len(front._state.clients) == 1)
        holder.writer.close()

    in_loop(loop_factory, settings, test)


async def logged_on(sock: socket.socket, engine: Engine) -> asyncio.StreamWriter:
    """To the engine's end of this client's connection."""
    await asyncio.get_running_loop().sock_sendall(sock, LOGON)
    reader, writer = await engine.connection()
    assert len(await reader.readexactly(len(LOGON))) == len(LOGON)
    writer.write(ANSWER)
    assert await read(sock, len(ANSWER)) == ANSWER
    return writer


@LOOPS
def test_a_client_that_sends_much_can_read_the_engines_logout(
    settings: FrontSettings, loop_factory: Loop, log: list[str]
) -> None:
    async def test(front: Front, engine: Engine) -> None:
        loop = asyncio.get_running_loop()
        with await connected(front) as sock:
            writer = await logged_on(sock, engine)
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio declares it on ReadTransport
            sending = asyncio.ensure_future(loop.sock_sendall(sock, FLOOD))
            writer.write(LOGOUT)
            writer.close()
            await until(lambda: any("the engine closed the connection" in line for line in log))
            await sending
            assert await rest(sock) == LOGOUT

    in_loop(loop_factory, replace(settings, max_buffered_bytes=1 << 16), test)


@LOOPS
def test_what_the_engine_said_last_is_read_where_it_takes_no_more(
    settings: FrontSettings, loop_factory: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's bytes come just as the engine hangs up."""

    async def test(front: Front, engine: Engine) -> None:
        loop = asyncio.get_running_loop()
        with await connected(front) as sock:
            writer = await logged_on(sock, engine)
            (client,) = front._state.clients
            pass_on = client._write_to_engine

            def too_late(data: bytes) -> None:
                os.write(writer.get_extra_info("socket").fileno(), LOGOUT)
                shutdown(writer)
                pass_on(data)

            monkeypatch.setattr(client, "_write_to_engine", too_late)
            await loop.sock_sendall(sock, ORDER)
            assert await rest(sock) == LOGOUT

    in_loop(loop_factory, settings, test)


def shutdown(writer: asyncio.StreamWriter) -> None:
    """Now, and not in the loop's next turn."""
    with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)


@LOOPS
def test_a_client_that_does_not_stop_sending_is_cut(
    settings: FrontSettings, loop_factory: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parting, "LINGER_BYTES", 1 << 20)

    async def test(front: Front, engine: Engine) -> None:
        holder, sock = await refused(front, engine)
        with sock, pytest.raises(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(sock, FLOOD * 10)
        await until(lambda: len(front._state.clients) == 1)
        holder.writer.close()

    in_loop(loop_factory, settings, test)


@LOOPS
def test_a_client_that_stays_is_left_after_a_time(
    settings: FrontSettings, loop_factory: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parting, "LINGER_S", 0.05)

    async def test(front: Front, engine: Engine) -> None:
        holder, sock = await refused(front, engine)
        with sock:
            await until(lambda: len(front._state.clients) == 1)
        holder.writer.close()

    in_loop(loop_factory, settings, test)


@LOOPS
def test_nobody_lingers_who_was_told_nothing(
    settings: FrontSettings, loop_factory: Loop, monkeypatch: pytest.MonkeyPatch, log: list[str]
) -> None:
    monkeypatch.setattr(parting, "LINGER_S", 2 * WAIT)

    async def test(front: Front, _: Engine) -> None:
        with await connected(front) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, b"GET / HTTP/1.1\r\n\r\n" * 10)
            await until(lambda: any("closed: the first message is no complete Logon" in line for line in log))
            await until(lambda: not front._state.clients)

    in_loop(loop_factory, replace(settings, slow_reader_seconds=2 * WAIT), test)


@LOOPS
def test_by_tls_too_a_client_can_read_why(
    settings: FrontSettings, loop_factory: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    authority.issue("server", "CN=gateway")
    by_tls = replace(settings, tls=TlsSettings(tmp_path / "server.pem", tmp_path / "server.key"))

    def client(front: Front, sends: bytes, *, leaves: bool) -> bytes:
        """What it reads that sends all before it reads at all, to the end. leaves: when it has read why."""
        with (
            socket.create_connection(("127.0.0.1", front.port), timeout=WAIT) as plain,
            authority.client(None).wrap_socket(plain, server_hostname="127.0.0.1") as sock,
        ):
            sock.sendall(sends)
            data = b""
            while part := sock.recv(1 << 16):
                data += part
                if leaves and IN_USE in data:
                    break
            return data

    async def test(front: Front, engine: Engine) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port, ssl=authority.client(None))
        writer.write(LOGON)
        _, answers = await engine.connection()
        answers.write(ANSWER)
        assert await reader.readexactly(len(ANSWER)) == ANSWER
        assert IN_USE in await asyncio.to_thread(client, front, LOGON, leaves=False)
        monkeypatch.setattr(parting, "QUIET_S", WAIT)  # or the test depends on how fast the client is
        assert IN_USE in await asyncio.to_thread(client, front, LOGON + FLOOD * 4, leaves=True)
        await until(lambda: len(front._state.clients) == 1)
        writer.close()

    in_loop(loop_factory, by_tls, test)
