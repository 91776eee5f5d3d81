"""The demo as a newcomer runs it, and that it cannot claim what did not happen."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.processes import wait_until

ROOT = Path(__file__).parents[2]
SECONDS = 100
STEPS = [
    "A limit order that rests",
    "A limit order that fills at once",
    "A limit order that fills in parts",
    "A cancel",
    "A cancel/replace",
    "A market order",
    "An immediate-or-cancel order, partly filled",
    "An order that risk denies",
    "An order that the exchange rejects",
    "A ClOrdID(11) used twice",
    "An order status request",
]
# Answers that must not be taken for the right one, one after the other; what each is told from is printed.
WRONG_HOPES = """
import asyncio
import demo_desk
import demo_story

async def another_state(desk, order):
    await desk.report(ClOrdID=order, OrdStatus="Filled")

async def another_figure(desk, order):
    await desk.report(ClOrdID=order, LeavesQty="0.10001")

async def no_answer(desk, order):
    await desk.report(OrdStatus="New")
    demo_desk._ANSWER_SECONDS = 0.5
    await desk.report(OrdStatus="New")

async def one_too_many(desk, order):
    while not any(way == "in" and message.get(11) == order for way, message in desk.client.transcript):
        await asyncio.sleep(0.01)
    await desk.nothing_more()

HOPES = (another_state, another_figure, no_answer, one_too_many)

async def wrong(desk):
    for number, hope in enumerate(HOPES, 1):
        desk.client.new_order("BTCUSDT", "buy", "0.1", price="50000", cl_ord_id=f"W-{number}")
        try:
            await hope(desk, f"W-{number}")
        except demo_desk.StepFailed as error:
            print(f"{hope.__name__}: {error}")
            if hope is HOPES[-1]:
                raise

demo_story.STEPS[:] = [demo_story.STEPS[0], ("A wrong hope", wrong)]
"""


def demo(*options: str, story: str = "") -> list[str]:
    """The demo's command line; story: Python that changes the story first."""
    program = f"import sys; sys.path.insert(0, 'scripts'); import demo_main\n{story}\nsys.exit(demo_main.main())"
    return [sys.executable, "-c", program, *options]


@pytest.fixture
def staying(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """A demo that stays up, and where it prints."""
    output = tmp_path / "demo.txt"
    with output.open("wb") as out:
        process = subprocess.Popen(demo(), cwd=ROOT, stdout=out, stderr=out)
    yield process, output
    if process.poll() is None:
        process.terminate()
        process.wait(SECONDS)


def test_once_tells_the_whole_story_and_shows_the_orders() -> None:
    told = subprocess.run(demo("--once"), cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.findall(r"^ ?\d+\. (.*)$", told.stdout, re.MULTILINE) == STEPS
    assert max(len(line) for line in told.stdout.splitlines()) <= 120
    states = dict(re.findall(r"^  (O\d) .* (\w+) +\d\d:\d\d:\d\d\.\d{3} *$", told.stdout, re.MULTILINE))
    assert states == {
        "O1": "Canceled",
        "O2": "Filled",
        "O3": "Filled",
        "O4": "New",
        "O5": "Filled",
        "O6": "Canceled",
        "O7": "Rejected",
        "O8": "Rejected",
    }


def test_a_step_without_its_answer_fails_by_name() -> None:
    command = demo("--once", story=WRONG_HOPES)
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert told.returncode == 1, told.stdout
    assert "another_state: the answer is not as it should be: OrdStatus is '0' and not Filled" in told.stdout
    assert "another_figure: the answer is not as it should be: LeavesQty is '0.1' and not 0.10001" in told.stdout
    assert "no_answer: no answer within 0.5 s; there should have been one with OrdStatus=New" in told.stdout
    assert "one_too_many: one message too many: " in told.stdout
    assert "FAILED: step 2, A wrong hope: one message too many: " in told.stdout
    assert "Done" not in told.stdout


def test_it_stays_up_for_orders_by_hand_and_stops_on_ctrl_c(
    staying: tuple["subprocess.Popen[bytes]", Path], tmp_path: Path
) -> None:
    process, output = staying
    wait_until(lambda: "fixgw sessions --config" in output.read_text() or process.poll() is not None, "the demo is up")
    shown = output.read_text()
    commands = [line.strip() for line in shown.splitlines() if line.strip().startswith(".venv/bin/fixgw ")]
    assert len(commands) == 5
    for command in commands:
        arguments = [sys.executable, "-m", "gateway", *shlex.split(command)[1:]]
        environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
        done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert done.stdout

    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 0, output.read_text()
    log = re.search(r"Logs +(\S+)", shown)
    assert log is not None
    pids = re.findall(r"started process=\w+ pid=(\d+)", (ROOT / log[1]).read_text())
    assert len(pids) == 3
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
