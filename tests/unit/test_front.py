"""The front over real sockets, on uvloop as in production, with a stand-in engine on a Unix socket."""

import asyncio
import gc
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import simplefix
from loguru import logger

from gateway.front import Front, FrontError, FrontSettings, run_front
from gateway.wire.framing import framed

WAIT = 10  # seconds until a test gives up


def fix(msg_type: str, *fields: tuple[int, str]) -> bytes:
    message = simplefix.FixMessage()
    for tag, value in [(8, "FIX.4.4"), (35, msg_type), (49, "DESK"), (56, "FIXGW"), (34, "1"), *fields]:
        message.append_pair(tag, value)
    return bytes(message.encode())


LOGON = fix("A", (98, "0"), (108, "30"), (554, "s3cret-password"))
ANSWER = fix("A", (98, "0"), (108, "30"))
ORDER = fix("D", (11, "c1"), (58, "first"))


@dataclass
class Engine:
    """Answers nothing by itself: a test reads and writes through the connections it accepted."""

    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=asyncio.Queue)

    async def connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.wait_for(self.accepted.get(), WAIT)

    async def on_connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.accepted.put((reader, writer))


@pytest.fixture
def settings(tmp_path: Path) -> FrontSettings:
    return FrontSettings(host="127.0.0.1", port=0, engine_socket=tmp_path / "engine.sock")


@pytest.fixture
async def engine(settings: FrontSettings) -> AsyncIterator[Engine]:
    stand_in = Engine()
    server = await asyncio.start_unix_server(stand_in.on_connect, settings.engine_socket)
    yield stand_in
    server.close()


@pytest.fixture(autouse=True)
async def no_callback_failed() -> AsyncIterator[None]:
    """The event loop only logs what a protocol's callback raises; here it fails the test."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    yield
    gc.collect()  # a task whose failure nobody fetched reports it when collected
    assert failures == []


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="DEBUG")
    yield lines
    logger.remove(sink)


@asynccontextmanager
async def running(settings: FrontSettings) -> AsyncIterator[Front]:
    front = Front(settings)
    await front.start()
    try:
        yield front
    finally:
        await front.stop()


async def connect(front: Front) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", front.port, limit=1 << 22)


@dataclass
class Session:
    """Both ends of a connection in its pumping phase. Kept whole: streams close when they are collected."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    engine_reader: asyncio.StreamReader
    engine_writer: asyncio.StreamWriter


async def log_on(front: Front, engine: Engine) -> Session:
    reader, writer = await connect(front)
    writer.write(LOGON)
    engine_reader, engine_writer = await engine.connection()
    assert await exactly(engine_reader, LOGON)
    engine_writer.write(ANSWER)
    assert await exactly(reader, ANSWER)
    return Session(reader, writer, engine_reader, engine_writer)


