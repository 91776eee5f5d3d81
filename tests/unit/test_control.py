"""The control socket: who calls, what is understood, and what comes back; the engine behind it is played here."""

import asyncio
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import aiohttp
import pytest

from gateway.control.client import ControlError, ask, look
from gateway.control.peer import caller_of
from gateway.control.requests import BadRequest, read_request
from gateway.control.server import ControlServer
from gateway.domain.risk.parsing import rate
from gateway.engine.backlog import Backlog
from gateway.engine.clock import SystemClock
from gateway.engine.inbox import OperatorRequest
from gateway.engine.operations import Arm, Kill, LogOutSession, Outcome, Reconcile, SetSessionNumbers, open_to_group
from gateway.engine.private_socket import ListenerError, private_listener
from gateway.engine.session_use import SessionUse
from gateway.engine.throttle import Allowed, Throttle


@pytest.fixture
def asked() -> SimpleQueue[OperatorRequest]:
    return SimpleQueue()


@pytest.fixture
def answer_s() -> float:
    return 60


@pytest.fixture
def path(tmp_path: Path, asked: SimpleQueue[OperatorRequest], answer_s: float) -> Iterator[Path]:
    server = ControlServer(tmp_path / "control.sock", asked.put, answer_s=answer_s)
    server.start()
    yield tmp_path / "control.sock"
    server.stop()
    assert not (tmp_path / "control.sock").exists()


def answer_next(asked: SimpleQueue[OperatorRequest], outcome: Outcome, seen: list[OperatorRequest]) -> None:
    def engine() -> None:
        seen.append(asked.get(timeout=10))
        seen[0].reply.set_result(outcome)

    threading.Thread(target=engine).start()


def test_the_caller_is_who_the_kernel_says_and_hears_the_outcome(
    path: Path, asked: SimpleQueue[OperatorRequest]
) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    seen: list[OperatorRequest] = []
    answer_next(asked, Outcome(done=True, text="gone", result={"epoch": 2}), seen)
    answer = ask(path, "session.logout", {"session": "DESK", "reason": " tired "})
    assert answer == (True, "gone", {"epoch": 2})
    (item,) = seen
    assert (item.name, item.operation, item.reason) == ("session.logout", LogOutSession(session="DESK"), "tired")
    assert (item.caller.uid, item.caller.pid) == (os.getuid(), os.getpid())
    assert item.caller.who

    seen.clear()
    answer_next(asked, Outcome(done=False, text="no session"), seen)
    assert ask(path, "reconcile", {}) == (False, "no session", {})
    assert seen[0].operation == Reconcile()


@pytest.mark.parametrize("answer_s", [0.05])
async def test_what_is_not_understood_never_reaches_the_engine(path: Path, asked: SimpleQueue[OperatorRequest]) -> None:
    connector = aiohttp.UnixConnector(str(path))
    async with aiohttp.ClientSession(connector=connector) as http:

        async def post(name: str, body: bytes) -> tuple[int, Any]:
            async with http.post(f"http://engine/commands/{name}", data=body) as answer:
                return answer.status, await answer.json()

        status, body = await post("reconcile", b"{")
        assert (status, body["done"]) == (400, False)
        assert "not JSON" in body["text"]
        assert (await post("sudo", b"{}"))[1]["text"].startswith("no command 'sudo'; there are: reconcile")
        assert asked.empty()
        status, body = await post("reconcile", b"")
        assert status == 504, "the engine never answered"
        assert "goes on with it" in body["text"]
    assert asked.get().operation == Reconcile()


def test_requests_are_checked_field_by_field() -> None:
    numbers = {"session": "DESK", "next_in": 5, "reason": "why"}
    assert read_request("session.set-seq", json.dumps(numbers).encode()) == (
        SetSessionNumbers(session="DESK", next_in=5),
        "why",
    )
    for name, body, says in [
        ("session.set-seq", {**numbers, "next_in": "5"}, r"Expected `int \| null`, got `str` - at `\$.next_in`"),
        ("session.set-seq", {**numbers, "next": 5}, "unknown: 'next'; there are: session, next_in"),
        ("session.reset", {"session": "DESK"}, "needs a reason"),
        ("session.reset", {"session": "DESK", "reason": "  "}, "needs a reason"),
        ("session.reset", {"reason": "why"}, "missing required field `session`"),
        ("session.reset", {"session": "DESK", "reason": "x" * 501}, "at most 500"),
        ("reconcile", {"dry_run": 1}, "Expected `bool`"),
        ("reconcile", [1], "not a JSON object"),
    ]:
        with pytest.raises(BadRequest, match=says):
            read_request(name, json.dumps(body).encode())


