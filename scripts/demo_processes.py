"""The processes of the demo: the simulated exchange and the gateway, each started as a person would start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
_START_SECONDS = 60.0
_STOP_SECONDS = 40.0

# The simulated exchange's built-in account "main". At a real exchange these are yours, and secret.
_KEYS = {"FIXGW_SIM_MAIN_API_KEY": "sim-main-key", "FIXGW_SIM_MAIN_API_SECRET": "sim-main-secret"}

_CONFIG = """\
# Written by scripts/demo; paths are relative to the repository's root. See config/sandbox.toml for a commented one.
environment = "sim"
deployment = "demo"

[database]
url = "sqlite:///{directory}/gateway.db"

[front]
port = {port}

[engine]
directory = "{directory}"

[log]
file = "{directory}/gateway.log"

[risk]
without_reference = "pass"

[[venue_accounts]]
name = "main"
venue = "binance"

[venue_accounts.settings]
base_url = "{exchange_url}"
reference_symbols = ["BTCUSDT", "ETHUSDT"]

[[accounts]]
name = "TRADING"
venue_account = "main"

[accounts.limits]
max_order_qty = "100"
max_order_notional = "500000"
max_position = "250"

[[sessions]]
begin_string = "FIX.4.4"
target_comp_id = "OMS"
accounts = ["TRADING"]

[[sessions]]
begin_string = "FIX.4.4"
target_comp_id = "DESK"
accounts = ["TRADING"]
"""


class DemoError(Exception):
    """The demo cannot go on; the text says why, for the person in front of it."""


class Processes:
    """A fresh directory, and what runs in it. All paths are relative to the repository's root."""

    def __init__(self) -> None:
        self.directory = _fresh_directory()
        self.config = self.directory / "gateway.toml"
        self.exchange_log = self.directory / "exchange.log"
        self.gateway_log = self.directory / "gateway.log"
        self.database_url = f"sqlite:///{self.directory}/gateway.db"
        self.exchange_port = self.gateway_port = 0
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    @property
    def exchange_url(self) -> str:
        """REST, WebSocket and control API of the simulated exchange."""
        return f"http://127.0.0.1:{self.exchange_port}"

    def start_exchange(self) -> None:
        """Raises DemoError when it does not come up."""
        ready = self.directory / "exchange.json"
        command = ["sim", "--port", "0", "--seed", "7", "--ready-file", str(ready)]
        self._start("simulated exchange", command, self.exchange_log)
        self.exchange_port = self._port(ready)

    def start_gateway(self) -> None:
        """Raises DemoError when it does not come up, or does not reach the exchange."""
        ready = self.directory / "gateway.json"
        self.config.write_text(_CONFIG.format(directory=self.directory, exchange_url=self.exchange_url, port=0))
        self._start("gateway", ["run", "--config", str(self.config), "--ready-file", str(ready)], self.gateway_log)
        self.gateway_port = self._port(ready)
        # Clients can log on once the engine has started, and orders are taken once the venue's state is known.
        for line in ("engine started", "reconciled account="):
            self._await(lambda line=line: line in self.gateway_log.read_text(errors="replace"))  # type: ignore[misc]  # mypy infers no lambda with a default
        # The next start with this file listens where this one does.
        self.config.write_text(
            _CONFIG.format(directory=self.directory, exchange_url=self.exchange_url, port=self.gateway_port)
        )

    def stop(self) -> bool:
        """The gateway first. Returns whether all ended by themselves, in order."""
        clean = True
        while self._running:
            name, process = self._running.pop()
            process.send_signal(signal.SIGTERM)
            try:
                clean = process.wait(_STOP_SECONDS) == 0 and clean
            except subprocess.TimeoutExpired:
                print(f"The {name} does not stop and is killed (pid {process.pid})", file=sys.stderr)
                process.kill()
                process.wait()
                clean = False
        return clean

    def dead(self) -> str | None:
        """The name of a process that has ended although nobody asked it to."""
        return next((name for name, process in self._running if process.poll() is not None), None)

    def _start(self, name: str, arguments: list[str], log: Path) -> None:
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "gateway", *arguments],
                cwd=ROOT,
                env={**os.environ, **_KEYS},
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops them in order
            )
        self._running.append((name, process))

    def _port(self, ready: Path) -> int:
        self._await(ready.exists)
        return int(json.loads(ready.read_text())["port"])

    def _await(self, condition: Callable[[], bool]) -> None:
        name = self._running[-1][0]
        log = self.exchange_log if len(self._running) == 1 else self.gateway_log
        deadline = time.monotonic() + _START_SECONDS
        while not condition():
            late = time.monotonic() > deadline
            if late or self.dead():
                what = f"is not ready after {_START_SECONDS:g} s" if late else "ended at once"
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                raise DemoError(f"The {name} {what}. Its log, {log}, ends with:\n{tail}")
            time.sleep(0.02)


def _fresh_directory() -> Path:
    """var/demo/<date>-<time>, with a number behind it if another demo started in the same second."""
    stem = f"var/demo/{time.strftime('%Y%m%d-%H%M%S')}"
    for suffix in ["", *(f"-{number}" for number in range(2, 100))]:
        directory = Path(stem + suffix)
        try:
            directory.mkdir(parents=True)
        except FileExistsError:
            continue
        return directory
    raise DemoError(f"{stem}: too many demos at once")