async def exactly(reader: asyncio.StreamReader, expected: bytes) -> bool:
    return await asyncio.wait_for(reader.readexactly(len(expected)), WAIT) == expected


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Nothing more arrives but the end."""
    try:
        return await asyncio.wait_for(reader.read(), WAIT) == b""
    except ConnectionResetError:
        return True


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110  # conditions of a process under test have no event
            await asyncio.sleep(0.005)


async def settled(size: Callable[[], int]) -> int:
    """The size once it no longer changes."""
    async with asyncio.timeout(WAIT):
        last = -1
        while (now := size()) != last:
            last = now
            await asyncio.sleep(0.1)
    return last


async def test_what_is_behind_the_logon_waits_for_its_answer(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        reader, writer = await connect(front)
        writer.write(LOGON + ORDER)
        engine_reader, engine_writer = await engine.connection()
        assert await exactly(engine_reader, LOGON)
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
        assert await exactly(engine_reader, LOGON)
        assert await settled(writer.transport.get_write_buffer_size) > 0
        engine_writer.write(ANSWER)
        assert await exactly(reader, ANSWER)
        assert await exactly(engine_reader, flood)


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


async def test_another_logon_ends_the_connection(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    async with running(settings) as front:
        session = await log_on(front, engine)
        inside_data = fix("D", (354, "7"), (355, "a\x0135=A\x01"))
        session.writer.write(inside_data + LOGON + ORDER)
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
        session, other = await log_on(front, engine), await log_on(front, engine)
        wrong_length = ORDER.replace(b"9=", b"9=1", 1)
        session.writer.write(ORDER + wrong_length + ORDER)
        other.writer.write(ORDER[:-1])
        assert await exactly(session.engine_reader, ORDER)
        other.writer.write(ORDER[-1:])
        assert await is_closed(session.reader)
        other.writer.write(ORDER)
        assert await exactly(other.engine_reader, ORDER + ORDER)
    assert any("a message was not complete within 0.2 s" in line for line in log)


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
        assert await exactly(engine_reader, LOGON)


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


async def test_an_engine_that_is_away_is_logged_once(settings: FrontSettings, log: list[str]) -> None:
    async with running(settings) as front:
        for _ in range(3):
            reader, writer = await connect(front)
            writer.write(LOGON)
            assert await is_closed(reader)
        assert len([line for line in log if "WARNING" in line and "engine is away" in line]) == 1
        stand_in = Engine()
        server = await asyncio.start_unix_server(stand_in.on_connect, settings.engine_socket)
        await log_on(front, stand_in)  # and works again when the engine is back
        server.close()
        assert any("engine is back" in line for line in log)


async def test_an_engine_that_never_answers(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    async with running(replace(settings, answer_deadline_seconds=0.1)) as front:
        reader, writer = await connect(front)
        writer.write(LOGON)
        engine_reader, _engine_writer = await engine.connection()
        assert await exactly(engine_reader, LOGON)
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


async def test_a_slow_reader_is_dropped_and_others_go_on(
    settings: FrontSettings, engine: Engine, log: list[str]
) -> None:
    bounded = replace(settings, max_buffered_bytes=1 << 16, slow_reader_seconds=0.3)
    async with running(bounded) as front:
        slow = await log_on(front, engine)
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio declares it on ReadTransport
        slow.engine_writer.write(b"x" * (64 << 20))  # more than all socket buffers on the way hold
        session = await log_on(front, engine)
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
        session.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await exactly(session.reader, sent)


async def test_an_engine_that_does_not_read_holds_the_client_back(settings: FrontSettings, engine: Engine) -> None:
    async with running(replace(settings, max_buffered_bytes=1 << 16)) as front:
        session = await log_on(front, engine)
        session.engine_writer.transport.pause_reading()  # type: ignore[attr-defined]  # see above
        sent = fix("B", (58, "x" * 10_000)) * 6_000  # 60 MB
        session.writer.write(sent)
        assert await settled(session.writer.transport.get_write_buffer_size) > 0
        session.engine_writer.transport.resume_reading()  # type: ignore[attr-defined]
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
        assert await exactly(engine_reader, LOGON)
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
        assert await exactly(reader, LOGON)
        writer.write(ANSWER)
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def session(front: Front, number: int) -> None:
        reader, writer = await connect(front)
        order = fix("D", (11, f"order-{number}"))
        writer.write(LOGON + order)
        assert await exactly(reader, ANSWER + order)
        for _ in range(20):
            writer.write(order)
            assert await exactly(reader, order)
        writer.close()

    server = await asyncio.start_unix_server(echo, settings.engine_socket)
    async with running(settings) as front:
        await asyncio.gather(*(session(front, number) for number in range(50)))
    server.close()


async def test_connections_beyond_the_limit_are_refused(settings: FrontSettings, engine: Engine) -> None:
    async with running(replace(settings, max_connections=1)) as front:
        session = await log_on(front, engine)
        reader, _writer = await connect(front)
        assert await is_closed(reader)
        assert not session.writer.transport.is_closing()


async def test_the_log_names_connection_peer_and_sender_and_no_password(
    settings: FrontSettings, engine: Engine, log: list[str]
) -> None:
    async with running(settings) as front:
        session = await log_on(front, engine)
        host, port = session.writer.get_extra_info("sockname")
        expected = f"Logon forwarded connection=1 peer={host}:{port} sender_comp_id=DESK"
        assert any(expected in line for line in log)
        assert "s3cret" not in "".join(log)


async def test_a_sender_comp_id_cannot_forge_log_lines(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    message = simplefix.FixMessage()
    for tag, value in [(8, "FIX.4.4"), (35, "A"), (49, "X\n2026 ERROR " + "y" * 500)]:
        message.append_pair(tag, value)
    async with running(settings) as front:
        _reader, writer = await connect(front)
        writer.write(bytes(message.encode()))
        _engine_side = await engine.connection()
        await until(lambda: any("Logon forwarded" in line for line in log))
        (line,) = [line for line in log if "Logon forwarded" in line]
        assert "sender_comp_id=X?2026?ERROR?yyy" in line
        assert len(line) < 400


async def test_ipv6(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    async with running(replace(settings, host="::1")) as front:
        _reader, writer = await asyncio.open_connection("::1", front.port)
        writer.write(LOGON)
        engine_reader, _engine_writer = await engine.connection()
        assert await exactly(engine_reader, LOGON)
        assert any("peer=[::1]:" in line for line in log)


async def test_stopping_closes_clients(settings: FrontSettings, engine: Engine) -> None:
    async with running(settings) as front:
        session = await log_on(front, engine)
        waiting_reader, _writer = await connect(front)
        await front.stop()
        assert await is_closed(session.reader)
        assert await is_closed(session.engine_reader)
        assert await is_closed(waiting_reader)
        with pytest.raises(ConnectionRefusedError):
            await connect(front)


async def test_a_port_in_use_is_named(settings: FrontSettings) -> None:
    async with running(settings) as front:
        with pytest.raises(FrontError, match=f"cannot listen on 127.0.0.1 port {front.port}"):
            await Front(replace(settings, port=front.port)).start()


async def test_a_ready_file_that_cannot_be_written_is_named(settings: FrontSettings, tmp_path: Path) -> None:
    with pytest.raises(FrontError, match=r"cannot write the ready file.*missing"):
        await run_front(replace(settings, ready_file=tmp_path / "missing" / "ready.json"))


def test_the_command_announces_its_port_and_stops_on_sigterm(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-c", "from gateway.cli.main import app; app()", "front", "--port", "0"]
    with subprocess.Popen(
        [*command, "--engine-socket", str(tmp_path / "none.sock")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["port"] > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=WAIT) == 0

    with subprocess.Popen(
        [*command, "--engine-socket", str(tmp_path / "none.sock"), "--ready-file", str(ready)]
    ) as process:
        asyncio.run(until(ready.exists))
        assert json.loads(ready.read_text())["port"] > 0
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=WAIT) == 0
