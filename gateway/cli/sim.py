"""fixgw sim: the simulated exchange as a process of its own."""

import asyncio
import gc
import json
import os
import signal
import time
from decimal import Decimal, InvalidOperation
from errno import EADDRINUSE
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.simulator.accounts import Accounts, load_accounts, sandbox_accounts
from gateway.simulator.limits import Limits
from gateway.simulator.server import Settings, Simulator

# The simulator only ever adds orders, and makes no reference cycles; frequent collections would find nothing.
_GC_THRESHOLD = 100_000


def sim(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 9010,
    seed: Annotated[int, typer.Option(help="Seed of the market maker's prices.")] = 0,
    first_id: Annotated[
        int | None,
        typer.Option(help="Ids of orders and trades begin after this; from the time, if not given, so none repeats."),
    ] = None,
    maker: Annotated[bool, typer.Option("--maker/--no-maker", help="Whether a market maker quotes.")] = True,
    maker_interval_ms: Annotated[int, typer.Option(help="Milliseconds between the market maker's moves.")] = 250,
    accounts: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with the accounts, instead of the built-in ones: [[account]] tables with name, api_key, "
            "secret (or ed25519_public_key), and perhaps [account.balances] such as USDT = '1000'."
        ),
    ] = None,
    ed25519: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FILE", help="Register an Ed25519 public key (PEM) as API key NAME-ed25519."),
    ] = None,
    no_limits: Annotated[bool, typer.Option("--no-limits", help="Count but do not enforce rate limits.")] = False,
    weight_per_minute: Annotated[int, typer.Option(help="Request weight allowed a minute.")] = 6_000_000,
    orders_per_10s: Annotated[int, typer.Option(help="New orders allowed in ten seconds.")] = 1_000_000,
    max_orders: Annotated[
        int | None, typer.Option(min=1, help="Open orders allowed to an account in a symbol; 200 unless given.")
    ] = None,
    maker_fee_bps: Annotated[str, typer.Option(help="Commission of resting orders, basis points.")] = "10",
    taker_fee_bps: Annotated[str, typer.Option(help="Commission of taking orders, basis points.")] = "10",
    ready_file: Annotated[Path | None, typer.Option(help='Write {"port": …} there once listening.')] = None,
) -> None:
    r"""Run a simulated exchange that speaks the Binance Spot REST and WebSocket API.

    \b
    fixgw sim
    fixgw sim --port 0 --ready-file sim.json --no-limits --seed 7
    """
    try:
        known = load_accounts(accounts) if accounts else sandbox_accounts()
        for item in ed25519 or []:
            _register(known, item)
        fees = Decimal(maker_fee_bps), Decimal(taker_fee_bps)
    except (OSError, ValueError, TypeError, InvalidOperation) as error:
        typer.echo(f"fixgw sim: {error}", err=True)
        raise typer.Exit(2) from error
    settings = Settings(
        host=host,
        port=port,
        seed=seed,
        first_id=_microseconds_since_2020() if first_id is None else max(0, first_id),
        maker=maker,
        maker_interval_ms=max(1, maker_interval_ms),
        limits=Limits(weight_per_minute, orders_per_10s, enforced=not no_limits),
        accounts=known,
        maker_fee_bps=fees[0],
        taker_fee_bps=fees[1],
        max_orders=max_orders,
    )
    gc.set_threshold(_GC_THRESHOLD, 50, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, ready_file))


def _microseconds_since_2020() -> int:
    """More than any simulator has numbered since; and still exact as a JSON number."""
    return time.time_ns() // 1_000 - 1_577_836_800_000_000


def _register(accounts: Accounts, item: str) -> None:
    name, separator, file = item.partition("=")
    if not separator:
        raise ValueError(f"--ed25519 wants NAME=FILE, got {item!r}")
    accounts.add_ed25519_key(name, f"{name}-ed25519", Path(file).read_bytes())


async def _run(settings: Settings, ready_file: Path | None) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    simulator = Simulator(settings)
    try:
        await simulator.start()
    except OSError as error:
        taken = "; another fixgw sim? --port says another, 0 takes a free one" if error.errno == EADDRINUSE else ""
        why = os.strerror(error.errno) if error.errno else error
        typer.echo(f"fixgw sim: cannot listen on {settings.host}:{settings.port}: {why}{taken}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"simulated exchange listening on {simulator.url} (REST /api/v3, WebSocket /ws-api/v3, control /sim/)")
    if ready_file is not None:
        _write_ready(ready_file, simulator.port)
    try:
        await ended.wait()
    finally:
        await simulator.stop()


def _write_ready(file: Path, port: int) -> None:
    """Whole or not at all: whoever waits for the file must never read half of it."""
    partial = file.with_name(file.name + ".partial")
    partial.write_text(json.dumps({"port": port}) + "\n")
    partial.replace(file)
