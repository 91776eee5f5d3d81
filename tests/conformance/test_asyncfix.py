"""asyncfix, a FIX engine that shares no code with QuickFIX, connects, trades and recovers what was missed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from asyncfix.connection import ConnectionState
from asyncfix.connection_client import AsyncFIXClient
from asyncfix.journaler import Journaler
from asyncfix.message import FIXMessage
from asyncfix.protocol.protocol_fix44 import FIXProtocol44

from gateway.fix.encode import utc_timestamp
from tests.fixtures.processes import Exchange, Gateway

WAIT_S = 30.0
AT = utc_timestamp(1_785_000_000_000_000_000)


class Desk(AsyncFIXClient):  # type: ignore[misc]  # no type information is published for it
    """Keeps what it receives."""

    def __init__(self, port: int, journal: Journaler) -> None:
        super().__init__(FIXProtocol44(), "DESK", "FIXGW", journal, "127.0.0.1", port, heartbeat_period=30)
        self.came: list[FIXMessage] = []
        self._news = asyncio.Event()

    async def on_connect(self) -> None:
        """Log on."""
        await self.send_msg(FIXMessage("A", {98: "0", 108: "30"}))

    async def on_message(self, msg: FIXMessage) -> None:
        """An application message."""
        self.came.append(msg)
        self._news.set()

    async def on_state_change(self, _: ConnectionState) -> None:
        """Logged on, or a gap was found, or filled."""
        self._news.set()

    async def until(self, holds: Callable[[], Any]) -> Any:
        """What it returns once that is true."""
        async with asyncio.timeout(WAIT_S):
            while not (found := holds()):
                self._news.clear()
                await self._news.wait()
        return found

    async def active(self) -> None:
        """Logged on, with no gap."""
        await self.until(lambda: self.connection_state == ConnectionState.ACTIVE)

    async def report(self, cl_ord_id: str, exec_type: str) -> FIXMessage:
        """The ExecutionReport(8) of this order with this ExecType(150)."""
        return await self.until(
            lambda: next((m for m in self.came if (m.get(11, ""), m.get(150, "")) == (cl_ord_id, exec_type)), None)
        )

    async def order(self, cl_ord_id: str) -> None:
        """A bid that rests."""
        terms = {11: cl_ord_id, 55: "LTCUSDT", 54: "1", 60: AT, 38: "1", 40: "2", 44: "50", 59: "1"}
        await self.send_msg(FIXMessage("D", terms))

    async def leave(self) -> None:
        """Log out, and end its tasks."""
        await self.disconnect(ConnectionState.DISCONNECTED_WCONN_TODAY, logout_message="")
        for task in (self._aio_task_socket_read, self._aio_task_heartbeat):
            task.cancel()


class Nowhere:
    """A connection that loses what is written."""

    def write(self, _: bytes) -> None:
        """Lose it."""

    async def drain(self) -> None:
        """As if it had been taken."""


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    exchange = Exchange(tmp_path).start()
    gateway = Gateway(tmp_path, exchange.url, sessions={"DESK": ("FIX.4.4", "")})
    try:
        yield gateway.start().port
    finally:
        gateway.stop()
        exchange.stop()


async def test_it_trades_and_recovers(port: int) -> None:
    journal = Journaler()
    desk = Desk(port, journal)
    await desk.connect()
    await desk.active()
    await desk.order("one")
    await desk.report("one", "0")
    await desk.send_msg(FIXMessage("F", {11: "cancel", 41: "one", 55: "LTCUSDT", 54: "1", 38: "1", 60: AT}))
    assert (await desk.report("cancel", "4"))[39] == "4"

    # An order that is lost on the way: it is asked for that, and sends it again.
    connection, desk._socket_writer = desk._socket_writer, Nowhere()
    await desk.order("lost")
    desk._socket_writer = connection
    await desk.order("two")
    await desk.report("lost", "0")
    last = await desk.report("two", "0")
    await desk.active()
    await desk.leave()

    # As if the last report had never arrived: it asks for that, and is sent it again.
    again = Desk(port, journal)
    journal.set_seq_num(again._session, next_num_in=int(last[34]))
    await again.connect()
    assert (await again.report("two", "0"))[43] == "Y"
    await again.active()
    await again.order("three")
    await again.report("three", "0")
    await again.leave()
