"""`scripts/bench clients`: what clients cost each other, and the machine.

1. The round trips of a client at a steady rate: alone, beside one that sends as fast as it is answered, and beside one
   that sends as fast as it can and never reads (the front drops it again and again; it comes back).
2. Those of many sessions at a low rate each, and of one at the rate of all together.
3. Resident memory of the front and the engine without a client, and with many that do nothing.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import uvloop

from tests.bench.load import LoadClient, connect, order
from tests.bench.main import WINDOW, percentile, provide_liquidity
from tests.fixtures.processes import Exchange, Gateway

MARKER = b"\x01150=F\x01"
STEADY = 100  # orders/s of the client that is measured
EACH = 25  # orders/s of each of many sessions
CHUNK = 50
NEVER = "NEVER"  # the session that never reads
FRONT = "max_connections_per_address = 1000"


class Run:
    """A gateway with many sessions, S0 first."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._runs = 0
        self._clients: dict[str, LoadClient] = {}
        self._over = False
        self.connections = 0
        """Of the one that never reads."""

    async def client(self, name: str) -> LoadClient:
        """Logged on. It stays so: with the next Logon's reset all of its reports would come again."""
        if name not in self._clients:
            self._clients[name] = await connect(self._gateway.port, name, MARKER)
        return self._clients[name]

    async def log_out(self) -> None:
        """All that are on."""
        for client in self._clients.values():
            await client.logout()
        self._clients.clear()

    def bodies(self, count: int) -> dict[str, str]:
        """Orders that no run had before, by ClOrdID."""
        self._runs += 1
        names = [f"r{self._runs}-{number}" for number in range(count)]
        return {name: order(name) for name in names}

    async def steady(self, name: str, count: int, per_second: int) -> list[float]:
        """Round trips in us, sorted."""
        client = await self.client(name)
        return (await client.paced(self.bodies(count), per_second)).round_trips_us()

    @contextlib.asynccontextmanager
    async def beside(self, other: Callable[[], Coroutine[None, None, None]]) -> AsyncIterator[None]:
        """While the other does what it does."""
        self._over = False
        task = asyncio.create_task(other())
        await asyncio.sleep(1)
        try:
            yield
        finally:
            self._over = True
            await task

    async def reading(self) -> None:
        """As fast as it is answered."""
        client = await self.client("S1")
        while not self._over:
            await client.throughput(list(self.bodies(1_000).values()), WINDOW)

    async def never_reading(self) -> None:
        """As fast as it can, over one connection after the other."""
        while not self._over:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._gateway.port, limit=4096)
            await self._flood(reader, writer)
            writer.transport.abort()
            await asyncio.sleep(0.05)

    async def _flood(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        encoder = LoadClient(NEVER, "FIXGW", MARKER)
        writer.write(encoder._encode("A", "98=0|108=60|141=Y|"))
        if b"\x0135=A\x01" not in await reader.read(4096):
            return  # its last connection is not over yet
        self.connections += 1
        with contextlib.suppress(ConnectionError):
            while not self._over:
                writer.write(b"".join(encoder._encode("D", body) for body in self.bodies(CHUNK).values()))
                await writer.drain()
                await asyncio.sleep(0)

    def memory_mb(self) -> dict[str, float]:
        """Resident, by process."""
        return {name: _resident_mb(self._gateway.child_pid(name)) for name in ("front", "engine")}


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


async def bench_neighbors(run: Run, rounds: int, count: int) -> dict[str, float]:
    """Part 1. The ways take turns; figures are medians of the rounds."""
    figures: dict[str, list[float]] = {}
    ways = {"alone": None, "beside one that reads": run.reading, "beside one that never reads": run.never_reading}
    await run.steady("S0", count, STEADY)
    for _ in range(rounds):
        for name, other in ways.items():
            async with run.beside(other) if other else contextlib.nullcontext():
                trips = await run.steady("S0", count, STEADY)
            figures.setdefault(f"{name}: p50 us", []).append(statistics.median(trips))
            figures.setdefault(f"{name}: p99 us", []).append(percentile(trips, 99))
    found = {name: statistics.median(values) for name, values in figures.items()}
    for other_name in list(ways)[:2]:
        ratio = found["beside one that never reads: p99 us"] / found[f"{other_name}: p99 us"]
        found[f"p99 beside one that never reads / {other_name}"] = ratio
    return found | {"connections of the one that never reads": float(run.connections)}


async def bench_many(run: Run, rounds: int, sessions: int, seconds: int) -> dict[str, float]:
    """Part 2."""
    figures: dict[str, list[float]] = {}
    many, one = f"{sessions} sessions at {EACH}/s", f"1 session at {sessions * EACH}/s"
    for _ in range(rounds):
        clients = [await run.client(f"S{number}") for number in range(sessions)]

        async def paced(number: int, client: LoadClient) -> list[float]:
            await asyncio.sleep(number / (EACH * sessions))  # spread over time, as many clients are
            return (await client.paced(run.bodies(EACH * seconds), EACH)).round_trips_us()

        found = await asyncio.gather(*(paced(number, client) for number, client in enumerate(clients)))
        alone = await run.steady("S0", sessions * EACH * seconds, sessions * EACH)
        for name, trips in ((many, sorted(trip for of_one in found for trip in of_one)), (one, alone)):
            figures.setdefault(f"{name}: p50 us", []).append(statistics.median(trips))
            figures.setdefault(f"{name}: p99 us", []).append(percentile(trips, 99))
    medians = {name: statistics.median(values) for name, values in figures.items()}
    return medians | {"p99 many / one": medians[f"{many}: p99 us"] / medians[f"{one}: p99 us"]}


async def bench_idle(run: Run, idle: int) -> dict[str, float]:
    """Part 3. Before the others, which leave memory behind."""
    before = run.memory_mb()
    for number in range(idle):
        await run.client(f"S{number}")
    await asyncio.sleep(1)
    after = run.memory_mb()
    await run.log_out()
    figures: dict[str, float] = {}
    for name in before:
        figures[f"{name}: MB without a client"] = before[name]
        figures[f"{name}: MB with {idle} idle sessions"] = after[name]
        figures[f"{name}: KB a session"] = (after[name] - before[name]) * 1024 / idle
    return figures


async def bench(*, quick: bool, sessions: int, idle: int) -> dict[str, float]:
    """All figures."""
    rounds, seconds = (1, 3) if quick else (5, 10)
    with tempfile.TemporaryDirectory(prefix="fixgw-bench-") as name:
        directory = Path(name)
        exchange = Exchange(directory).start()
        try:
            names = [*(f"S{number}" for number in range(max(sessions, idle, 2))), NEVER]
            configured = dict.fromkeys(names, ("FIX.4.4", ""))
            gateway = Gateway(directory, exchange.url, sessions=configured, front=FRONT, log_level="INFO").start()
            try:
                await provide_liquidity(exchange)
                run = Run(gateway)
                figures = await bench_idle(run, idle)
                figures |= await bench_many(run, rounds, sessions, seconds)
                return figures | await bench_neighbors(run, rounds, STEADY * seconds)
            finally:
                gateway.stop()
        finally:
            exchange.stop()


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a single short round")
    parser.add_argument("--sessions", type=int, default=40, metavar="N", help=f"at {EACH} orders/s each (40)")
    parser.add_argument("--idle", type=int, default=200, metavar="N", help="sessions that do nothing (200)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    arguments = parser.parse_args()
    figures = uvloop.run(bench(quick=arguments.quick, sessions=arguments.sessions, idle=arguments.idle))
    for name, value in figures.items():
        print(f"{name:<55}{value:>12,.{2 if '/ ' in name and ' us' not in name else 0}f}")
    if arguments.json:
        arguments.json.write_text(json.dumps({name: round(v, 4) for name, v in figures.items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
