"""`scripts/bench front`: what the front adds. A client and an engine, directly, through the front, and with TLS; the
front with its wire log and without.

The engine is first a bare QuickFIX echo, so that the front's share is not lost in the rest; then the whole gateway, for
the throughput that a client sees. The ways take turns, so that a busy machine is busy for all of them; figures
are medians of the rounds.
"""

import argparse
import asyncio
import json
import ssl
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from tests.bench.load import connect, order
from tests.bench.main import BENCH_SESSIONS, RATE, WINDOW, percentile, provide_liquidity
from tests.fixtures.certificates import Authority
from tests.fixtures.processes import ROOT, Exchange, Gateway, wait_until

MARKER = b"\x01150=F\x01"
CONFIG = """
environment = "sim"
deployment = "bench"
engine.directory = "{engine}"
log.level = "WARNING"
venue_accounts = [{{ name = "main" }}]
accounts = [{{ name = "A", venue_account = "main" }}]
sessions = [{{ target_comp_id = "BENCH", accounts = ["A"] }}]

[front]
port = 0
control_socket = "{directory}/{name}.sock"
{tls}

[wire_log]
enabled = {wire_log}
directory = "{directory}/{name}.wire"
"""
WAYS = ("direct", "front, no log", "front", "front, TLS")
TLS = '[front.tls]\ncertificate = "{directory}/server.pem"\nprivate_key = "{directory}/server.key"\n'


@dataclass(frozen=True)
class Way:
    """To the engine: its socket, or a front's port."""

    name: str
    where: int | Path
    tls: ssl.SSLContext | None = None


@contextmanager
def running(command: list[str], **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is ended afterwards."""
    with subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def ways_to(engine: Path, directory: Path) -> Iterator[list[Way]]:
    """Fronts before the engine whose socket is in `engine`."""
    authority = Authority(directory)
    authority.issue("server", "CN=bench")
    tls = TLS.format(directory=directory)
    fronts = {"front, no log": ("", "false"), "front": ("", "true"), "front, TLS": (tls, "true")}
    ways = [Way("direct", engine / "engine.sock")]
    with ExitStack() as stack:
        for name, (files, wire_log) in fronts.items():
            path, values = directory / name, {"engine": engine, "directory": directory, "name": name}
            path.with_suffix(".toml").write_text(CONFIG.format(tls=files, wire_log=wire_log, **values))
            stack.enter_context(running(_front(path)))
            ways.append(Way(name, _port(directory / f"{name}.json"), authority.client() if files else None))
        yield ways


def _front(path: Path) -> list[str]:
    return ["gateway", "front", "--config", f"{path}.toml", "--ready-file", f"{path}.json"]


def _port(ready: Path) -> int:
    wait_until(ready.exists, str(ready))
    return int(json.loads(ready.read_text())["port"])


async def throughput(way: Way, orders: int) -> float:
    """Orders/s answered."""
    client = await connect(way.where, "BENCH", MARKER, way.tls)
    result = await client.throughput([order(f"o{n}-{way.name}") for n in range(orders)], WINDOW)
    await client.logout()
    return orders / result.elapsed_s


async def latency(way: Way, orders: int) -> list[float]:
    """Round trips in us, sorted."""
    client = await connect(way.where, "BENCH", MARKER, way.tls)
    result = await client.paced({f"p{n}": order(f"p{n}") for n in range(orders)}, RATE)
    await client.logout()
    return result.round_trips_us()


async def bench_echo(directory: Path, rounds: int, orders: int) -> dict[str, float]:
    """With the echo as the engine."""
    store, engine = directory / "store", directory / "engine"
    store.mkdir()
    engine.mkdir()
    figures: dict[str, list[float]] = {}
    echo = ["tests.bench.echo", str(store), str(engine / "engine.sock")]
    with running(echo, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        await asyncio.to_thread(process.stdout.readline)
        with ways_to(engine, directory) as ways:
            for way in ways:
                await throughput(way, orders // 5)
            for _ in range(rounds):
                for way in ways:
                    figures.setdefault(f"{way.name}: echo orders/s", []).append(await throughput(way, orders))
                    trips = await latency(way, orders // 10)
                    figures.setdefault(f"{way.name}: p50 us", []).append(statistics.median(trips))
                    figures.setdefault(f"{way.name}: p99 us", []).append(percentile(trips, 99))
    return {name: statistics.median(values) for name, values in figures.items()}


async def bench_gateway(directory: Path, rounds: int, orders: int) -> dict[str, float]:
    """With the whole gateway behind the same two fronts; its own front is not used."""
    exchange = Exchange(directory).start()
    gateway = Gateway(directory, exchange.url, sessions=BENCH_SESSIONS, log_level="INFO").start()
    figures: dict[str, list[float]] = {}
    number = 0
    try:
        await provide_liquidity(exchange)
        with ways_to(directory / "run", directory) as ways:
            for _ in range(rounds + 1):  # the first warms up
                for way in ways:
                    number += 1
                    client = await connect(way.where, "BENCH", MARKER, way.tls)
                    result = await client.throughput([order(f"g{number}-{n}") for n in range(orders)], WINDOW)
                    await client.logout()
                    figures.setdefault(f"{way.name}: gateway orders/s", []).append(orders / result.elapsed_s)
    finally:
        gateway.stop()
        exchange.stop()
    return {name: statistics.median(values[1:]) for name, values in figures.items()}


async def bench(*, quick: bool) -> dict[str, float]:
    """All figures, by their JSON keys."""
    rounds, orders = (3, 5_000) if quick else (7, 20_000)
    with tempfile.TemporaryDirectory(prefix="fixgw-bench-") as name:
        (Path(name) / "echo").mkdir()
        (Path(name) / "gateway").mkdir()
        figures = await bench_echo(Path(name) / "echo", rounds, orders)
        figures |= await bench_gateway(Path(name) / "gateway", rounds, 2_000 if quick else 8_000)
    return figures


def show(figures: dict[str, float]) -> None:
    """For people: what each way costs, compared with the direct one."""
    widths = {"": 14, "p50 us": 10, "added": 10, "p99 us": 10, "added ": 10, "echo/s": 10, "ratio": 8, "gateway/s": 12}
    print("".join(f"{name.strip():>{width}}" for name, width in widths.items()) + f"{'ratio':>8}")
    for way in WAYS:
        line = f"{way:<14}"
        for what in ("p50 us", "p99 us"):
            line += f"{figures[f'{way}: {what}']:>10.0f}{figures[f'{way}: {what}'] - figures[f'direct: {what}']:>10.0f}"
        for what, width in (("echo orders/s", 10), ("gateway orders/s", 12)):
            value = figures[f"{way}: {what}"]
            line += f"{value:>{width}.0f}{value / figures[f'direct: {what}']:>8.2f}"
        print(line)
    added = figures["front: p50 us"] - figures["front, no log: p50 us"]
    echo, gateway = (
        figures[f"front: {what} orders/s"] / figures[f"front, no log: {what} orders/s"] for what in ("echo", "gateway")
    )
    print(f"wire log: adds {added:.0f} us to the p50, throughput {echo:.2f} of that without (gateway {gateway:.2f})")


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer orders and rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    arguments = parser.parse_args()
    figures = uvloop.run(bench(quick=arguments.quick))
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps({name: round(v, 4) for name, v in figures.items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
