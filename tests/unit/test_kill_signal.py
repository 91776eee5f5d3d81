"""SIGUSR1 asks the engine until it has answered, however long that is away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from gateway.cli import kill_signal
from gateway.control.client import Answer, ControlError


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []
    sink = logger.add(lambda line: found.append(line.record["message"]), filter="gateway.cli.kill_signal")
    yield found
    logger.remove(sink)


@pytest.mark.parametrize(("tell_s", "told"), [(3_600.0, ["away", "it starts"]), (-1.0, ["away"] * 50 + ["it starts"])])
def test_it_asks_until_it_is_answered_and_says_each_reason_once_in_a_while(
    monkeypatch: pytest.MonkeyPatch, lines: list[str], tell_s: float, told: list[str]
) -> None:
    answers: Iterator[str | Answer] = iter([*["away"] * 50, "it starts", Answer(True, "HALTED firm", {})])

    def ask(path: Path, command: str, arguments: dict[str, Any]) -> Answer:
        assert (path, command, list(arguments)) == (Path("control.sock"), "kill", ["reason"])
        answer = next(answers)
        if isinstance(answer, str):
            raise ControlError(answer)
        return answer

    monkeypatch.setattr(kill_signal, "ask", ask)
    monkeypatch.setattr(kill_signal, "_AGAIN_S", 0)
    monkeypatch.setattr(kill_signal, "_TELL_S", tell_s)
    kill = kill_signal.KillOnSignal(Path("control.sock"))
    kill()
    assert kill._thread is not None
    kill._thread.join(60)
    not_yet = "not halted yet, trying again: "
    assert lines == ["SIGUSR1: halting the firm", *(not_yet + text for text in told), "HALTED firm"]
