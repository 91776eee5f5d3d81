"""The front, its stand-in engine, and what it logs."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from gateway.front import BackendSettings, FrontSettings
from tests.unit.front.support import NAMES, WAIT, Engine, listening, session


@pytest.fixture
def settings(tmp_path: Path) -> FrontSettings:
    backend = BackendSettings(tmp_path / "engine.sock", tuple(session(name) for name in NAMES))
    return FrontSettings(host="127.0.0.1", port=0, backends=(backend,))


@pytest.fixture
async def engine(settings: FrontSettings) -> AsyncIterator[Engine]:
    stand_in = Engine()
    async with listening(settings.backends[0].engine_socket, stand_in.on_connect):
        yield stand_in


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.control.client.LOOK_S", WAIT)


@pytest.fixture(autouse=True)
def short_goodbyes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or each front would wait at its end for the clients that its test has left open."""
    monkeypatch.setattr("gateway.front.parting.LINGER_S", 0.01)


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
