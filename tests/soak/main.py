"""Kill it while it works, then compare the books: what scripts/soak runs.

A random flow of orders from an independent client goes through the gateway to the simulated exchange while the engine,
its process for the venues, the front, the exchange's connections, the client, the gateway as a whole (sometimes with
its directory) and the database die at random moments. At the end everything may settle, and then the client's book,
SQL's, the exchange's and the messages' have to agree (see compare.py).
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

from tests.fixtures.databases import STORES, Server, running_server
from tests.fixtures.processes import alive, wait_until
from tests.soak.compare import Verdict
from tests.soak.world import World

SETTLE_TIMEOUT_S = 90.0
SHOWN = 20


WEIGHTS = {
    "engine": 40,
    "venues": 10,
    "front": 10,
    "connections": 20,
    "client": 10,
    "gateway": 5,
    "sql": 5,
    "server": 10,
}
"""How often what dies: venues is the engine's process for them, connections are the exchange's, gateway is all of its
processes, server is PostgreSQL's, and without sql SQLite takes nothing for a moment. In both of these the watchdog
cancels what is open.
"""
_OF_THE_OTHER_STORE = {"sqlite": "server", "postgresql": "sql"}


class Killer:
    """Chooses what dies when."""

    def __init__(self, world: World, random: Random, mean_gap_s: float, server: Server | None) -> None:
        self._world = world
        self._gateway = world.gateway
        self._random = random
        self._mean_gap_s = mean_gap_s
        self._server = server
        other = _OF_THE_OTHER_STORE["postgresql" if server is not None else "sqlite"]
        self.kills = {kind: 0 for kind in WEIGHTS if kind != other}

    async def run(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(min(self._random.expovariate(1 / self._mean_gap_s), 3 * self._mean_gap_s))
            self._world.revive_client()
            (kind,) = self._random.choices(list(self.kills), weights=[WEIGHTS[kind] for kind in self.kills])
            if kind == "connections":
                await self._world.exchange.control("drop_connections")
            elif kind == "client":
                await asyncio.to_thread(self._world.kill_client)
            elif kind == "sql":
                await asyncio.to_thread(self._lose_sql)
            elif kind == "server":
                await asyncio.to_thread(self._restart_server)
            elif kind == "venues":
                await asyncio.to_thread(self._kill_venues)
            elif kind == "gateway":
                await asyncio.to_thread(self._world.kill_gateway, wipe=self._random.random() < 0.5)
            else:
                await asyncio.to_thread(self._kill, kind)
            self.kills[kind] += 1
            say(f"killed {kind} ({sum(self.kills.values())} of {count})")

    def _kill(self, name: str) -> None:
        """One in four engines dies before it has started wholly."""
        pid = self._running(name)
        if name == "engine" and self._random.random() < 0.75:
            wait_until(lambda: self._started(pid), "the engine is up")
            time.sleep(self._random.uniform(0, 0.5))
        os.kill(pid, signal.SIGKILL)
        # Gone, not only sent for: else the next kill could meet the same process.
        wait_until(lambda: not alive(pid), f"{name} {pid} is dead")

    def _kill_venues(self) -> None:
        """And with it the engine, which is started again."""
        engine = self._running("engine")
        wait_until(lambda: self._started(engine), "the engine is up")
        if alive(engine):
            self._world.lose_venues(engine)

    def _restart_server(self) -> None:
        assert self._server is not None
        self._server.stop()
        time.sleep(self._random.uniform(0, 3))
        self._server.start()

    def _lose_sql(self) -> None:
        engine = self._running("engine")
        wait_until(lambda: "session on" in self._log_of(engine), "the client is on")
        time.sleep(self._random.uniform(0.2, 2))
        self._world.lose_sql(engine)

    def _running(self, name: str) -> int:
        """Its process id, once the supervisor has started it again."""
        wait_until(lambda: alive(self._gateway.child_pid(name)), f"{name} runs")
        return self._gateway.child_pid(name)

    def _started(self, pid: int) -> bool:
        return not alive(pid) or "engine started" in self._log_of(pid)

    def _log_of(self, engine: int) -> str:
        """All lines since this engine was started."""
        log = self._gateway.log()
        return log[log.rfind(f"started process=engine pid={engine}") :]


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


async def soak(
    directory: Path, *, kills: int, seconds: float, seed: int, rate: float, store: str
) -> tuple[Verdict, dict[str, int]]:
    """Run it. Everything it started has ended when it returns."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(running_server()) if store == "postgresql" else None
        url = server.url if server is not None else None
        world = await stack.enter_async_context(World(directory, seed=seed, rate=rate, database=url))
        killer = Killer(world, Random(seed), seconds / (kills + 1), server)
        ends = time.monotonic() + seconds
        await killer.run(kills)
        await asyncio.sleep(max(0.0, ends - time.monotonic()))
        say("settling")
        await world.settle(SETTLE_TIMEOUT_S)
        return await world.finish(), killer.kills


def report(verdict: Verdict, kills: dict[str, int]) -> dict[str, int]:
    """Say what was found, and return the figures."""
    for kind in ("lost", "doubled", "mismatched", "sequence_errors"):
        found = getattr(verdict, kind)
        for line in found[:SHOWN]:
            print(f"{kind}: {line}")
        if len(found) > SHOWN:
            print(f"{kind}: and {len(found) - SHOWN} more")
    figures = {
        "orders": verdict.orders,
        "fills": verdict.fills,
        "kills": sum(kills.values()),
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "mismatched": len(verdict.mismatched),
        "sequence_errors": len(verdict.sequence_errors),
    }
    print(", ".join(f"{name} {count}" for name, count in figures.items()))
    print("killed: " + ", ".join(f"{name} {count}" for name, count in kills.items()))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="how often something is killed")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long orders flow (restarts may take longer)")
    parser.add_argument("--seed", type=int, default=1, help="of orders, prices and kills")
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second while logged on")
    parser.add_argument("--store", choices=STORES, default=STORES[0], help="where the books are")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--keep", type=Path, help="keep databases, logs and journals in this directory")
    arguments = parser.parse_args()
    directory = arguments.keep or Path(tempfile.mkdtemp(prefix="soak-"))
    directory.mkdir(parents=True, exist_ok=True)
    verdict, kills = asyncio.run(
        soak(
            directory,
            kills=arguments.kills,
            seconds=arguments.seconds,
            seed=arguments.seed,
            rate=arguments.rate,
            store=arguments.store,
        )
    )
    figures = report(verdict, kills)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures) + "\n")
    if not verdict.is_good:
        print(f"the processes' logs, the database and the client's journal are in {directory}")
        return 1
    if arguments.keep is None:
        shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
