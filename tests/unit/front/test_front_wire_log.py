"""The front's wire log: what is recorded of a connection, and what happens when the disk does not take it."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.front import Front, FrontError, FrontSettings, WireLogSettings
from gateway.front.wire_log import Tap, WireLog
from gateway.front.wire_writer import WireWriter
from gateway.wire.records import Kind, Record
from tests.fixtures.wire_logs import bytes_of, read_log, sound, texts
from tests.unit.front.support import (
    ANSWER,
    LOGON,
    ORDER,
    WAIT,
    Engine,
    connect,
    exactly,
    is_closed,
    log_on,
    logon,
    running,
    until,
    with_backend,
)

PASSWORD = b"s3cret-password"
SESSION = "FIX.4.4:FIXGW->DESK"


@pytest.fixture
def wire(tmp_path: Path) -> WireLogSettings:
    return WireLogSettings(tmp_path / "wire", keep_free_bytes=0)


@pytest.fixture
def recorded(settings: FrontSettings, wire: WireLogSettings) -> FrontSettings:
    return recording(settings, wire)


def recording(settings: FrontSettings, wire: WireLogSettings) -> FrontSettings:
    return replace(with_backend(settings, wire_log=wire), wire_log=wire)


async def recorded_connection(front: Front, first: bytes) -> bytes:
    """What a client gets that sends this, until the end."""
    reader, writer = await connect(front)
    writer.write(first)
    try:
        return await asyncio.wait_for(reader.read(), WAIT)
    except ConnectionResetError:
        return b""


def of_connection(records: list[Record], number: int) -> list[Record]:
    return [record for record in records if record.connection == number]


async def test_a_connection_from_beginning_to_end(
    recorded: FrontSettings, engine: Engine, wire: WireLogSettings, log: list[str]
) -> None:
    async with running(recorded) as front:
        side = await log_on(front, engine)
        for piece in (ORDER[:10], ORDER[10:50], ORDER[50:] + ORDER + b"garbage" + ORDER[:30]):
            side.writer.write(piece)
            await asyncio.sleep(0.01)
        assert await exactly(side.engine_reader, ORDER + ORDER)
        side.engine_writer.write(ANSWER[:-5])
        side.engine_writer.write(ANSWER[-5:] + ANSWER)
        assert await exactly(side.reader, ANSWER * 2)
        side.writer.close()
        assert await is_closed(side.engine_reader)
        side.engine_writer.close()
        await until(lambda: any("closed: the engine closed the connection" in line for line in log))
        port = side.writer.get_extra_info("sockname")[1]
    records = sound(wire.directory)
    assert [record.number for record in records] == list(range(1, len(records) + 1))
    assert [record.kind for record in (records[0], records[-1])] == [Kind.STARTED, Kind.STOPPED]
    mine = of_connection(records, 1)
    assert {record.peer for record in mine} == {f"127.0.0.1:{port}"}
    assert (mine[0].kind, mine[-1].kind) == (Kind.OPENED, Kind.CLOSED)
    assert "the engine closed the connection" in mine[-1].text
    received = bytes_of(records, Kind.IN, 1)
    assert received == LOGON.replace(PASSWORD, b"*" * len(PASSWORD)) + ORDER + ORDER + b"garbage" + ORDER[:30]
    assert bytes_of(records, Kind.OUT, 1) == ANSWER * 3
    let_in = next(index for index, record in enumerate(mine) if record.kind == Kind.LOGON)
    assert {record.session for record in mine[let_in:]} == {SESSION}
    masked = [record for record in mine if record.is_masked]
    assert [b"554=" + b"*" * len(PASSWORD) + b"\x01" in record.data for record in masked] == [True]
    fragments = b"".join(record.data for record in mine if record.is_fragment)
    assert fragments == b"garbage" + ORDER[:30]
    assert all(earlier.at <= later.at for earlier, later in pairwise(records))


async def test_what_is_refused_is_recorded_and_its_password_is_not(
    recorded: FrontSettings, engine: Engine, wire: WireLogSettings
) -> None:
    bad_length = LOGON.replace(b"\x019=", b"\x019=1", 1)
    attempts = {
        logon("NOBODY"): "no session has",
        LOGON[:-4] + b"999\x01": "CheckSum(10)",
        bad_length: "no complete Logon within 1 s",
        LOGON[: LOGON.index(PASSWORD) + 9]: "no complete Logon within 1 s",
        b"GET / HTTP/1.1\r\nPassword: s3cret-password\r\n": "does not start with BeginString",
        LOGON.replace(b"\x01", b"|"): "malformed",
        b"554=s3cret-password\x01": "does not start with BeginString",
    }
    async with running(replace(recorded, logon_deadline_seconds=1.0)) as front:
        holder = await log_on(front, engine)
        in_use = await recorded_connection(front, LOGON)
        assert b"in use" in in_use
        for attempt in attempts:
            await recorded_connection(front, attempt)
        holder.writer.close()  # not before: streams that nobody keeps are closed
    records = sound(wire.directory)
    assert bytes_of(records, Kind.OUT, 2) == in_use
    assert "the session is in use" in of_connection(records, 2)[-1].text
    for number, (attempt, reason) in enumerate(attempts.items(), 3):
        mine = of_connection(records, number)
        assert len(bytes_of(records, Kind.IN, number)) == len(attempt)
        assert reason in mine[-1].text
        assert mine[-1].kind == (Kind.CLOSED if "within" in reason else Kind.REFUSED)
        assert not any(record.session for record in mine)
    for path in wire.directory.iterdir():
        assert b"s3cret" not in path.read_bytes()


async def test_a_client_that_may_not_connect_is_in_the_log(
    recorded: FrontSettings, engine: Engine, wire: WireLogSettings
) -> None:
    async with running(replace(recorded, max_connections=1)) as front:
        holder = await log_on(front, engine)
        assert await recorded_connection(front, LOGON) == b""
        holder.writer.close()  # not before: streams that nobody keeps are closed
    assert texts(sound(wire.directory), Kind.REFUSED) == ["1 connections are open"]


async def test_segments_follow_one_another_and_the_next_front_goes_on(
    recorded: FrontSettings, engine: Engine, wire: WireLogSettings
) -> None:
    small = recording(recorded, replace(wire, segment_bytes=5_000))
    for _ in range(2):
        async with running(small) as front:
            side = await log_on(front, engine)
            for _ in range(50):
                side.writer.write(ORDER)
                await asyncio.sleep(0.001)
            assert await exactly(side.engine_reader, ORDER * 50)
            side.writer.close()
            side.engine_writer.close()
    records = sound(wire.directory)
    assert [record.number for record in records] == list(range(1, len(records) + 1))
    assert len(texts(records, Kind.STARTED)) == 2
    sizes = [path.stat().st_size for path in wire.directory.glob("*.log")]
    assert len(sizes) >= 4
    assert max(sizes) <= 5_000
    assert bytes_of(records, Kind.IN, 1).count(ORDER) == 100


def test_a_day_has_segments_of_its_own(wire: WireLogSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    day = 86_400 * 10**9
    now = 20_000 * day - 2
    monkeypatch.setattr("gateway.front.wire_log.time.time_ns", lambda: now)
    log = WireLog(wire)
    writer = WireWriter(log)
    tap = Tap(log, 1, "peer", 1 << 20)
    for _ in range(4):
        tap.received(ORDER, now)
        now += 1
    writer.start()
    writer.close()
    assert [path.name for path in sorted(wire.directory.glob("*.log"))] == [
        "wire-00000001-20241003.log",
        "wire-00000002-20241004.log",
    ]
    records = sound(wire.directory)
    assert [r.at for r in records if r.kind == Kind.IN] == [20_000 * day + n for n in (-2, -1, 0, 1)]


# --- a disk that does not keep up, or is full


class Blocked:
    """A stand-in for the disk: writes wait, fail, or go through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on, self.error, self.tried = threading.Event(), False, threading.Event()
        self.go_on.set()
        write = os.write

        def blocked(file: int, data: bytes) -> int:
            self.tried.set()
            assert self.go_on.wait(WAIT)
            if self.error:
                raise OSError(28, "No space left on device")
            return write(file, bytes(data[:100]))  # a disk may take less than it is given

        monkeypatch.setattr("gateway.front.wire_writer.os.write", blocked)
        monkeypatch.setattr("gateway.front.wire_writer._RETRY_S", 0.01)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Blocked]:
    made = Blocked(monkeypatch)
    yield made
    made.error = False
    made.go_on.set()


