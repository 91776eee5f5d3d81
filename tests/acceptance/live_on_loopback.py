"""A gateway whose environment is live, in front of the simulated exchange: no live host is ever named to it.

`python -m tests.acceptance.live_on_loopback run …` is `fixgw run --live` with these differences: the hosts of live are
the simulator's, names of other machines cannot be looked up, and the exchange is not asked what the key may do. With
LET_IN set, no Logon is refused for being a test's, neither by the front nor by the engine.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import typer

from gateway.cli.engine import engine
from gateway.cli.front import front
from gateway.config import load_config
from gateway.fix import application
from gateway.front import gate
from gateway.venues.binance import adapter, environments
from tests.acceptance.injecting import InjectingGateway
from tests.fixtures.processes import KEYS, Exchange

LET_IN, _EXCHANGE = "LET_TESTS_IN", "LOOPBACK_EXCHANGE"


class LiveGateway(InjectingGateway):
    """let_in: whether Logons of tests get through."""

    module = "tests.acceptance.live_on_loopback"

    def __init__(
        self, directory: Path, exchange: Exchange, sessions: Mapping[str, tuple[str, str]], *, let_in: bool
    ) -> None:
        keys = {name.replace("_SIM_", "_LIVE_"): value for name, value in KEYS.items()}
        keys |= {_EXCHANGE: exchange.url} | ({LET_IN: "1"} if let_in else {})
        super().__init__(directory, exchange.url, sessions=sessions, keys=keys)

    def _name_database(self) -> None:
        """It is not made before the start: it belongs to live."""

    def _start(self, arguments: list[str], ready: Path, env: Mapping[str, str]) -> None:
        config = self.directory / "gateway.toml"
        lines = config.read_text().replace('environment = "sim"', 'environment = "live"').splitlines()
        config.write_text("\n".join(line for line in lines if not line.startswith("base_url")))
        super()._start(arguments, ready, env)


def _stay_on_loopback() -> None:
    look_up = socket.getaddrinfo

    def loopback_only(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in ("127.0.0.1", "", None):
            raise OSError(f"no network in this test: {host}")
        return look_up(host, *args, **kwargs)

    socket.getaddrinfo = loopback_only
    live = environments.endpoints(environments.Environment.SIM, os.environ[_EXCHANGE], allow_live=False)
    environments._FIXED = {environments.Environment.LIVE: live}


async def _no_question(*_: object) -> None:
    """The simulator cannot be asked what a key may do."""


app = typer.Typer(add_completion=False)


@app.command("front")
def _front(config: Annotated[Path, typer.Option()], ready_file: Annotated[Path, typer.Option()]) -> None:
    if LET_IN in os.environ:
        patch.object(gate, "logon_refusal", lambda **_: "").start()
    front(config, ready_file=ready_file)


@app.command()
def run(config: Annotated[Path, typer.Option()], ready_file: Annotated[Path, typer.Option()]) -> None:
    """The engine in this process, the front as a child."""
    _stay_on_loopback()
    patch.object(adapter, "check_key", _no_question).start()
    if LET_IN in os.environ:
        patch.object(application, "logon_refusal", lambda **_: "").start()
    load_config(config).engine.directory.mkdir(parents=True, exist_ok=True)
    arguments = ["front", "--config", str(config), "--ready-file", str(ready_file)]
    child = subprocess.Popen([sys.executable, "-m", LiveGateway.module, *arguments])
    try:
        engine(config, allow_live=True)
    finally:
        child.terminate()
        child.wait()


if __name__ == "__main__":
    app()
