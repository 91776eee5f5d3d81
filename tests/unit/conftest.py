"""Which event loop a test module runs on."""

import asyncio
import time
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The front's protocols meet uvloop in production, whose transports differ in detail from asyncio's."""
    if item.path.name.startswith("test_front"):
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
def standing_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ten seconds, no minute and no day end while a test counts what it may do in one."""
    now = time.time_ns()
    middle_of_a_minute = now - now % 60_000_000_000 + 5_000_000_000
    monkeypatch.setattr("time.time_ns", lambda: middle_of_a_minute)
