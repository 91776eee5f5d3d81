"""A stand-in engine, and the two ends of a connection through the front."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import simplefix

from gateway.engine.gaps import Gaps
from gateway.front import Front, FrontSettings, SessionPolicy

WAIT = 30  # seconds until a test gives up


NAMES = ("DESK", *(f"DESK{number:02}" for number in range(50)))


def session(name: str) -> SessionPolicy:
    return SessionPolicy("FIX.4.4", name, "FIXGW")


def with_backend(settings: FrontSettings, **changes: Any) -> FrontSettings:
    """The same, with the one engine behind the front changed."""
    return replace(settings, backends=(replace(settings.backends[0], **changes),))


def control_socket(settings: FrontSettings) -> Path:
    """Where the front of a test has its own, if it has one."""
    return settings.backends[0].engine_socket.with_name("front.sock")


def fix(msg_type: str, *fields: tuple[int, str], sender: str = "DESK") -> bytes:
    message = simplefix.FixMessage()
    for tag, value in [(8, "FIX.4.4"), (35, msg_type), (49, sender), (56, "FIXGW"), (34, "1"), *fields]:
        message.append_pair(tag, value)
    return bytes(message.encode())


def logon(sender: str = "DESK") -> bytes:
    return fix("A", (98, "0"), (108, "30"), (554, "s3cret-password"), sender=sender)


LOGON = logon()
FORWARDED = LOGON.replace(b"s3cret-password", b"*" * 15)[:-7]
FORWARDED += b"10=%03d\x01" % (sum(FORWARDED) % 256)
"""As the engine gets it: the password is masked."""
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


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(path: Path, serve: Serve) -> AsyncIterator[None]:
    """Something listens there meanwhile, and serves who connects: mostly an engine's on_connect."""
    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()


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


async def log_on(front: Front, engine: Engine, sender: str = "DESK") -> Session:
    reader, writer = await connect(front)
    writer.write(logon(sender))
    engine_reader, engine_writer = await engine.connection()
    await asyncio.wait_for(engine_reader.readexactly(len(logon(sender))), WAIT)
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


def no_gaps() -> Gaps:
    """Of an engine whose clients owe nothing."""
    return Gaps(lambda _: 1, lambda _: None, lambda *_: None)
