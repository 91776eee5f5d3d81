"""The gateway with a venue connection that can be made to say more than the simulated exchange can.

`python -m tests.acceptance.injecting run …` is `fixgw run` with one difference: reports that a test writes to
injection.sock, beside the configuration, reach the engine as if the exchange's connection had brought them. Nothing
else differs: real engine, SQL, session engine and front, and the real adapter for everything else.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from gateway.cli.engine import engine
from gateway.config import load_config
from gateway.domain import venue_reports as v
from gateway.venues import registry
from gateway.venues.base import VenueFactory
from gateway.venues.binance.adapter import BinanceVenue
from tests.fixtures.processes import Gateway

_NUMBERS = ("last_qty", "last_px", "qty", "cum_qty", "price")
SOCKET = Path("injection.sock")


class InjectingVenue(BinanceVenue):
    """Binance's adapter, and a socket that takes reports."""

    async def start(self) -> None:
        """Listen before orders can be sent."""
        self._injections = await asyncio.start_unix_server(self._inject, path=str(SOCKET))
        await super().start()

    async def _inject(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self._sinks.report(_report(json.loads(line)))
            writer.write(b"ok\n")
        writer.close()


def _report(fields: dict[str, Any]) -> v.VenueReport:
    kind = fields.pop("report")
    for name in _NUMBERS:
        if name in fields:
            fields[name] = Decimal(fields[name])
    if kind == "VenueClosed":
        fields["reason"] = v.CloseReason(fields["reason"])
    return cast("v.VenueReport", getattr(v, kind)(**fields))


class InjectingGateway(Gateway):
    """As Gateway, with Scenario.venue_says."""

    module = "tests.acceptance.injecting"

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """Also ends the front, which outlives an engine that halted."""
        group = self._process.pid if self._process is not None else None
        code = super().stop(number)
        if group is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        return code


app = typer.Typer(add_completion=False)


@app.callback()
def _main() -> None:
    """One command, by its name."""


@app.command()
def run(
    config: Annotated[Path, typer.Option()],
    ready_file: Annotated[Path, typer.Option()],
) -> None:
    """The engine in this process, the front as a child."""
    adapters = cast("dict[str, VenueFactory]", registry.ADAPTERS)
    adapters["binance"] = InjectingVenue
    load_config(config).engine.directory.mkdir(parents=True, exist_ok=True)
    front = ["front", "--config", str(config), "--ready-file", str(ready_file)]
    child = subprocess.Popen([sys.executable, "-m", "gateway", *front])
    try:
        engine(config, allow_live=False)
    finally:
        child.terminate()
        child.wait()


if __name__ == "__main__":
    app()
