"""A gateway and a simulated exchange of their own, for going through a record once more.

They are made so that they can reach nothing else: the configuration is written from nothing, with environment "sim"
and addresses of this host alone, the keys are made up for it, and of the caller's environment only what a process needs
to run is passed on.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select

import gateway
from gateway.cli.scratch_clock import ScratchClock
from gateway.cli.scratch_given import GivenFiles
from gateway.compliance.inject.record import Record
from gateway.config import Config, SessionConfig, load_config
from gateway.errors import GatewayError
from gateway.store.database import open_database, open_for_reading
from gateway.store.tables import limits as limits_table
from gateway.store.tables import meta, venue_calls

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME")
_START_S = 180.0  # on two busy cores nearly a minute was seen; what has ended is seen at once
_STOP_S = 20.0
_LONG_MS = 120_000
_STARTED = "engine started"
QUIET_S = 3_600
"""HeartBtInt(108) of the sessions: a throttle counts heartbeats, and those of the record are sent with the rest."""

WAKER = "WAKER"
"""CompID of a session that the scratch gateway has besides, whose messages make it look at the time."""


class ScratchError(GatewayError):
    """The scratch gateway or its exchange does not come up; the text has what they logged last."""


class Scratch:
    """Both processes, and the database, in one directory. `start`, then `url`, `port` and `sql`, then `stop`."""

    def __init__(self, directory: Path, config: Config, record: Record, instance: str, begin: int) -> None:
        """config: the real gateway's, for its sessions and accounts. record: what it is to go through, of which limits
        and instruments are there from its beginning. instance: what client ids of the record carry.

        begin: when its time begins, nanoseconds UTC.
        """
        self.directory = directory
        self._of = config
        self._limits = record.limits
        self._instance = instance
        self._database_url = f"sqlite:///{directory / 'gateway.db'}"
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._sql: Engine | None = None
        self.clock = ScratchClock(directory / "clock", begin=begin)
        self.caller = directory / "caller.json"
        self.given = GivenFiles(directory, record.instruments, with_history=record.with_history)
        self.control_socket = directory / "run" / "control.sock"
        self.url = ""
        self.port = 0

    def start(self) -> None:
        """Returns when clients can log on and orders are taken. Raises ScratchError, and ConfigError."""
        keys = {account.name: (secrets.token_hex(16), secrets.token_hex(16)) for account in self._of.venue_accounts}
        accounts = self.directory / "accounts.toml"
        accounts.write_text(
            "\n".join(
                _table("[account]", {"name": name, "api_key": key, "secret": secret})
                for name, (key, secret) in keys.items()
            )
        )
        ready = self.directory / "sim.json"
        options = ["--port", "0", "--no-maker", "--no-limits", "--accounts", str(accounts), "--ready-file", str(ready)]
        self._run("sim", ["sim", *options], clean_environment())
        self.url = f"http://127.0.0.1:{self._port(ready)}"
        self._set_exchange_time()
        file = self.directory / "gateway.toml"
        file.write_text(scratch_config(self._of, self.directory, self.url))
        load_config(file)  # what is wrong with it is said here
        (self.directory / "run").mkdir()
        database = open_database(self._database_url, "sim", self._of.deployment)
        with database.begin() as connection:
            connection.execute(meta.update().where(meta.c.key == "instance").values(value=self._instance))
            if self._limits:
                connection.execute(limits_table.insert(), [row._asdict() for row in self._limits])
        database.dispose()
        ready = self.directory / "gateway.json"
        own_keys = {
            f"FIXGW_SIM_{name.upper()}_API_{part}": value
            for name, pair in keys.items()
            for part, value in zip(("KEY", "SECRET"), pair, strict=True)
        }
        self._run("front", ["front", "--config", str(file), "--ready-file", str(ready)], clean_environment())
        given = self.given.instruments, self.given.given
        files = [str(path) for path in (file, self.directory / "clock", self.caller, *given)]
        self._engine = partial(
            self._run, "engine", files, clean_environment() | own_keys, module="gateway.cli.scratch_engine"
        )
        self._sql = open_for_reading(self._database_url)
        self._start_engine(len(keys))
        self.port = self._port(ready)

    def kill_engine(self) -> None:
        """It ends at once; begin_again comes next."""
        _, process = self._running.pop()
        process.kill()
        process.wait()

    def begin_again(self) -> None:
        """Another engine; returns as start does. There is one venue account. Raises ScratchError."""
        self._start_engine(1)

    def _start_engine(self, accounts: int) -> None:
        starts, compared = self._log("engine").count(_STARTED), self._compared()
        self._engine()
        # Either may come first: clients are let in, and the venue's books are known, so that orders are taken.
        self._await(lambda: self._log("engine").count(_STARTED) > starts)
        self._await(lambda: self._compared() >= compared + accounts)

    def _set_exchange_time(self) -> None:
        """Before the engine learns how far it is from its own."""
        ahead = self.clock.now() - time.time_ns()
        body = json.dumps({"offset_ms": ahead // 1_000_000}).encode()
        request = urllib.request.Request(f"{self.url}/sim/time", body, {"Content-Type": "application/json"})  # noqa: S310 - made above
        with urllib.request.urlopen(request, timeout=_START_S):  # noqa: S310 - as above
            pass

    def sql(self) -> Connection:
        """A connection that reads beside the engine; close it."""
        assert self._sql is not None
        return self._sql.connect()

    def stop(self) -> None:
        """The exchange first: a gateway that waits for its answers would wait for long."""
        if self._sql is not None:
            self._sql.dispose()
        for _, process in self._running:
            process.send_signal(signal.SIGTERM)
        for _, process in self._running:
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    def _log(self, name: str) -> str:
        file = self.directory / f"{name}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def _compared(self) -> int:
        """How often venue accounts were compared with the books: orders are taken from then on."""
        with self.sql() as sql:
            query = select(func.count())
            return int(sql.execute(query.where(venue_calls.c.operation == "reconcile")).scalar_one())

    def _run(self, name: str, arguments: list[str], environ: Mapping[str, str], module: str = "gateway") -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own module with arguments of ours
                [sys.executable, "-m", module, *arguments],
                cwd=self.directory,
                env=dict(environ),
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the command, which then stops them in order
            )
        self._running.append((name, process))

    def _port(self, ready: Path) -> int:
        self._await(ready.exists)
        return int(json.loads(ready.read_text())["port"])

    def _await(self, condition: Callable[[], bool]) -> None:
        name, process = self._running[-1]
        deadline = time.monotonic() + _START_S
        while not condition():
            ended = process.poll() is not None
            if ended or time.monotonic() > deadline:
                tail = "\n".join(self._log(name).splitlines()[-10:])
                raise ScratchError(f"the scratch {name} {'ended' if ended else 'is not ready'}:\n{tail}")
            time.sleep(0.02)


def clean_environment() -> dict[str, str]:
    """What a process needs to run, and nothing of the gateway's."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return kept | {"PYTHONPATH": str(Path(gateway.__file__).parents[1])}