def test_who_is_let_in_by_the_group_may_look_stop_and_arm(tmp_path: Path) -> None:
    allowed = (Kill(), Arm(), Reconcile(dry_run=True))
    assert [open_to_group(operation) for operation in allowed] == [True] * 3
    assert [open_to_group(operation) for operation in (Kill(flatten=True), Reconcile())] == [False] * 2, "that trades"
    with private_listener(tmp_path / "s", os.getgid()) as listener, socket.socket(socket.AF_UNIX) as visitor:
        assert (tmp_path / "s").stat().st_mode & 0o777 == 0o660
        visitor.connect(str(tmp_path / "s"))
        accepted, _ = listener.accept()
        with accepted:
            assert caller_of(accepted, os.getuid()).is_owner
            assert caller_of(accepted, os.getuid() + 1).is_owner is (os.getuid() == 0), "root in any case"


def test_nobody_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no engine runs here: nobody listens on"):
        ask(tmp_path / "control.sock", "reconcile", {})


def test_the_way_to_the_socket_may_be_long(
    tmp_path: Path, asked: SimpleQueue[OperatorRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / ("d" * 100)
    directory.mkdir()
    monkeypatch.chdir(directory)
    server = ControlServer(Path("control.sock"), asked.put, answer_s=60)
    server.start()
    monkeypatch.chdir(tmp_path)
    seen: list[OperatorRequest] = []
    answer_next(asked, Outcome(done=True, text="here"), seen)
    assert ask(directory / "control.sock", "reconcile", {}).text == "here"
    monkeypatch.chdir(directory)
    server.stop()
    with pytest.raises(ControlError, match="nobody listens on"):
        ask(directory / "control.sock", "reconcile", {})


def test_a_second_engine_does_not_take_the_socket(path: Path, asked: SimpleQueue[OperatorRequest]) -> None:
    with pytest.raises(ListenerError, match="already running"):
        ControlServer(path, asked.put).start()


async def test_a_caller_that_hangs_up_does_not_break_the_answer(
    path: Path, asked: SimpleQueue[OperatorRequest]
) -> None:
    _, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"POST /commands/reconcile HTTP/1.1\r\nHost: engine\r\nContent-Length: 2\r\n\r\n{}")
    await writer.drain()
    item = await asyncio.to_thread(asked.get, timeout=10)
    writer.close()
    await writer.wait_closed()
    item.reply.set_result(Outcome(done=True, text="done"))
    seen: list[OperatorRequest] = []
    answer_next(asked, Outcome(done=True, text="next"), seen)
    assert (await asyncio.to_thread(ask, path, "reconcile", {})).text == "next"


def test_the_sessions_are_told_while_the_engine_does_nothing(
    tmp_path: Path, asked: SimpleQueue[OperatorRequest]
) -> None:
    throttle = Throttle({"A": Allowed(rate("10/1s"))}, lambda *_: None)
    throttle.take("A", "D", SystemClock().now() + 10**10)  # in ten seconds, so that it is still full when asked
    server = ControlServer(
        tmp_path / "other.sock", asked.put, sessions=SessionUse(["A", "B"], throttle, Backlog(1), SystemClock())
    )
    server.start()
    nothing = {"waiting_bytes": 0, "held_back": False}
    try:
        assert look(tmp_path / "other.sock", "engine") == {
            "A": {"throttle_used": 10, "throttle_limit": 10, **nothing},
            "B": {"throttle_used": None, "throttle_limit": None, **nothing},
        }
    finally:
        server.stop()
    with pytest.raises(ControlError, match="the engine does not run"):
        look(tmp_path / "other.sock", "engine")
