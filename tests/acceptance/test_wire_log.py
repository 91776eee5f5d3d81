"""A front process and its wire log: killed, out of room, and read with `fixgw wire`."""

import asyncio
import json
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.wire.framing import framed
from gateway.wire.records import Kind
from tests.fixtures.echo_engine import EchoEngine
from tests.fixtures.processes import ROOT, wait_until
from tests.fixtures.wire_logs import bytes_of, read_log, sound, texts

CONFIG = """
environment = "sim"
deployment = "test"
venue_accounts = [{{ name = "main" }}]
accounts = [{{ name = "A", venue_account = "main" }}]
sessions = [{{ target_comp_id = "DESK", accounts = ["A"] }}, {{ target_comp_id = "OTHER", accounts = ["A"] }}]
engine.directory = "{directory}"
front.port = 0
wire_log.keep_free_mb = 0
"""
PASSWORD = b"Xq7-s3cret-9Zk"


def message(msg_type: str, sender: str, target: str, number: int, body: bytes) -> bytes:
    header = f"35={msg_type}\x0149={sender}\x0156={target}\x0134={number}\x0152=20260131-17:20:00\x01"
    return framed(b"FIX.4.4", header.encode() + body)


def logon(sender: str) -> bytes:
    return message("A", sender, "FIXGW", 1, b"98=0\x01108=30\x01553=ann\x01554=" + PASSWORD + b"\x01")


ANSWER = message("A", "FIXGW", "DESK", 1, b"98=0\x01108=30\x01")
ORDER = message("D", "DESK", "FIXGW", 2, b"11=one\x0155=BTCUSDT\x0154=1\x0138=0.5\x0140=1\x01")


