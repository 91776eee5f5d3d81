"""Keeps the front and the engine running: starts both, restarts what dies, stops both in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from loguru import logger

from gateway.cli.exits import EXIT_DRAINED
from gateway.cli.signals import KILL_SWITCH, RELOAD_KEYS, Signals

_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_HEALTHY_AFTER_S = 30.0


@dataclass(slots=True)
class Child:
    """One supervised process. fatal: exit codes after which starting again does not help.

    stop_seconds: how long it may take to end when asked to. env: its environment; None: ours.
    has_keys: it reads keys, and again when told to. given_up: the signal that tells it that another cannot work.
    """

    name: str
    arguments: list[str]
    fatal: frozenset[int]
    stop_seconds: float
    env: Mapping[str, str] | None = None
    has_keys: bool = False
    given_up: signal.Signals | None = None
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = field(default=0)

    def start(self) -> None:
        """Start it, in a process group of its own so that Ctrl-C reaches the supervisor alone."""
        self.process = subprocess.Popen(  # noqa: S603 - our own module with arguments of ours
            [sys.executable, "-m", "gateway", *self.arguments], start_new_session=True, env=self.env
        )
        self.started_at = time.monotonic()
        logger.info("started process={} pid={}", self.name, self.process.pid)

    def reload_keys(self) -> None:
        """Tell it, if it runs and has any."""
        if self.has_keys and self.process is not None and self.process.poll() is None:
            self.process.send_signal(RELOAD_KEYS)

    def give_up(self) -> None:
        """Tell it, if it runs and wants to know, that the gateway is about to end because of another."""
        if self.given_up is not None and self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.given_up)

    def stop(self) -> None:
        """Ask it to end, wait, and insist."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            logger.error("does not stop, killed process={} pid={}", self.name, self.process.pid)
            self.process.kill()
            self.process.wait()


class Supervisor:
    """Runs until a signal tells it to stop, or until a child says that it cannot work.

    RELOAD_KEYS is passed on, KILL_SWITCH seen to.
    """

    def __init__(self, children: list[Child], signals: Signals, kill_switches: Iterable[Callable[[], None]]) -> None:
        """children: in the order in which they are started, and stopped. kill_switches: what KILL_SWITCH calls."""
        self._kill_switches = tuple(kill_switches)
        self._children = children
        self._signals = signals

    def run(self) -> int:
        """Returns the exit code for the whole: 0 after a signal, or a child's own fatal code."""
        try:
            for child in self._children:
                child.start()
            while (number := self._signals.wait(0.05)) in (None, RELOAD_KEYS, KILL_SWITCH):
                if number == KILL_SWITCH:
                    for kill in self._kill_switches:
                        kill()
                elif number == RELOAD_KEYS:
                    for child in self._children:
                        child.reload_keys()
                code = self._look()
                self._bury()
                if code is not None:
                    for child in self._children:
                        child.give_up()
                    return code
            return 0
        finally:
            for child in self._children:
                child.stop()

    def _bury(self) -> None:
        """Collect dead processes that none of our own has: the first process of a container inherits them, such as the
        one of an engine that died, for its venues.
        """
        if not hasattr(os, "waitid"):
            return
        ours = {child.process.pid for child in self._children if child.process and child.process.returncode is None}
        with suppress(ChildProcessError):  # there are none at all
            while (dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and dead.si_pid not in ours:
                os.waitpid(dead.si_pid, 0)

    def _look(self) -> int | None:
        now = time.monotonic()
        for child in self._children:
            assert child.process is not None
            code = child.process.poll()
            if code is None:
                if child.failures and now - child.started_at > _HEALTHY_AFTER_S:
                    child.failures = 0
            elif code in child.fatal:
                if code == EXIT_DRAINED:
                    logger.info("drained, stopping process={}", child.name)
                else:
                    logger.error("cannot work, giving up process={} exit_code={}", child.name, code)
                return code
            elif not child.restart_at:
                wait = _BACKOFF_S[min(child.failures, len(_BACKOFF_S) - 1)]
                child.failures += 1
                child.restart_at = now + wait
                logger.error("died, restarts in {}s process={} exit_code={}", wait, child.name, code)
            elif now >= child.restart_at:
                child.restart_at = 0.0
                child.start()
        return None