async def test_a_slow_disk_loses_records_that_are_counted(
    wire: WireLogSettings, disk: Blocked, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = WireLog(replace(wire, max_queued_bytes=20_000))
    writer = WireWriter(made)
    tap = Tap(made, 1, "peer", 1 << 20)
    disk.go_on.clear()
    writer.start()
    assert await asyncio.to_thread(disk.tried.wait, WAIT)
    half = LOGON[: LOGON.index(PASSWORD) + len(PASSWORD) - 4]
    kept = 0
    while made._loss is None:
        tap.received(ORDER, time.time_ns())
        kept += 1
    kept -= 1  # the last was dropped
    for _ in range(9):
        tap.received(ORDER, time.time_ns())
    tap.received(half, time.time_ns())
    assert len([line for line in log if "records are dropped" in line]) == 1
    refuses_at_once = made.refuses_logons  # then a flood would keep others out
    monkeypatch.setattr("gateway.front.wire_log._PATIENCE_NS", 0)
    assert (refuses_at_once, made.refuses_logons) == (False, True)
    disk.go_on.set()
    await until(lambda: made._loss is None and made._written_bytes == made._put_bytes)  # else the next were lost, too
    assert not made.refuses_logons
    tap.received(LOGON[len(half) :] + ORDER, time.time_ns())
    await asyncio.to_thread(writer.close)
    records = sound(wire.directory)
    (lost,) = [json.loads(text) for text in texts(records, Kind.LOST)]
    assert (lost["records"], lost["bytes"]) == (11, 10 * len(ORDER) + len(half))
    assert lost["from"] <= lost["to"]
    received = bytes_of(records, Kind.IN, 1)
    assert len(received) == (kept + 1) * len(ORDER) + len(LOGON) - len(half)
    assert PASSWORD[-4:] not in received  # its beginning was lost
    assert received.endswith(ORDER)
    assert any("11 records" in line and "were lost" in line for line in log)


@pytest.mark.parametrize("policy", ["refuse_logons", "continue"])
async def test_a_full_disk(recorded: FrontSettings, engine: Engine, disk: Blocked, log: list[str], policy: str) -> None:
    assert recorded.wire_log is not None
    directory = recorded.wire_log.directory
    settings = recording(recorded, replace(recorded.wire_log, on_full=policy))  # type: ignore[arg-type]  # one of the two
    async with running(settings) as front:
        side = await log_on(front, engine)
        await until(lambda: bool(list(directory.glob("*.log"))))
        disk.error = True
        side.writer.write(ORDER)
        assert await exactly(side.engine_reader, ORDER)
        await until(lambda: any("wire log cannot be written" in line for line in log))
        if policy == "continue":
            await log_on(front, engine, "DESK01")
        else:
            answer = await recorded_connection(front, logon("DESK01"))
            assert b"58=the gateway cannot record, try again later" in answer
        side.writer.write(ORDER)  # who is in goes on
        assert await exactly(side.engine_reader, ORDER)
        disk.error = False
        await until(lambda: any("wire log is written again" in line for line in log))
        await log_on(front, engine, "DESK02")
    assert len([line for line in log if "wire log cannot be written, " in line]) == 1
    records = sound(directory)
    assert bytes_of(records, Kind.IN, 1).count(ORDER) == 2
    assert texts(records, Kind.LOST) == []


async def test_room_is_left_to_others(
    recorded: FrontSettings, engine: Engine, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That there is none is noticed also while nothing is written."""
    assert recorded.wire_log is not None
    monkeypatch.setattr("gateway.front.wire_writer._LOOK_S", 0.01)
    monkeypatch.setattr("gateway.front.wire_writer._RETRY_S", 0.01)
    monkeypatch.setattr("gateway.front.wire_writer._ROOM_S", 0)
    statvfs, others_have_taken = os.statvfs, 0

    def fuller(path: Path) -> SimpleNamespace:
        found = statvfs(path)
        return SimpleNamespace(f_frsize=1, f_bavail=found.f_bavail * found.f_frsize - others_have_taken)

    monkeypatch.setattr("gateway.front.wire_writer.os.statvfs", fuller)
    settings = recording(recorded, replace(recorded.wire_log, keep_free_bytes=1 << 20))
    async with running(settings) as front:
        await until(lambda: bool(sound(recorded.wire_log.directory)))  # type: ignore[union-attr]  # there is one
        others_have_taken = 1 << 60
        await until(lambda: any("fewer than 1 MB are free" in line for line in log))
        assert b"cannot record" in await recorded_connection(front, LOGON)
        others_have_taken = 0
        await until(lambda: any("wire log is written again" in line for line in log))
        side = await log_on(front, engine)
        others_have_taken = 1 << 60
        monkeypatch.setattr("gateway.front.wire_writer._GIVE_UP_S", 0.05)
        side.writer.write(ORDER)
        assert await exactly(side.engine_reader, ORDER)
    await until(lambda: any("bytes could not be written" in line for line in log))


async def test_a_torn_end_is_gone_on_from(
    recorded: FrontSettings, engine: Engine, wire: WireLogSettings, log: list[str]
) -> None:
    for cut in (0, 10):
        async with running(recorded) as front:
            await log_on(front, engine)
        last = max(wire.directory.glob("*.log"))
        last.write_bytes(last.read_bytes()[: -cut or None])
    (wire.directory / "wire-00000003-20260101.log").write_bytes(b"FIX")  # killed before it was written
    async with running(recorded):
        pass
    records, problems = read_log(wire.directory)
    assert [record.number for record in records] == list(range(1, len(records) + 1))
    assert ["incomplete" in problem for problem in problems] == [True, True]
    assert any("a new segment goes on from there" in line for line in log)


async def test_two_fronts_do_not_write_one_log(recorded: FrontSettings, tmp_path: Path) -> None:
    async with running(recorded):
        with pytest.raises(FrontError, match="another front writes its wire log there"):
            await Front(recorded).start()
    (tmp_path / "file").write_text("")
    nowhere = recording(recorded, WireLogSettings(tmp_path / "file" / "wire"))
    with pytest.raises(FrontError, match=r"wire_log\.directory"):
        await Front(nowhere).start()
