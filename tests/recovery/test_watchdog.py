"""The watchdog alone, with an engine that is none: it sends when that is dead, and whatever the disk says."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from loguru import logger

from gateway import unattended, watchdog
from gateway.config import Config
from gateway.engine.emergency import Emergency, OpenOrder, encode, read_aftermaths
from gateway.engine.handover import TAKEN, watchdog_socket
from gateway.engine.pulse import pulse_socket
from gateway.store.database import open_database
from gateway.venues import emergency as venue_cancels
from tests.fixtures.processes import KEYS, ROOT, Exchange, Gateway
from tests.fixtures.strangers import place_past_the_gateway

STUBBORN = """
import socket, sys, time
engine = socket.socket(socket.AF_UNIX)
engine.connect(sys.argv[1])
engine.sendall(sys.argv[2].encode())
engine.shutdown(socket.SHUT_WR)
print(engine.makefile().readline(), flush=True)
time.sleep(600)
"""


@pytest.fixture
def config(tmp_path: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Config:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(watchdog, "_ENGINE_ENDS_S", 0.5)
    monkeypatch.setattr(watchdog, "_LEAST_RUN_S", 0.5)
    return Config.model_validate(
        {
            "environment": "sim",
            "deployment": "test",
            "engine": {"directory": tmp_path, "hang_seconds": 1},
            "venue_accounts": [{"name": "main", "settings": {"base_url": exchange.url}}],
            "accounts": [{"name": "TRADING", "venue_account": "main"}],
            "sessions": [{"target_comp_id": "DESK", "accounts": ["TRADING"]}],
        }
    )


@pytest.fixture
async def watching(config: Config) -> AsyncIterator[watchdog.Watchdog]:
    process = watchdog.Watchdog(config, allow_live=False)
    await process.start()
    yield process
    await process.stop()


def emergency(*client_ids: str) -> Emergency:
    orders = (OpenOrder(f"O{n}", 1, "main", "BTCUSDT", name, None) for n, name in enumerate(client_ids, 1))
    return Emergency("disk full", 1_000, tuple(orders))


async def hand_over(directory: Path, what: Emergency) -> "subprocess.Popen[str]":
    """An engine that does not end by itself. Returns once its orders are taken."""
    arguments = [sys.executable, "-c", STUBBORN, str(watchdog_socket(directory)), encode(what).decode()]
    engine = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 - starts at once
    assert engine.stdout is not None
    said = (await asyncio.to_thread(engine.stdout.readline)).strip()
    # One that could not say so any more before it was killed was taken, too.
    assert said == TAKEN or await asyncio.to_thread(engine.wait, 20) == -9
    return engine


async def still_open(exchange: Exchange) -> set[str]:
    return {o["originalClientOrderId"] for o in await exchange.look("orders") if o["status"] == "NEW"}


async def until_canceled(exchange: Exchange) -> None:
    async with asyncio.timeout(60):
        while await still_open(exchange):  # noqa: ASYNC110 - the exchange announces nothing
            await asyncio.sleep(0.05)


async def test_an_engine_that_does_not_end_is_killed_before_anything_is_sent(
    tmp_path: Path, exchange: Exchange, watching: watchdog.Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "_ENGINE_ENDS_S", 3.0)  # it is looked at meanwhile
    await place_past_the_gateway(exchange, "test-O1-1")
    engine = await hand_over(tmp_path, emergency("test-O1-1"))
    (written,) = read_aftermaths(tmp_path, 0)
    assert (written.emergency, written.said) == (emergency("test-O1-1"), []), "on the disk before anything is sent"
    while engine.poll() is None:
        left = await still_open(exchange)  # the engine may end, and its cancel go out, while this is asked
        assert left == {"test-O1-1"} or engine.poll() is not None, "sent while the engine lives"
        await asyncio.sleep(0.02)
    assert engine.returncode == -9
    await until_canceled(exchange)


async def test_what_cannot_be_written_down_is_canceled_all_the_same(
    tmp_path: Path, exchange: Exchange, watching: watchdog.Watchdog
) -> None:
    await place_past_the_gateway(exchange, "test-O1-1")
    (tmp_path / "emergency.reserve").unlink()
    (tmp_path / "emergency.reserve").mkdir()
    engine = await hand_over(tmp_path, emergency("test-O1-1"))
    await until_canceled(exchange)
    assert await asyncio.to_thread(engine.wait, 20) == -9
    assert read_aftermaths(tmp_path, 0) == []


SEALED = """
import asyncio, sys, uvloop
from gateway.cli.watchdog import load_config
from gateway.engine.orders_in_sql import orders_in_sql
from gateway.watchdog import Watchdog
from pathlib import Path

