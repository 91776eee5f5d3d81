"""Limits, log lines, addresses, start and stop of the front."""

import asyncio
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import simplefix

from gateway.front import Front, FrontError, FrontSettings, run_front
from tests.unit.front.support import (
    FORWARDED,
    LOGON,
    WAIT,
    Engine,
    connect,
    exactly,
    is_closed,
    log_on,
    running,
    until,
)

CONFIG = """
environment = "sim"
deployment = "test"
front.port = 0
engine.directory = "{directory}"
venue_accounts = [{{ name = "main" }}]
accounts = [{{ name = "A", venue_account = "main" }}]
sessions = [{{ target_comp_id = "DESK", accounts = ["A"] }}]
"""


async def test_the_log_names_connection_peer_and_sender_and_no_password(
    settings: FrontSettings, engine: Engine, log: list[str]
) -> None:
    async with running(settings) as front:
        session = await log_on(front, engine)
        host, port = session.writer.get_extra_info("sockname")
        expected = f"Logon forwarded connection=1 peer={host}:{port} sender_comp_id=DESK\n"
        assert any(expected in line for line in log)
        assert "s3cret" not in "".join(log)


async def test_a_sender_comp_id_cannot_forge_log_lines(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    message = simplefix.FixMessage()
    for tag, value in [(8, "FIX.4.4"), (35, "A"), (49, "X\n2026 ERROR " + "y" * 500)]:
        message.append_pair(tag, value)
    async with running(settings) as front:
        _reader, writer = await connect(front)
        writer.write(bytes(message.encode()))
        await until(lambda: any("closed" in line for line in log))
        (line,) = [line for line in log if "closed" in line]
        assert "sender_comp_id=X?2026?ERROR?yyy" in line
        assert len(line) < 400


async def test_ipv6(settings: FrontSettings, engine: Engine, log: list[str]) -> None:
    async with running(replace(settings, host="::1")) as front:
        _reader, writer = await asyncio.open_connection("::1", front.port)
        writer.write(LOGON)
        engine_reader, _engine_writer = await engine.connection()
        assert await exactly(engine_reader, FORWARDED)
        assert any("peer=[::1]:" in line for line in log)


async def test_all_addresses(settings: FrontSettings, engine: Engine) -> None:
    async with running(replace(settings, host="")) as front:
        for host in ("127.0.0.1", "::1"):
            _reader, writer = await asyncio.open_connection(host, front.port)
            writer.write(LOGON)
            engine_reader, engine_writer = await engine.connection()
            assert await exactly(engine_reader, FORWARDED)
            engine_writer.transport.abort()


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
        await run_front(settings, tmp_path / "missing" / "ready.json")


def test_the_command_announces_its_port_and_stops_on_sigterm(tmp_path: Path) -> None:
    ready, config = tmp_path / "ready.json", tmp_path / "gateway.toml"
    config.write_text(CONFIG.format(directory=tmp_path))
    command = [sys.executable, "-c", "from gateway.cli.main import app; app()", "front", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["port"] > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=WAIT) == 0

    with subprocess.Popen([*command, "--ready-file", str(ready)]) as process:
        asyncio.run(until(ready.exists))
        assert json.loads(ready.read_text())["port"] > 0
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=WAIT) == 0