class FrontProcess:
    """`fixgw front` before the echo."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.wire, self.config = directory, directory / "wire", directory / "gateway.toml"
        self._log_file = directory / "front.log"
        self.config.write_text(CONFIG.format(directory=directory))

    async def start(self) -> None:
        ready = self.directory / "front.json"
        ready.unlink(missing_ok=True)
        with self._log_file.open("ab") as log:
            command = [sys.executable, "-m", "gateway", "front", "--config", str(self.config)]
            self.process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes no time
                [*command, "--ready-file", str(ready)], stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)}
            )
        await asyncio.to_thread(wait_until, ready.exists, f"front ready\n{self.log()}")
        self.port = json.loads(ready.read_text())["port"]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)

    def log(self) -> str:
        return self._log_file.read_text() if self._log_file.exists() else ""

    async def log_on(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(logon("DESK"))
        assert await reader.readexactly(len(ANSWER)) == ANSWER
        return reader, writer

    def written(self) -> int:
        """Bytes in the segments."""
        return sum(path.stat().st_size for path in self.wire.glob("*.log"))

    async def fixgw_wire(self, *arguments: str) -> tuple[int, list[str], str]:
        process = await self.start_wire(*arguments)
        out, err = await asyncio.wait_for(process.communicate(), 30)
        return process.returncode or 0, out.decode().splitlines(), err.decode()

    async def start_wire(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "wire", "--config", str(self.config), *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        )


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[FrontProcess]:
    server = await asyncio.get_running_loop().create_unix_server(
        lambda: EchoEngine(ANSWER), str(tmp_path / "engine.sock")
    )
    made = FrontProcess(tmp_path)
    await made.start()
    yield made
    made.end()
    server.close()


async def trade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int, data: bytes = ORDER) -> None:
    for _ in range(count):
        writer.write(data)
        assert await asyncio.wait_for(reader.readexactly(len(data)), 20) == data


async def test_what_was_written_outlives_a_kill(front: FrontProcess) -> None:
    reader, writer = await front.log_on()
    await trade(reader, writer, 50)
    await asyncio.to_thread(wait_until, lambda: bytes_of(read_log(front.wire)[0], Kind.OUT, 1).count(ORDER) == 50, "50")
    storm = asyncio.create_task(trade(reader, writer, 100_000, ORDER * 5))
    before = front.written()
    await asyncio.to_thread(wait_until, lambda: front.written() > before + 200_000, "more is written")
    front.process.kill()
    front.process.wait()
    await asyncio.gather(storm, return_exceptions=True)
    writer.close()
    records, _ = read_log(front.wire)  # the last may be torn
    received = bytes_of(records, Kind.IN, 1)
    assert received.count(ORDER) > 50
    await front.start()
    reader, writer = await front.log_on()
    await trade(reader, writer, 1)
    writer.close()
    front.end()
    after, problems = read_log(front.wire)
    assert [record.number for record in after] == list(range(1, len(after) + 1))
    assert after[: len(records)] == records
    assert all("incomplete record" in problem for problem in problems)
    assert len(texts(after, Kind.STARTED)) == 2
    assert len(texts(after, Kind.STOPPED)) == 1
    assert PASSWORD not in b"".join(path.read_bytes() for path in front.directory.rglob("*") if path.is_file())


async def test_a_full_file_system_refuses_logons_until_there_is_room(front: FrontProcess) -> None:
    reader, writer = await front.log_on()
    await trade(reader, writer, 200)
    await asyncio.to_thread(wait_until, lambda: front.written() > 50_000, "something is written")
    _, most = resource.prlimit(front.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(front.process.pid, resource.RLIMIT_FSIZE, (front.written() + 20_000, most))
    await trade(reader, writer, 200)
    await asyncio.to_thread(wait_until, lambda: "wire log cannot be written, new Logons are refused" in front.log(), "")
    other_reader, other_writer = await asyncio.open_connection("127.0.0.1", front.port)
    other_writer.write(logon("OTHER"))
    assert b"58=the gateway cannot record, try again later" in await asyncio.wait_for(other_reader.read(), 20)
    other_writer.close()
    await trade(reader, writer, 100)
    resource.prlimit(front.process.pid, resource.RLIMIT_FSIZE, (most, most))
    await asyncio.to_thread(wait_until, lambda: "wire log is written again" in front.log(), "room")
    other_reader, other_writer = await asyncio.open_connection("127.0.0.1", front.port)
    other_writer.write(logon("OTHER"))
    assert await other_reader.readexactly(len(ANSWER)) == ANSWER
    for end in (writer, other_writer):
        end.close()
    front.end()
    records = sound(front.wire)  # nothing is missing, and nothing torn
    assert bytes_of(records, Kind.IN, 1).count(ORDER) == 500
    assert "the wire log cannot be written" in texts(records, Kind.REFUSED)
    assert front.process.returncode == 0


async def test_fixgw_wire_tells_what_passed(front: FrontProcess) -> None:
    following = await front.start_wire("--follow", "--session", "DESK")
    assert following.stdout is not None
    reader, writer = await front.log_on()
    await trade(reader, writer, 1)
    refused_reader, refused_writer = await asyncio.open_connection("127.0.0.1", front.port)
    refused_writer.write(logon("STRANGER"))
    assert await asyncio.wait_for(refused_reader.read(), 20) == b""
    refused_writer.close()
    followed: list[str] = []
    while not (followed and " out " in followed[-1] and "NewOrderSingle" in followed[-1]):
        followed.append((await asyncio.wait_for(following.stdout.readline(), 30)).decode())
    following.send_signal(2)
    await following.communicate()
    assert following.returncode == 0
    assert [line.split()[5] for line in followed] == ["opened", "in", "logon", "out", "in", "out"]
    assert f"127.0.0.1:{writer.get_extra_info('sockname')[1]}" in followed[0]
    assert f"Username=ann Password={'*' * len(PASSWORD)}" in followed[1]
    assert "2 NewOrderSingle SendingTime=20260131-17:20:00 ClOrdID=one Symbol=BTCUSDT Side=Buy(1)" in followed[4]
    writer.close()
    front.end()

    code, lines, errors = await front.fixgw_wire()
    assert (code, errors) == (0, "")
    assert "front started" in lines[0]
    assert "front stopped" in lines[-1]
    (refusal,) = [line for line in lines if " refused " in line]
    assert "no session has BeginString(8)=FIX.4.4 SenderCompID(49)=STRANGER" in refusal

    code, lines, _ = await front.fixgw_wire("--json", "--session", "FIX.4.4:FIXGW->STRANGER")
    told = [json.loads(line) for line in lines]
    assert [entry["kind"] for entry in told] == ["opened", "in", "refused"]
    assert told[1]["is_masked"]
    assert {"tag": 49, "name": "SenderCompID", "value": "STRANGER", "meaning": ""} in told[1]["fields"]

    code, lines, errors = await front.fixgw_wire("--follow", "--session", "NOPE")
    assert (code, lines) == (2, [])
    assert errors.startswith("no session 'NOPE'; there are: FIX.4.4:FIXGW->DESK, ")
    code, lines, errors = await front.fixgw_wire("--session", "DESK", "--to", "2026-01-31T09:30")
    assert (code, lines) == (0, [])
    assert errors == "nothing of session FIX.4.4:FIXGW->DESK is in the wire log of that time\n"

    moment = told[1]["at"][:-4]  # microseconds
    code, before, _ = await front.fixgw_wire("--json", "--to", moment)
    _, since, _ = await front.fixgw_wire("--json", "--from", moment)
    _, everything, _ = await front.fixgw_wire("--json")
    assert before + since == everything
    assert len(before) > 3 < len(since)


async def test_fixgw_wire_goes_on_after_damage(front: FrontProcess) -> None:
    reader, writer = await front.log_on()
    await trade(reader, writer, 3)
    writer.close()
    front.end()
    segment = next(path for path in front.wire.glob("*.log") if b"11=one" in path.read_bytes())  # a day has its own
    data = segment.read_bytes()
    place = data.index(b"11=one")
    segment.write_bytes(data[:place] + b"11=two" + data[place + 6 :])
    number = next(record.number for record in read_log(front.wire)[0] if b"11=two" in record.data)
    code, lines, errors = await front.fixgw_wire()
    assert code == 1
    assert f"record {number} was changed" in errors
    assert errors.count("\n") == 1
    assert len([line for line in lines if "NewOrderSingle" in line]) == 6
    code, _, errors = await front.fixgw_wire("--directory", str(front.directory / "nowhere"))
    assert code == 2
    assert "no wire log can be read" in errors


async def test_a_reader_that_has_had_enough_is_no_fault_of_the_log(front: FrontProcess) -> None:
    process = await front.start_wire()
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout._transport.close()  # type: ignore[attr-defined]  # asyncio has no public way; it starts up meanwhile
    assert await asyncio.wait_for(process.stderr.read(), 30) == b""