class Gone:
    def find_spec(self, name, *_):
        raise ImportError(f"{name} is on a disk that is gone")

async def main():
    config = load_config(Path(sys.argv[1]))
    process = Watchdog(config, allow_live=False)
    await process.start()
    sys.meta_path.insert(0, Gone())
    print(len(orders_in_sql(config.database.url).orders), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await process.stop()

uvloop.run(main())
"""


async def test_it_loads_nothing_once_the_disk_is_gone(tmp_path: Path, exchange: Exchange) -> None:
    gateway = Gateway(tmp_path, exchange.url)
    (tmp_path / "gateway.toml").write_text(gateway._text())
    (tmp_path / "run").mkdir()
    open_database(gateway.database_url, "sim", "test").dispose()
    await place_past_the_gateway(exchange, "test-O1-1")
    arguments = [sys.executable, "-c", SEALED, str(tmp_path / "gateway.toml")]
    env = {**os.environ, **KEYS, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)  # noqa: ASYNC220
    try:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"0\n", "SQL is read"
        engine = await hand_over(tmp_path / "run", emergency("test-O1-1"))
        assert await asyncio.to_thread(engine.wait, 60) == -9
        await until_canceled(exchange)
    finally:
        await asyncio.to_thread(process.communicate)


HANGS = """
import socket, sys, time
engine = socket.socket(socket.AF_UNIX)
engine.connect(sys.argv[1])
engine.sendall(b"hello 7\\nbeat\\n")
time.sleep(600)
"""


@pytest.mark.parametrize("lease", ["another has it", "nobody knows"])
async def test_what_may_be_another_hosts_is_left_to_it(
    tmp_path: Path, exchange: Exchange, watching: watchdog.Watchdog, lease: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_anothers(_url: str, number: int) -> bool:
        assert number == 7
        if lease == "nobody knows":
            raise OSError("no route to the server")
        return True

    monkeypatch.setattr(unattended, "is_anothers", is_anothers)
    await place_past_the_gateway(exchange, "test-O1-1")
    arguments = [sys.executable, "-c", HANGS, str(pulse_socket(tmp_path))]
    engine = subprocess.Popen(arguments)  # noqa: ASYNC220 - starts at once
    assert await asyncio.to_thread(engine.wait, 20) == -9
    assert await still_open(exchange) == {"test-O1-1"}
    assert read_aftermaths(tmp_path, 0) == []


async def test_a_fresh_engine_takes_over_what_the_exchange_does_not_answer(
    tmp_path: Path, exchange: Exchange, watching: watchdog.Watchdog
) -> None:
    await place_past_the_gateway(exchange, "test-O1-1")
    await exchange.control("hold", op="order.cancel", when="before")
    engine = await hand_over(tmp_path, emergency("test-O1-1"))
    assert await asyncio.to_thread(engine.wait, 20) == -9
    _, writer = await asyncio.open_unix_connection(str(watchdog_socket(tmp_path)))  # the next engine
    (left,) = await asyncio.to_thread(read_aftermaths, tmp_path, 20)
    assert [order.client_id for order in left.emergency.orders] == ["test-O1-1"]
    assert left.over == []
    writer.close()
    await exchange.control("release")


@pytest.mark.parametrize("foreign", [False, True])
async def test_an_account_wholly_ours_is_canceled_by_one_request(
    tmp_path: Path, exchange: Exchange, config: Config, foreign: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patience in ("_START_S", "_LOOK_S", "_ANSWER_S"):  # however slow the machine
        monkeypatch.setattr(venue_cancels, patience, 60.0)
    (account,) = config.venue_accounts
    exclusive = config.model_copy(update={"venue_accounts": (account.model_copy(update={"exclusive": True}),)})
    process = watchdog.Watchdog(exclusive, allow_live=False)
    await process.start()
    try:
        for name in ("test-O1-1", "test-O2-1", *(["by-hand"] if foreign else [])):
            await place_past_the_gateway(exchange, name)
        engine = await hand_over(tmp_path, emergency("test-O1-1", "test-O2-1"))
        async with asyncio.timeout(60):
            while len(read_aftermaths(tmp_path, 0)[0].over) < 2:  # noqa: ASYNC110 - a file announces nothing
                await asyncio.sleep(0.05)
        engine.wait()
    finally:
        await process.stop()
    assert await still_open(exchange) == ({"by-hand"} if foreign else set())
    (aftermath,) = read_aftermaths(tmp_path, 0)
    asked = {said.text.split()[0] for said in aftermath.said if (said.direction, said.operation) == ("out", "cancel")}
    assert asked == {"order.cancel" if foreign else "openOrders.cancelAll"}
    assert {over.client_id for over in aftermath.over} == {"test-O1-1", "test-O2-1"}


async def test_a_key_of_another_account_ends_no_order(
    tmp_path: Path, exchange: Exchange, watching: watchdog.Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching._in_flight_s = 0.0  # "no such order" is believed at once
    monkeypatch.setattr(venue_cancels, "_KEY_S", 0.5)
    for kind in ("KEY", "SECRET"):
        monkeypatch.delenv(f"FIXGW_SIM_MAIN_API_{kind}")
        (tmp_path / kind).write_text(f"sim-second-{kind.lower()}")
        monkeypatch.setenv(f"FIXGW_SIM_MAIN_API_{kind}_FILE", str(tmp_path / kind))
    await place_past_the_gateway(exchange, "test-O1-1")
    told: list[str] = []
    sink = logger.add(lambda message: told.append(str(message)), format="{message}")
    try:
        left = emergency("test-O1-1")
        engine = await hand_over(tmp_path, Emergency(left.cause, left.at, left.orders, owners={"main": "1"}))
        async with asyncio.timeout(60):
            while sum("nothing is canceled until its key is" in line for line in told) < 2:  # noqa: ASYNC110 - a log
                await asyncio.sleep(0.05)
        assert await still_open(exchange) == {"test-O1-1"}
        assert read_aftermaths(tmp_path, 0)[0].over == []
        for kind in ("KEY", "SECRET"):
            (tmp_path / kind).write_text(f"sim-main-{kind.lower()}")
        await until_canceled(exchange)
        async with asyncio.timeout(60):
            while not read_aftermaths(tmp_path, 0)[0].over:  # noqa: ASYNC110 - a file announces nothing
                await asyncio.sleep(0.05)
    finally:
        logger.remove(sink)
    engine.wait()
    (over,) = read_aftermaths(tmp_path, 0)[0].over
    assert (over.client_id, over.outcome) == ("test-O1-1", "canceled cum_qty=0")


async def test_an_engine_that_is_at_work_has_the_cancels_to_itself(
    tmp_path: Path, watching: watchdog.Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancel(_emergency: Emergency, _file: object) -> None:
        await asyncio.sleep(600)

    monkeypatch.setattr(watching, "_cancel", cancel)
    watching._start_run(emergency("test-O1-1"), None)  # of one that was killed,
    watching._start_run(emergency("test-O1-1"), None)  # and was handing over
    runs = set(watching._runs)
    assert len(runs) == 2
    _, writer = await asyncio.open_unix_connection(pulse_socket(tmp_path))
    writer.write(b"hello 1\nbeat\nbye\n")  # it is this process, which nobody is to miss
    await asyncio.wait(runs, timeout=60)
    assert [run.cancelled() for run in runs] == [True, True]
    writer.close()
