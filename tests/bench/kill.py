"""`scripts/bench kill`: from the kill switch to the last cancel sent, and to the venue's word that nothing is open.

The exchange enforces its rate budget; a client goes on sending orders all the while, at first taken and then refused.
Cancels go one by one, so the budget of a minute bounds how many can be sent in it: with Binance's own 6,000 of weight
the rest of 10,000 cancels waits for the next minute. With --exclusive, as where a venue account is declared wholly
ours, one request cancels them all. What was placed before counts too, so it is placed at a pace that fits, and the
kill begins with a minute of the venue.
"""

import argparse
import asyncio
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop
from sqlalchemy import func, select

from gateway.control.client import ask
from gateway.store.tables import admin_actions, alerts, orders, venue_calls
from tests.bench.load import LoadClient, connect
from tests.fixtures.processes import Exchange, Gateway

LOAD = 200  # orders/s of the other client
SESSIONS = {"BENCH": ("FIX.4.4", ""), "LOAD": ("FIX.4.4", "")}
_NEW, _REPORT = b"\x01150=0\x01", b"\x0135=8\x01"
_WINDOW = 200


@dataclass(frozen=True)
class Run:
    """So many open orders, and the venue's weight a minute."""

    orders: int
    weight: int


RUNS = (Run(1_000, 6_000), Run(10_000, 6_000), Run(10_000, 60_000))


def order(cl_ord_id: str) -> str:
    """The body of a limit order that rests."""
    now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
    return f"11={cl_ord_id}|21=1|55=BTCUSDT|54=1|60={now}|38=0.001|40=2|44=30000|59=1|"


async def place(client: LoadClient, run: Run) -> None:
    """Have them all open, within the share of the budget that new orders may use."""
    share = int(run.weight * 0.6)
    left = [order(f"b{number}") for number in range(run.orders)]
    while left:
        await until_a_minute_begins()
        part, left = left[:share], left[share:]
        await client.throughput(part, min(_WINDOW, len(part)))


async def until_a_minute_begins() -> None:
    """Of the exchange's clock, which is ours: its budget is counted by those."""
    await asyncio.sleep(60 - time.time() % 60 + 0.1)


async def keep_sending(client: LoadClient, started: asyncio.Event, ended: asyncio.Event) -> int:
    """Orders at a steady rate until the kill is over; how many."""
    sent = 0
    while not ended.is_set():
        await client.paced({f"l{sent + n}": order(f"l{sent + n}") for n in range(LOAD // 4)}, LOAD)
        sent += LOAD // 4
        if sent >= LOAD:
            started.set()
    return sent


async def measure(directory: Path, run: Run, *, exclusive: bool) -> dict[str, float]:
    """Figures of one run, in seconds."""
    options = ("--weight-per-minute", str(run.weight), "--max-orders", "1000000")
    exchange = Exchange(directory, limits=True, options=options).start()
    gateway = Gateway(directory, exchange.url, sessions=SESSIONS, log_level="INFO", exclusive=exclusive)
    try:
        gateway.start()
        await exchange.control("balance", account="main", asset="USDT", free="1000000000")
        client = await connect(gateway.port, "BENCH", _NEW)
        await place(client, run)
        await until_a_minute_begins()
        return await _kill(gateway, run)
    finally:
        gateway.stop()
        exchange.stop()


async def _kill(gateway: Gateway, run: Run) -> dict[str, float]:
    started, ended = asyncio.Event(), asyncio.Event()
    load = asyncio.create_task(keep_sending(await connect(gateway.port, "LOAD", _REPORT), started, ended))
    await started.wait()
    path = gateway.directory / "run" / "control.sock"
    at = time.time_ns()
    answer = await asyncio.to_thread(ask, path, "kill", {"reason": "bench"}, 600)
    answered = time.time_ns()
    ended.set()
    sent = await load
    with gateway.sql() as sql:
        if not answer.done:  # the caller's patience was over first; the engine's outcome is in SQL
            answered = await _when_over(gateway)
        outcome = str(sql.execute(select(admin_actions.c.outcome)).scalar_one())
        out = (venue_calls.c.direction == "out") & (venue_calls.c.operation == "cancel") & (venue_calls.c.at > at)
        requests = func.count(func.distinct(venue_calls.c.text))  # a request for many has a row for each
        last, cancels = sql.execute(select(func.max(venue_calls.c.at), requests).where(out)).one()
        refused = sql.execute(
            select(func.count()).where(venue_calls.c.direction == "in", venue_calls.c.text.contains("-1003"))
        ).scalar_one()
        still_open = sql.execute(select(func.count()).where(orders.c.is_open)).scalar_one()
        bans = sql.execute(select(func.count()).where(alerts.c.text.contains("-1003"))).scalar_one()
    assert not still_open, f"{still_open} orders are open; {outcome[:300]}"
    assert "the venue has none of them any more" in outcome, outcome[:300]
    return {
        "orders": run.orders,
        "weight": run.weight,
        "last_cancel_s": (last - at) / 1e9,
        "flat_s": (answered - at) / 1e9,
        "cancels": cancels,
        "load_orders": sent,
        "refused_by_venue": refused + bans,
    }


async def _when_over(gateway: Gateway) -> int:
    """When the outcome of the kill came to SQL."""
    for _ in range(6_000):
        with gateway.sql() as sql:
            if sql.execute(select(admin_actions.c.outcome)).scalar_one() != "under way":
                return time.time_ns()
        await asyncio.sleep(0.1)
    raise AssertionError("the kill did not end within ten minutes")


def show(figures: dict[str, float]) -> None:
    """A line for people."""
    held = "held" if not figures["refused_by_venue"] else f"EXCEEDED {figures['refused_by_venue']:.0f} times"
    print(
        f"{figures['orders']:>10,.0f} open orders   last cancel sent {figures['last_cancel_s']:>7.2f} s   "
        f"confirmed flat {figures['flat_s']:>7.2f} s   budget of {figures['weight']:,.0f} weight a minute {held}   "
        f"({figures['cancels']:,.0f} cancels, {figures['load_orders']:,.0f} orders of another client meanwhile)",
        flush=True,
    )


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 orders alone")
    parser.add_argument("--exclusive", action="store_true", help="the venue account is declared wholly ours")
    parser.add_argument("--skip", type=int, default=0, help="so many of the runs, from the first")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    arguments = parser.parse_args()
    found: dict[str, float] = {}
    for run in RUNS[:1] if arguments.quick else RUNS[arguments.skip :]:
        with tempfile.TemporaryDirectory(prefix="fixgw-bench-") as directory:
            figures = uvloop.run(measure(Path(directory), run, exclusive=arguments.exclusive))
        show(figures)
        how = "_exclusive" if arguments.exclusive else ""
        found |= {f"kill{how}_{run.orders}_at_{run.weight}_{name}": value for name, value in figures.items()}
    if arguments.json:
        arguments.json.write_text(json.dumps({name: round(v, 4) for name, v in found.items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
