"""The database fails in each way it can: orders stop, clients are told, nothing is half-written, and work resumes."""

import asyncio
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, make_url, select

from gateway.client import FixClient, LogonRefused, NotConnected
from gateway.store.tables import intents, journal, orders
from tests.fixtures.databases import Server
from tests.fixtures.processes import Exchange, Gateway, wait_until


class Desk:
    """A client that goes through one fault after the other."""

    def __init__(self, gateway: Gateway, exchange: Exchange) -> None:
        self.gateway = gateway
        self.exchange = exchange
        self.taken: list[str] = []
        self.client: FixClient

    async def connect(self) -> None:
        """Log on: as often as it takes, where the engine takes longer to start than a Logon waits for it."""
        self.client = self.gateway.client()
        while True:
            try:
                await self.client.connect(timeout=30)
            except LogonRefused as refused:
                assert "closed the connection" in str(refused)  # noqa: PT017 - others may be let in
            else:
                break
        await self.take_one()

    async def take_one(self) -> None:
        """An order is taken: retried while the fresh engine is not ready."""
        for _ in range(100):
            cl_ord_id = self.order()
            answer = await self.client.expect("8", {11: cl_ord_id}, timeout=30)
            if answer[150] == "0":
                self.taken.append(cl_ord_id)
                return
            await asyncio.sleep(0.1)
        pytest.fail(f"no order is taken: {answer}")

    def order(self) -> str:
        return self.client.new_order("BTCUSDT", "buy", "0.01", price="30000", time_in_force="gtc")

    async def goes_through(
        self, fault: Callable[[], object], cause: str, mend: Callable[[], object] | None = None
    ) -> None:
        """The fault halts the engine under an order, and clients hear of it; mended, a fresh engine works."""
        seen = len(self.gateway.log())
        await asyncio.to_thread(fault)
        lost = ""
        with suppress(NotConnected):  # the engine may have noticed by itself
            lost = self.order()
        reason = await self.client.wait_closed(30)
        assert "DATABASE_LOST" in reason
        assert [m for m in self.client.inbox if m.get(11) == lost] == []
        await asyncio.to_thread(
            wait_until, lambda: "died, restarts in" in self.gateway.log()[seen:], "the supervisor notices"
        )
        said = self.gateway.log()[seen:]
        assert "process=engine exit_code=70" in said
        assert cause in said, said
        if mend is not None:
            await asyncio.to_thread(mend)
        await asyncio.to_thread(
            wait_until, lambda: "reconciled account=" in self.gateway.log()[seen:], "a fresh engine is ready"
        )
        await self.connect()

    async def check(self) -> None:
        """What the client knows as taken is in SQL and at the exchange, whole, and nothing else is."""
        await self.client.logout()
        at_exchange = {order["clientOrderId"] for order in await self.exchange.look("orders")}
        with self.gateway.sql() as sql:
            accepted = sql.execute(select(orders.c.cl_ord_id).where(orders.c.is_open)).scalars().all()
            asked = set(sql.execute(select(intents.c.client_id).where(intents.c.operation == "place")).scalars())
            events = sql.execute(select(func.count()).select_from(journal)).scalar()
            last = sql.execute(select(func.max(journal.c.position))).scalar()
        assert set(self.taken) <= set(accepted)
        assert asked == at_exchange
        assert events == last


@pytest.fixture
def served(tmp_path: Path, exchange: Exchange, postgres_server: Server) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path, exchange.url, database=postgres_server.url).start()
    yield gateway
    gateway.stop()


async def test_postgresql(served: Gateway, exchange: Exchange, postgres_server: Server) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    url = make_url(postgres_server.url)
    with closing(psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)) as other:
        desk = Desk(served, exchange)
        await desk.connect()

        def end_connections() -> None:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^fixgw-'")

        await desk.goes_through(end_connections, "journal halted: ")

        def fill_disk() -> None:  # as the server says it; its real disk is not ours to fill
            other.execute(
                "CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
            )
            other.execute("CREATE TRIGGER disk_full BEFORE INSERT ON intents FOR EACH ROW EXECUTE FUNCTION disk_full()")

        await desk.goes_through(
            fill_disk, "No space left on device", lambda: other.execute("DROP TRIGGER disk_full ON intents")
        )

        def lock() -> None:
            other.execute("BEGIN")
            other.execute("LOCK TABLE journal IN EXCLUSIVE MODE")

        await desk.goes_through(lock, "lock timeout", lambda: other.execute("ROLLBACK"))

        def start_again() -> None:
            wait_until(lambda: "engine does not start: database postgresql" in served.log(), "the engine tries in vain")
            postgres_server.start()

        await desk.goes_through(postgres_server.stop, "journal halted: ", start_again)
    await desk.check()


async def test_sqlite(gateway: Gateway, exchange: Exchange, tmp_path: Path) -> None:
    await exchange.control("mode", symbol="*", mode="manual")
    desk = Desk(gateway, exchange)
    await desk.connect()
    with closing(sqlite3.connect(tmp_path / "gateway.db", isolation_level=None, check_same_thread=False)) as other:
        await desk.goes_through(
            lambda: other.execute("BEGIN IMMEDIATE"),
            "database is locked",
            lambda: other.execute("ROLLBACK"),
        )

    def fill_disk() -> None:
        """No file of the engine's can grow any more: what is not there yet does not fit."""
        limit = 100_000
        resource.prlimit(gateway.engine_pid(), resource.RLIMIT_FSIZE, (limit, limit))

    await desk.goes_through(fill_disk, "journal halted")
    await desk.check()
