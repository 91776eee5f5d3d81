"""A simulated exchange, a gateway and an independent client, each in its own process, and their books."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from sqlalchemy import select

from gateway.store.tables import sessions
from tests.fixtures.processes import ROOT, Exchange, Gateway, alive, wait_until
from tests.soak.client_book import ClientBook, read_journal
from tests.soak.compare import Verdict, compare, compare_numbers, compare_wire_log

COMP_ID = "SOAK"
PREFIX = "test-"
CLIENT_TIMEOUT_S = 30.0
AGREED_TIMES = 3
"""In a row: once may be a moment between two messages."""
_HTTP_TIMEOUT = aiohttp.ClientTimeout(30)


class Client:
    """The process of client.py."""

    def __init__(self, directory: Path, port: int, seed: int, rate: float, run: int = 0) -> None:
        self.journal = directory / "client.jsonl"
        options = ["--port", str(port), "--directory", str(directory), "--comp-id", COMP_ID, "--run", str(run)]
        with (directory / "client.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.client", *options, "--seed", str(seed), "--rate", str(rate)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def command(self, word: str) -> None:
        """See client.py. One that has ended by itself hears nothing."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            os.write(self._process.stdin.fileno(), f"{word}\n".encode())

    @property
    def has_ended(self) -> bool:
        """By itself, or killed."""
        return self._process.poll() is not None

    def quit(self) -> None:
        """Log out and end. Raises subprocess.TimeoutExpired."""
        if self._process.poll() is None:
            self.command("quit")
            self._process.wait(CLIENT_TIMEOUT_S)

    def kill(self) -> None:
        """End it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


class World:
    """`async with`: all of it runs inside, and nothing of it is left outside."""

    def __init__(self, directory: Path, *, seed: int, rate: float, database: str | None = None) -> None:
        """database: its URL; without one it is SQLite."""
        self._directory, self._seed, self._rate, self._database = directory, seed, rate, database
        self.exchange = Exchange(directory, maker=True, options=("--seed", str(seed)))
        self.gateway: Gateway
        self.client: Client | None = None
        self._clients = 0

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._stop)

    def _start(self) -> None:
        self.exchange.start()
        self.gateway = Gateway(
            self._directory,
            self.exchange.url,
            sessions={COMP_ID: ("FIX.4.4", "")},
            # The shorter the window, the sooner a lost order is known to be lost; the more comparisons, the better.
            engine="recv_window_ms = 1000\nreconcile_seconds = 5",
            log_level="INFO",
            emergency_cancel=True,
            database=self._database,
        )
        try:
            self.gateway.start()
            self._start_client()
        except BaseException:
            self._stop()
            raise

    def _start_client(self) -> None:
        self.client = Client(self._directory, self.gateway.port, self._seed, self._rate, self._clients)
        self._clients += 1

    def kill_client(self) -> None:
        """Kill the client; another goes on with its store."""
        assert self.client is not None
        self.client.kill()
        self._start_client()

    def kill_gateway(self, *, wipe: bool) -> None:
        """Kill the supervisor, and with it all of the gateway; then start it again. wipe: without its directory."""
        children = [self.gateway.child_pid(name) for name in ("engine", "front", "watchdog")]
        self.gateway.kill()
        for pid in children:
            wait_until(lambda pid=pid: not alive(pid), f"process {pid} ended with its parent")  # type: ignore[misc]  # mypy infers no lambda with a default
        if wipe:
            shutil.rmtree(self._directory / "run")
        self.gateway.start(wait_for_venue=False)

    def revive_client(self, *, quiet: bool = False) -> None:
        """Let another go on where one has ended by itself (see STUCK in client.py)."""
        assert self.client is not None
        if self.client.has_ended:
            self._start_client()
            if quiet:
                self.client.command("quiet")

    def lose_sql(self, engine: int) -> None:
        """Let no order be committed until that has ended the engine with this process id."""
        with closing(sqlite3.connect(self.gateway.database_url.removeprefix("sqlite:///"), timeout=20)) as database:
            database.execute("CREATE TRIGGER lost BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'lost'); END")
            database.commit()
            try:
                wait_until(lambda: not alive(engine), f"engine {engine} ends without SQL")
            finally:
                database.execute("DROP TRIGGER lost")
                database.commit()
        self._after_logout()

    def lose_venues(self, engine: int) -> None:
        """Kill the process of this engine that holds its connections, which ends it too."""
        with suppress(ProcessLookupError):  # it may have died with its engine just now
            os.kill(self.gateway.venues_pid(), signal.SIGKILL)
        wait_until(lambda: not alive(engine), f"engine {engine} ends without its venues")
        self._after_logout()

    def _after_logout(self) -> None:
        """Start the client again: QuickFIX's initiator, once it was logged out, does not connect any more (seen with
        its 1.16.0 against any acceptor's Logout).
        """
        self.kill_client()

    def _stop(self) -> None:
        if self.client is not None:
            self.client.kill()
        self.gateway.stop()
        self.exchange.stop()

    async def look(self) -> tuple[ClientBook, Verdict]:
        """All four books as of now."""
        assert self.client is not None
        client = await asyncio.to_thread(read_journal, self.client.journal)
        async with aiohttp.ClientSession(self.exchange.url, timeout=_HTTP_TIMEOUT) as http:
            async with http.get("/sim/orders?account=main") as answer:
                at_exchange = await answer.json()
            async with http.get("/sim/trades?account=main") as answer:
                trades = await answer.json()
        with self.gateway.sql() as sql:
            return client, compare(client, sql, at_exchange, trades, PREFIX)

    async def settle(self, timeout_s: float) -> None:
        """No more orders, no more trades; then wait until the books agree, or long enough."""
        assert self.client is not None
        self.client.command("quiet")
        await self.exchange.control("mode", symbol="*", mode="manual")
        deadline = time.monotonic() + timeout_s
        agreed = 0
        while agreed < AGREED_TIMES and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            self.revive_client(quiet=True)
            client, verdict = await self.look()
            agreed = agreed + 1 if verdict.is_good and client.online else 0

    def _all_proven(self) -> bool:
        with self.gateway.sql() as sql:
            row = sql.execute(select(sessions)).one()
        return bool(row.proven_report_id >= row.last_report_id)

    async def finish(self) -> Verdict:
        """Client and gateway end in order; then all books, the next numbers included."""
        assert self.client is not None
        # A TestRequest for proof that crosses the client's Logout takes a number which the client never sees.
        await asyncio.to_thread(wait_until, self._all_proven, "the client proved that it has all reports")
        await asyncio.to_thread(self.client.quit)
        code = await asyncio.to_thread(self.gateway.stop)
        client, verdict = await self.look()
        with self.gateway.sql() as sql:
            compare_numbers(verdict, client, sql)
            compare_wire_log(verdict, self.gateway.directory / "run" / "wire", sql)
        if code != 0:
            verdict.mismatched.append(f"the gateway ended with exit code {code}")
        return verdict
