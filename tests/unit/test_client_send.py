"""fixgw send as its users run it: a process of its own, against an acceptor that plays a gateway."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.client import FixMessage
from gateway.client.message import Fields, encode
from gateway.wire.framing import parse_stream
from tests.fixtures.certificates import Authority

WAIT = 30  # seconds until a test gives up


@dataclass
class StandIn:
    """Answers orders by their symbol; keeps numbers over connections, as a gateway does."""

    port: int = 0
    next_out: int = 1
    received: list[FixMessage] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        while chunk := await reader.read(65536):
            messages, data = parse_stream(data + chunk)
            for message in map(FixMessage, messages):
                self.received.append(message)
                for msg_type, fields in self.answers(message):
                    if (55, "THIN") in fields and (39, "2") in fields:
                        await asyncio.sleep(1)  # a market order that waits for its counterpart
                    header: Fields = [(49, "FIXGW"), (56, "DESK"), (34, self.next_out), (52, "20260105-10:00:00.000")]
                    writer.write(encode(message[8], msg_type, header, fields))
                    self.next_out += 1
        writer.close()

    def answers(self, message: FixMessage) -> list[tuple[str, list[tuple[int, Any]]]]:
        if message.type == "A":
            if message.get(141) == "Y":
                self.next_out = 1
            return [("A", [(98, 0), (108, 30), *([(141, "Y")] if 141 in message else [])])]
        if message.type == "5":
            return [("5", [])]
        echo = [(11, message.get(11)), (37, "O1"), (55, message.get(55)), (54, message.get(54))]
        if message.type == "D":
            return self.order_answers(message[55], message.get(40), echo)
        if message.type == "F" and message[55] == "LATE":
            return [("9", [*echo, (41, message[41]), (39, "2"), (434, "1"), (102, "0")])]
        if message.type == "F":
            request = [*echo, (41, message[41])]
            return [("8", [*request, (150, "6"), (39, "6")]), ("8", [*request, (150, "4"), (39, "4")])]
        if message.type == "G":
            request = [*echo, (41, message[41])]
            return [("8", [*request, (150, "E"), (39, "E")]), ("8", [*request, (150, "5"), (39, "0")])]
        if message.type == "H":  # before the answer comes what has waited; the order goes by another id by now
            waited = [[*echo, (790, "earlier"), (150, "I"), (39, "0")], [*echo, (150, "F"), (39, "1"), (14, "0.2")]]
            status = [(11, "c3"), *echo[1:], (790, message[790]), (150, "I"), (39, "2"), (14, "0.5")]
            return [("8", report) for report in (*waited, status)]
        return []

    @staticmethod
    def order_answers(symbol: str, ord_type: str | None, echo: list[Any]) -> list[tuple[str, list[Any]]]:
        if symbol == "REFUSED":
            return [("8", [*echo, (150, "8"), (39, "8"), (103, "1"), (58, "unknown symbol")])]
        if symbol == "SILENT":
            return []
        reports = [("8", [*echo, (150, "A"), (39, "A")]), ("8", [*echo, (150, "0"), (39, "0")])]
        if ord_type == "1":
            reports.append(("8", [*echo, (150, "F"), (39, "2"), (32, "0.5"), (31, "60000"), (14, "0.5")]))
        return reports


@pytest.fixture
async def gateway() -> AsyncIterator[StandIn]:
    stand_in = StandIn()
    server = await asyncio.start_server(stand_in.serve, "127.0.0.1", 0)
    stand_in.port = server.sockets[0].getsockname()[1]
    yield stand_in
    server.close()


@pytest.fixture
def environment(gateway: StandIn, tmp_path: Path) -> dict[str, str]:
    return os.environ | {"FIXGW_PORT": str(gateway.port), "XDG_STATE_HOME": str(tmp_path), "TERM": "dumb"}


async def start(environment: dict[str, str], *arguments: str) -> asyncio.subprocess.Process:
    command = [sys.executable, "-c", "from gateway.cli.main import app; app()", "send", *arguments]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=environment)


async def run(environment: dict[str, str], *arguments: str) -> tuple[int | None, str]:
    process = await start(environment, *arguments)
    output, errors = await asyncio.wait_for(process.communicate(), WAIT)
    return process.returncode, output.decode() + errors.decode()


async def test_an_order_rests_and_a_later_call_cancels_it(
    gateway: StandIn, environment: dict[str, str], tmp_path: Path
) -> None:
    limit = ["buy", "0.5", "BTCUSDT", "--limit", "60000", "--tif", "GTC", "--account", "A1", "--id", "c1"]
    code, output = await run(environment, *limit)
    assert code == 0
    assert "──▶ NewOrderSingle" in output
    assert "OrderQty=0.5" in output
    assert "◀── ExecutionReport" in output
    assert " ms" in output
    assert "done: c1, order is" in output
    (order,) = [message for message in gateway.received if message.type == "D"]
    assert [order.get(tag) for tag in (11, 38, 40, 44, 59, 1)] == ["c1", "0.5", "2", "60000", "1", "A1"]

    code, output = await run(environment, "cancel", "c1")
    assert code == 0
    cancel = gateway.received[-2]
    assert [cancel.get(tag) for tag in (35, 34, 41, 55, 54)] == ["F", "5", "c1", "BTCUSDT", "1"]
    assert (tmp_path / "fixgw" / f"FIX.4.4-DESK-FIXGW-127.0.0.1-{gateway.port}.json").exists()


async def test_a_rejected_order_exits_with_1(gateway: StandIn, environment: dict[str, str]) -> None:
    code, output = await run(environment, "sell", "1", "REFUSED", "--market")
    assert code == 1
    assert "unknown symbol" in output


async def test_a_refused_cancel_exits_with_1(gateway: StandIn, environment: dict[str, str]) -> None:
    code, output = await run(environment, "cancel", "c9", "--symbol", "LATE", "--side", "sell")
    assert code == 1
    assert "OrderCancelReject" in output


async def test_a_market_order_waits_for_its_fill(gateway: StandIn, environment: dict[str, str]) -> None:
    code, output = await run(environment, "sell", "0.5", "BTCUSDT", "--market", "--json")
    assert code == 0
    lines = [json.loads(line) for line in output.splitlines()]
    names = [line.get("message") for line in lines]
    assert names == ["NewOrderSingle", "ExecutionReport", "ExecutionReport", "ExecutionReport", None]
    assert lines[-1]["result"] == "done"
    assert lines[3]["fields"]["LastPx"] == "60000"
    assert lines[3]["elapsed_us"] >= 0


async def test_a_market_order_does_not_rest(gateway: StandIn, environment: dict[str, str]) -> None:
    code, output = await run(environment, "sell", "0.5", "THIN", "--market")
    assert code == 0
    assert "order is Filled" in output


async def test_replace_and_status(gateway: StandIn, environment: dict[str, str]) -> None:
    await run(environment, "buy", "0.5", "BTCUSDT", "--stop-limit", "61000", "61100", "--id", "c1")
    code, _ = await run(environment, "replace", "c1", "--limit", "61200")
    assert code == 0
    (request,) = [message for message in gateway.received if message.type == "G"]
    assert [request.get(tag) for tag in (41, 38, 40, 44, 99)] == ["c1", "0.5", "4", "61200", "61000"]
    code, output = await run(environment, "status", request[11])
    assert code == 0
    assert "CumQty=0.2" in output
    assert f"done: {request[11]}, order is Filled" in output


async def test_no_answer_exits_with_3_and_says_how_to_ask(gateway: StandIn, environment: dict[str, str]) -> None:
    code, output = await run(environment, "buy", "1", "SILENT", "--market", "--id", "c1", "--timeout", "2")
    assert code == 3
    assert "fixgw send status c1" in output


async def test_an_unknown_order_needs_its_terms(gateway: StandIn, environment: dict[str, str]) -> None:
    code, output = await run(environment, "cancel", "c1")
    assert code == 2
    assert "give its symbol and side too\nSuch as: --symbol BTCUSDT --side buy" in output


async def test_where_nobody_listens_it_says_what_to_look_at(gateway: StandIn, environment: dict[str, str]) -> None:
    code, output = await run(environment, "buy", "1", "BTCUSDT", "--market", "--port", "1")
    assert code == 2
    assert "cannot connect to 127.0.0.1 port 1: Connection refused\nIs the gateway running" in output


async def test_what_is_wrong_with_tls_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"this is no TLS\r\n")
        writer.close()

    ca = Authority(tmp_path).path
    server = await asyncio.start_server(speak_plainly, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    code, output = await run(environment, "watch", "--port", port, "--tls-ca", str(ca))
    server.close()
    assert code == 2
    assert "wrong version number" in output.lower().replace("_", " ")
    assert "does it speak TLS there at all?" in output
    code, output = await run(environment, "watch", "--tls-ca", "none.pem")
    assert code == 2
    assert "none.pem" in output


async def test_lost_numbers_are_explained_and_reset_helps(gateway: StandIn, environment: dict[str, str]) -> None:
    await run(environment, "buy", "1", "BTCUSDT", "--market")
    gateway.next_out = 1  # the gateway's database was thrown away
    code, output = await run(environment, "buy", "1", "BTCUSDT", "--market")
    assert code == 2
    assert "MsgSeqNum too low" in output
    assert "--reset" in output
    code, _ = await run(environment, "buy", "1", "BTCUSDT", "--market", "--reset")
    assert code == 0


async def test_watch_ends_with_a_logout_on_ctrl_c(gateway: StandIn, environment: dict[str, str]) -> None:
    process = await start(environment, "watch")
    assert process.stdout is not None
    async with asyncio.timeout(WAIT):
        assert b"logged on" in await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert gateway.received[-1].type == "5"


async def test_fix_42(gateway: StandIn, environment: dict[str, str]) -> None:
    code, _ = await run(environment, "--version", "FIX.4.2", "buy", "1", "BTCUSDT", "--limit", "1", "--post-only")
    assert code == 0
    order = gateway.received[1]
    assert [order.get(tag) for tag in (8, 21, 18)] == ["FIX.4.2", "1", "6"]


@pytest.mark.parametrize("price", [[], ["--market", "--limit", "1"]])
async def test_an_order_needs_one_kind_of_price(environment: dict[str, str], price: list[str]) -> None:
    code, output = await run(environment, "buy", "1", "BTCUSDT", *price)
    assert code == 2
    assert "either --market or a price" in output
