"""Runs the demo: starts the processes, tells the story, shows the orders in SQL, and stays up or ends."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time

import aiohttp
from demo_desk import Desk, Exchange, StepFailed
from demo_processes import ROOT, DemoError, Processes
from demo_screen import Screen
from demo_story import STEPS

from gateway.cli.orders import orders_table
from gateway.client import ClientError, FixClient
from gateway.store.database import open_for_reading
from gateway.store.queries import OrderFilter, find_orders

_STORY_SECONDS = 90.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = 130  # as shells report SIGINT


class Stopped(KeyboardInterrupt):
    """Somebody asked the demo to end. A KeyboardInterrupt, since asyncio lets nothing else through."""


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Shows the gateway at work on this machine.")
    parser.add_argument("--once", action="store_true", help="end after the story; exit status 0 if all went right")
    once = parser.parse_args().once
    os.chdir(ROOT)
    for number in _STOP_SIGNALS:
        signal.signal(number, _stop)
    screen = Screen()
    processes = Processes()
    try:
        code = _run(screen, processes, once=once)
    finally:
        for number in _STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        screen.say("\nStopping the gateway and the exchange …", "dim")
        stopped = processes.stop()
    if not stopped:
        screen.say(f"FAILED: not everything stopped in order; see {processes.gateway_log}", "bold red")
        return code or 1
    if code == 0:
        screen.say(f"Done: every step got the answer it should. Files of this run: {processes.directory}", "bold green")
    return code


def _run(screen: Screen, processes: Processes, *, once: bool) -> int:
    told = False
    try:
        _start(screen, processes)
        asyncio.run(asyncio.wait_for(_tell(screen, processes), _STORY_SECONDS))
        told = True
        _show_orders(screen, processes)
        if not once:
            _stay(screen, processes)
    except Stopped:
        return 0 if told and not once else _INTERRUPTED
    except (DemoError, ClientError, TimeoutError) as error:
        screen.say(f"\nFAILED: {error or 'the story took too long'}", "bold red")
        screen.say(f"Logs: {processes.gateway_log} and {processes.exchange_log}")
        return 1
    return 0


def _stop(*_: object) -> None:
    raise Stopped


def _start(screen: Screen, processes: Processes) -> None:
    screen.say(f"Everything of this run is in {processes.directory}", "dim")
    screen.say("Starting the simulated exchange …")
    processes.start_exchange()
    screen.say(f"  listening on {processes.exchange_url} (it speaks the Binance Spot API)", "dim")
    screen.say("Starting the gateway …")
    processes.start_gateway()
    screen.say(f"  FIX on 127.0.0.1 port {processes.gateway_port}, SQLite in {processes.directory}/gateway.db", "dim")


async def _tell(screen: Screen, processes: Processes) -> None:
    client = FixClient(
        "127.0.0.1",
        processes.gateway_port,
        sender_comp_id="OMS",
        target_comp_id="FIXGW",
        on_message=screen.message,
    )
    screen.say("\nLogging on over FIX 4.4 as OMS, an order management system. ──▶ it sends, ◀── it receives.")
    async with aiohttp.ClientSession() as http, client:
        exchange = Exchange(http, processes.exchange_url, screen)
        desk = Desk(client, exchange)
        await exchange.manual("ETHUSDT", on=True)
        for number, (title, function) in enumerate(STEPS, 1):
            screen.step(title, function.__doc__ or "")
            try:
                await function(desk)
                if number == len(STEPS):  # before that, the next step would stumble over it
                    await desk.nothing_more()
            except (StepFailed, ClientError, AssertionError) as error:
                raise DemoError(f"step {number}, {title}: {error}") from error
            finally:
                screen.flush()
        await exchange.manual("ETHUSDT", on=False)


def _show_orders(screen: Screen, processes: Processes) -> None:
    database = open_for_reading(processes.database_url)
    with database.connect() as connection:
        rows = find_orders(connection, OrderFilter())
    database.dispose()
    screen.say("\nThe orders as SQL has them, oldest first. The refused duplicate never became one.\n", "bold")
    screen.table(orders_table(rows[::-1], screen.console.width))


def _stay(screen: Screen, processes: Processes) -> None:
    fixgw = f"cd {ROOT}\n    .venv/bin/fixgw" if os.environ.get("PWD") != str(ROOT) else ".venv/bin/fixgw"
    port, url, config = processes.gateway_port, processes.exchange_url, processes.config
    screen.say("\nAll of it stays up until Ctrl-C.\n", "bold")
    lines = [
        ("FIX", f"127.0.0.1 port {port}, FIX.4.4, SenderCompID DESK, TargetCompID FIXGW"),
        ("Exchange", f"{url}  (REST /api/v3, WebSocket /ws-api/v3)"),
        ("its control API", f"curl -s {url}/sim/orders    all commands: gateway/simulator/control_commands.py"),
        ("Database", f"{processes.directory}/gateway.db"),
        ("Logs", f"{processes.gateway_log}  {processes.exchange_log}"),
    ]
    for name, text in lines:
        screen.console.print(f"  {name:<16} {text}", soft_wrap=True, markup=False)
    screen.say("\nTry, in another terminal:\n", "bold")
    for command in (
        f"{fixgw} send buy 0.1 BTCUSDT --limit 55000 --tif GTC --port {port}",
        f".venv/bin/fixgw send sell 0.1 BTCUSDT --market --port {port}",
        f".venv/bin/fixgw orders --config {config}",
        f".venv/bin/fixgw order BID-2 --config {config}",
        f".venv/bin/fixgw sessions --config {config}",
    ):
        screen.console.print(f"    {command}", soft_wrap=True, markup=False)
    while True:
        time.sleep(0.5)
        if dead := processes.dead():
            raise DemoError(f"the {dead} has ended by itself")


if __name__ == "__main__":
    sys.exit(main())