def scratch_config(of: Config, directory: Path, exchange_url: str) -> str:
    """The whole file. Sessions and accounts are the real gateway's; who may connect and when is not asked here.

    Prices are not followed: those that orders were decided with are given. Nothing is compared by the clock.
    """
    parts = [
        _lines({"environment": "sim", "deployment": of.deployment}),
        _table("database", {"url": f"sqlite:///{directory / 'gateway.db'}"}),
        _table("front", {"host": "127.0.0.1", "port": 0}),
        _table(
            "engine",
            {
                "directory": "run",  # from its working directory: the names of sockets have to be short
                "recv_window_ms": of.engine.recv_window_ms,
                "day_end": of.engine.day_end,
                "reconcile_seconds": 0,
                "most_waiting": 1_000_000,
                "heart_bt_int_max": QUIET_S,
                "emergency_cancel": False,
                "hang_seconds": 0,
            },
        ),
        _table("wire_log", {"enabled": False}),
        _table("risk", {"without_reference": "pass", "currency": of.risk.currency}),
    ]
    for venue_account in of.venue_accounts:
        name = "self_trade_prevention"
        kept = {name: venue_account.settings[name]} if name in venue_account.settings else {}
        own = {"base_url": exchange_url, "answer_timeout_ms": _LONG_MS, "event_timeout_ms": 5 * _LONG_MS}
        parts.append(_table("[venue_accounts]", {"name": venue_account.name, "venue": venue_account.venue}))
        parts.append(_table("venue_accounts.settings", kept | own))
    parts += [_table("[accounts]", {"name": a.name, "venue_account": a.venue_account}) for a in of.accounts]
    parts += [part for session in of.sessions for part in _session(session)]
    parts.append(_table("[sessions]", {"target_comp_id": WAKER, "accounts": [of.accounts[0].name]}))
    return "\n".join(parts)


def _session(session: SessionConfig) -> list[str]:
    names = (
        *("begin_string", "sender_comp_id", "target_comp_id", "timestamp_precision", "report_pending_new"),
        *("immediate_remainder", "cancel_on_disconnect", "cancel_on_disconnect_grace_seconds"),
        "max_order_age_seconds",
    )
    lists = ("accounts", "drop_copy_of", "drop_copy_accounts", "cancel_accounts")
    values = {name: getattr(session, name) for name in names if getattr(session, name) is not None}
    values |= {name: list(getattr(session, name)) for name in lists if getattr(session, name)}
    throttle = session.throttle.model_dump(mode="json", exclude_none=True) if session.throttle is not None else None
    return [_table("[sessions]", values)] + ([_table("sessions.throttle", throttle)] if throttle else [])


def _table(name: str, values: Mapping[str, Any]) -> str:
    return f"[{name}]\n{_lines(values)}"


def _lines(values: Mapping[str, Any]) -> str:
    """Text, whole numbers, truth and lists are in TOML what they are in JSON."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
