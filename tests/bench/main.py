"""`scripts/bench`: the full order path against a bare QuickFIX echo, in one run on one machine.

Absolute figures depend on the machine and its mood; the ratio is what is comparable.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import uvloop
from sqlalchemy import select

from gateway.cli.host import CPU_LATENCY
from gateway.store.tables import messages, venue_calls
from tests.bench.cpu import CpuMeter
from tests.bench.load import connect, order
from tests.bench.stores import new_database
from tests.fixtures.processes import ROOT, Exchange, Gateway

RATE = 500  # orders/s of the latency runs
WINDOW = 400  # orders under way in the throughput runs
BENCH_SESSIONS = {"BENCH": ("FIX.4.4", "")}


async def run_echo(directory: Path, orders: int, paced: int) -> dict[str, float]:
    """QuickFIX alone."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.echo", str(directory)], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        port = int(await asyncio.to_thread(process.stdout.readline))
        client = await connect(port, "BENCH", b"\x01150=F\x01")
        await client.throughput([order(f"w{n}") for n in range(orders // 5)], WINDOW)
        result = await client.throughput([order(f"e{n}") for n in range(orders)], WINDOW)
        latency = await client.paced({f"p{n}": order(f"p{n}") for n in range(paced)}, RATE)
        await client.logout()
    finally:
        process.terminate()
        process.wait(20)
    return {
        "echo_orders_per_s": orders / result.elapsed_s,
        "echo_p50_us": statistics.median(latency.round_trips_us()),
    }


async def run_gateway(
    directory: Path, orders: int, paced: int, database: str | None, engine: str
) -> tuple[dict[str, float], list[tuple[str, float]]]:
    """FIX in, front, engine, SQL, WebSocket, simulated exchange in its own process, fill, report.

    engine: what its configuration has beside what is usual.
    """
    exchange = Exchange(directory).start()
    gateway = Gateway(
        directory, exchange.url, sessions=BENCH_SESSIONS, database=database, log_level="INFO", engine=engine
    ).start()
    try:
        await provide_liquidity(exchange)
        client = await connect(gateway.port, "BENCH", b"\x01150=F\x01")
        await client.throughput([order(f"w{n}") for n in range(orders // 5)], WINDOW)
        engine_thread, venues = engine_and_venues(gateway.log())
        processes = {"front": gateway.child_pid("front"), "venues": venues, "simulator": exchange.pid}
        meter = CpuMeter(processes, gateway.engine_pid(), {engine_thread: "engine"})
        result = await client.throughput([order(f"g{n}") for n in range(orders)], WINDOW)
        spent = meter.per_order(orders)
        latency = await client.paced({f"p{n}": order(f"p{n}") for n in range(paced)}, RATE)
        await client.logout()
        await asyncio.sleep(0.3)
        to_venue = order_to_venue_us(gateway, latency.sent_at)
    finally:
        gateway.stop()
        exchange.stop()
    round_trips = latency.round_trips_us()
    return {
        "gateway_orders_per_s": orders / result.elapsed_s,
        "gateway_p50_us": statistics.median(round_trips),
        "gateway_p99_us": percentile(round_trips, 99),
        "order_to_venue_p50_us": statistics.median(to_venue),
        "order_to_venue_p99_us": percentile(to_venue, 99),
    }, spent


def engine_and_venues(log: str) -> tuple[int, int]:
    """The engine's thread and the venues' process, as the engine logged them at its start."""
    thread, process = re.findall(r" thread engine=(\d+) process venues=(\d+)", log)[-1]
    return int(thread), int(process)


async def provide_liquidity(exchange: Exchange) -> None:
    """One resting order that is larger than everything the bench buys."""
    await exchange.control("balance", account="second", asset="BTC", free="1000000")
    await exchange.control("balance", account="main", asset="USDT", free="1000000000000")
    async with aiohttp.ClientSession() as http:
        for _ in range(10):
            query = signed(
                "sim-second-secret",
                {
                    "symbol": "BTCUSDT",
                    "side": "SELL",
                    "type": "LIMIT",
                    "timeInForce": "GTC",
                    "quantity": "100",
                    "price": "60000",
                },
            )
            url = f"{exchange.url}/api/v3/order?{query}"
            async with http.post(url, headers={"X-MBX-APIKEY": "sim-second-key"}) as answer:
                assert answer.status == 200, await answer.text()


def signed(secret: str, parameters: dict[str, str]) -> str:
    """A signed query string (Binance Spot REST, HMAC-SHA256)."""
    query = urlencode({**parameters, "timestamp": str(time.time_ns() // 1_000_000), "recvWindow": "5000"})
    return f"{query}&signature={hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()}"


def order_to_venue_us(gateway: Gateway, sent_at: dict[str, int]) -> list[float]:
    """From the client's send to the gateway's write on the venue's socket, sorted, by the record in SQL."""
    with gateway.sql() as sql:
        incoming = sql.execute(
            select(messages.c.order_id, messages.c.cl_ord_id).where(
                messages.c.direction == "in", messages.c.cl_ord_id.in_(list(sent_at))
            )
        )
        order_ids = {row.order_id: row.cl_ord_id for row in incoming}
        calls = sql.execute(
            select(venue_calls.c.order_id, venue_calls.c.at).where(
                venue_calls.c.direction == "out", venue_calls.c.order_id.in_(list(order_ids))
            )
        ).all()
        return sorted((at - sent_at[order_ids[order_id]]) / 1000 for order_id, at in calls)


def durable_write_us(directory: Path) -> float:
    """What the disk itself takes to make 4 KiB durable: no durable commit can be faster. Median of 100."""
    path = directory / "probe"
    page = b"x" * 4096
    taken = []
    with path.open("wb", buffering=0) as file:
        file.write(page * 100)
        os.fsync(file.fileno())
        for number in range(100):
            started = time.perf_counter()
            os.pwrite(file.fileno(), page, number * len(page))
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - started)
    path.unlink()
    return statistics.median(taken) * 1e6


def last_cpu() -> int | None:
    """The last of several that we may use: as docs/OPERATING.md recommends. None where there is no choice."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    return max(usable) if len(usable) > 1 else None


def host_settings(cpu: int | None, latency_us: int | None) -> str:
    """What the engine asks of the host, as in its configuration."""
    settings = {"cpu": cpu, "cpu_latency_us": latency_us}
    return "\n".join(f"{key} = {value}" for key, value in settings.items() if value is not None)


def percentile(values: list[float], percent: int) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, len(values) * percent // 100)]


async def bench(*, quick: bool, store: str, engine: str) -> tuple[dict[str, float], list[tuple[str, float]]]:
    """All figures, by their JSON keys, and engine CPU by thread."""
    orders, paced = (10_000, 1_500) if quick else (40_000, 5_000)
    with tempfile.TemporaryDirectory(prefix="fixgw-bench-") as directory:
        (Path(directory) / "echo").mkdir()
        (Path(directory) / "gateway").mkdir()
        disk = durable_write_us(Path(directory))
        figures = await run_echo(Path(directory) / "echo", orders, paced)
        with new_database(store) as database:
            more, spent = await run_gateway(Path(directory) / "gateway", orders, paced, database, engine)
    figures |= more
    figures["durable_write_p50_us"] = disk
    figures["ratio"] = figures["gateway_orders_per_s"] / figures["echo_orders_per_s"]
    return figures, spent


def show(figures: dict[str, float], cpu: list[tuple[str, float]]) -> None:
    """For people."""
    echo, echo_p50 = figures["echo_orders_per_s"], figures["echo_p50_us"]
    print(f"{'bare QuickFIX echo':<28}{echo:>10.0f} orders/s   p50 {echo_p50:.0f} us")
    print(
        f"{'gateway, new order to fill':<28}{figures['gateway_orders_per_s']:>10.0f} orders/s   "
        f"p50 {figures['gateway_p50_us']:.0f} us   p99 {figures['gateway_p99_us']:.0f} us"
    )
    print(f"{'ratio gateway/echo':<28}{figures['ratio']:>10.3f}")
    print(
        f"{'order to venue at 500/s':<28}{'':>10}            p50 {figures['order_to_venue_p50_us']:.0f} us   "
        f"p99 {figures['order_to_venue_p99_us']:.0f} us"
    )
    print(f"{'disk: 4 KiB made durable':<28}{'':>10}            p50 {figures['durable_write_p50_us']:.0f} us")
    print("\nCPU us per order in the throughput run, by process and engine thread:")
    for name, value in cpu:
        print(f"  {name:<26}{value:>10.1f}")


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what", nargs="?", choices=["orders", "risk", "derive"], default="orders", help="what to measure"
    )
    parser.add_argument("--quick", action="store_true", help="fewer orders; under 60 s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite", help="where orders are recorded")
    parser.add_argument(
        "--cpu", type=int, metavar="N", default=last_cpu(), help="bind the engine, not the echo, to it (%(default)s)"
    )
    parser.add_argument(
        "--cpu-latency-us",
        type=int,
        metavar="US",
        default=0 if os.access(CPU_LATENCY, os.W_OK) else None,
        help="have CPUs wake up within that while the engine, not the echo, runs (%(default)s)",
    )
    parser.add_argument("--untuned", action="store_true", help="neither of the two")
    parser.add_argument("--stages", action="store_true", help="time the engine's stages one by one instead")
    arguments = parser.parse_args()
    if arguments.stages:
        from tests.bench.stages import show_stages

        show_stages()
        return
    if arguments.what == "risk":
        from tests.bench.risk import bench_risk

        figures = bench_risk()
    elif arguments.what == "derive":
        from tests.bench.derive import bench_derive

        figures = bench_derive(quick=arguments.quick, store=arguments.store)
    else:
        engine = "" if arguments.untuned else host_settings(arguments.cpu, arguments.cpu_latency_us)
        figures, spent = uvloop.run(bench(quick=arguments.quick, store=arguments.store, engine=engine))
        tuned = engine.replace("\n", ", ") or "nothing"
        print(f"orders are recorded in {arguments.store}; the engine, not the echo, has set: {tuned}")
        show(figures, spent)
    if arguments.json:
        rounded: dict[str, Any] = {name: round(value, 4) for name, value in figures.items()}
        arguments.json.write_text(json.dumps(rounded, indent=2) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
