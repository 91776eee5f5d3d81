"""The front's control socket: who is connected, and how a connection is cut."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.control.client import ControlError, look
from gateway.control.front_link import FrontLink
from gateway.engine.backlog import Backlog
from gateway.engine.inbox import OperationEnded
from gateway.engine.operations import Outcome
from gateway.engine.private_socket import Peer
from gateway.front import Front, FrontError, FrontSettings
from gateway.front import control as control_module
from tests.unit.front.support import (
    ORDER,
    WAIT,
    Engine,
    control_socket,
    exactly,
    listening,
    log_on,
    no_gaps,
    running,
    until,
    with_backend,
)

KEY = "FIX.4.4:FIXGW->DESK"


@pytest.fixture
def path(settings: FrontSettings) -> Path:
    return control_socket(settings)


@pytest.fixture
def told(settings: FrontSettings, path: Path) -> FrontSettings:
    return with_backend(settings, control_socket=path)


def mode(path: Path) -> int | None:
    return path.stat().st_mode & 0o777 if path.exists() else None


async def outcome_of(path: Path, session: str) -> Outcome:
    """Of a disconnect as the engine asks for it."""
    ended: list[OperationEnded] = []
    link = FrontLink(path, ended.append, Backlog(1 << 20), no_gaps())
    link.start()
    link.disconnect(session, "they asked for it", lambda _: None)
    try:
        await until(lambda: bool(ended))
    finally:
        await asyncio.to_thread(link.stop)
    return ended[0].outcome


async def test_who_is_connected_is_told(told: FrontSettings, engine: Engine, path: Path) -> None:
    async with running(told) as front:
        assert mode(path) == 0o600
        assert await asyncio.to_thread(look, path, "front") == {}
        session = await log_on(front, engine)
        port = session.writer.get_extra_info("sockname")[1]
        assert await asyncio.to_thread(look, path, "front") == {
            KEY: {
                "address": f"127.0.0.1:{port}",
                "certificate": None,
                "connection": 1,
                "held_back": False,
                "unread_bytes": 0,
                "to_engine_bytes": 0,
                "buffer_bytes": told.max_buffered_bytes,
            }
        }
        session.writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio declares it on ReadTransport
        session.engine_writer.write(b"x" * (64 << 20))

        async def unread() -> int:
            return int((await asyncio.to_thread(look, path, "front"))[KEY]["unread_bytes"])

        async with asyncio.timeout(WAIT):
            while await unread() < told.max_buffered_bytes:  # noqa: ASYNC110  # the front has no event for it
                await asyncio.sleep(0.01)
    assert mode(path) is None


async def test_a_connection_is_cut_at_once_and_others_stay(
    told: FrontSettings, engine: Engine, path: Path, log: list[str]
) -> None:
    async with running(replace(told, slow_reader_seconds=600)) as front:
        session, other = await log_on(front, engine), await log_on(front, engine, "DESK01")
        session.writer.transport.pause_reading()  # type: ignore[attr-defined]  # see above
        session.engine_writer.write(b"x" * (64 << 20))  # what is unread does not keep it
        outcome = await outcome_of(path, KEY)
        assert outcome.done
        assert outcome.text.startswith(f"session {KEY} is disconnected, it was connection 1 from 127.0.0.1:")
        await until(session.engine_writer.transport.is_closing)
        await until(lambda: len(front._state.clients) == 1)
        assert any("closed: disconnected by the operator: they asked for it" in line for line in log)
        other.writer.write(ORDER)
        assert await exactly(other.engine_reader, ORDER)
        again = await log_on(front, engine)  # it may come back
        assert (await outcome_of(path, KEY)).done
        assert again.writer
        assert await outcome_of(path, KEY) == Outcome(done=False, text=f"nobody is connected to session {KEY}")


async def post(path: Path, body: bytes) -> tuple[int, str]:
    connector = aiohttp.UnixConnector(str(path))
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.post("http://front/disconnect", data=body) as answer,
    ):
        return answer.status, await answer.text()


async def test_only_the_gateways_user_may_cut(
    told: FrontSettings, engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"session": KEY}).encode()
    async with running(with_backend(told, control_gid=os.getgid())) as front:
        assert mode(path) == 0o660
        session = await log_on(front, engine)
        monkeypatch.setattr(control_module, "peer_of", lambda _: Peer(1, os.geteuid() + 1, 1))
        assert await post(path, body) == (403, "this is for the gateway's own user")
        assert KEY in await asyncio.to_thread(look, path, "front"), "who is let in by the group may look"
        monkeypatch.undo()
        assert (await post(path, b'{"session": 1}'))[0] == 400
        session.writer.write(ORDER)
        assert await exactly(session.engine_reader, ORDER)


async def test_a_front_that_is_not_there_or_hangs_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ControlError, match="the front does not run"):
        look(path, "front")
    outcome = await outcome_of(path, KEY)
    assert not outcome.done
    assert outcome.text.startswith("the front did not answer (FileNotFoundError")
    monkeypatch.setattr("gateway.control.client.LOOK_S", 0.05)
    monkeypatch.setattr("gateway.control.front_link._ANSWER_S", 0.05)
    over = asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with listening(path, hang):
        with pytest.raises(ControlError, match=r"the front did not answer within 0.05 s"):
            await asyncio.to_thread(look, path, "front")
        assert (await outcome_of(path, KEY)).text.startswith("the front did not answer (TimeoutError")
        over.set()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"])
async def test_an_answer_that_makes_no_sense_is_an_error(path: Path, answer: bytes) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with listening(path, nonsense):
        with pytest.raises(ControlError, match="the front cannot be asked"):
            await asyncio.to_thread(look, path, "front")
        assert not (await outcome_of(path, KEY)).done


async def test_a_socket_that_another_listens_on_is_an_error(told: FrontSettings, engine: Engine) -> None:
    async with running(told):
        second: Callable[[], Any] = Front(replace(told, port=0)).start
        with pytest.raises(FrontError, match=r"front.control_socket: another process is listening"):
            await second()
