"""The engine's line to the watchdog, open from the start: when it is needed there may be no file descriptor left."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loguru import logger

from gateway.engine.emergency import Emergency, encode, open_orders
from gateway.engine.inbox import AlertRaised
from gateway.engine.recorder import Recorder

TAKEN = "taken"
"""The watchdog's answer, once the cancels are on the disk if that can be had."""

STAY = "open orders stay at the exchange"
CANCELED = "all open orders are being canceled"

_PATIENCE_S = 3.0  # it answers when it is on the disk, which may be in trouble
_WATCHDOG_STARTS_S = 5.0  # it is started together with the engine
_RETRY_S = 0.05
_WATCHDOG = "watchdog.sock"


def watchdog_socket(directory: Path) -> Path:
    """Where the watchdog listens, in the engine's directory."""
    return directory / _WATCHDOG


class Handover:
    """Connecting tells the watchdog that an engine is there which could read SQL."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None

    def connect(self, patience_s: float) -> str:
        """Returns what is wrong, or ""."""
        deadline = time.monotonic() + patience_s
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self._path))
            except OSError as error:
                connection.close()
                if time.monotonic() >= deadline:
                    return f"no watchdog at {self._path}: {error.strerror}"
                time.sleep(_RETRY_S)
            else:
                self._socket = connection
                return ""

    def give(self, emergency: Emergency, patience_s: float) -> str:
        """Hand the open orders over. Returns what is wrong, or "" once the watchdog has taken them."""
        data = encode(emergency)
        if not self._send(data, patience_s):  # the watchdog may have been started again meanwhile
            problem = self.connect(0)
            if problem:
                return problem
            self._send(data, patience_s)
        assert self._socket is not None
        try:
            answer = self._socket.makefile().readline().strip()
        except OSError as error:
            return f"the watchdog does not answer: {error}"
        return "" if answer == TAKEN else f"the watchdog says {answer!r}"

    def _send(self, data: bytes, patience_s: float) -> bool:
        """Returns whether all was sent."""
        if self._socket is None:
            return False
        try:
            self._socket.settimeout(patience_s)
            self._socket.sendall(data)
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return True


def find_watchdog(directory: Path, put: Callable[[Any], None]) -> Handover:
    """Connect to it; one that is not there yet is tried again when it is needed."""
    handover = Handover(watchdog_socket(directory))
    problem = handover.connect(_WATCHDOG_STARTS_S)
    if problem:
        put(AlertRaised("WATCHDOG_AWAY", f"{problem}; tried again if SQL is lost", time.time_ns()))
    return handover


def hand_over(
    handover: Handover | None,
    recorder: Recorder,
    check_lease: Callable[[], None],
    owners: Callable[[], dict[str, str]],
    cause: str,
) -> str:
    """Give the open orders to the watchdog; nothing is decided any more. Returns what becomes of them, for clients.

    handover: None where no emergency cancels are wanted. check_lease raises LeaseLost, which is passed on: the orders
    are another engine's. owners: whose the venue accounts are.
    """
    if handover is None:
        return STAY
    check_lease()
    try:
        orders = open_orders(recorder.book, recorder.intents)
        problem = handover.give(Emergency(cause, time.time_ns(), orders, owners=owners()), _PATIENCE_S)
    except Exception as error:  # clients have to be told in any case
        logger.opt(exception=error).critical("open orders could not be handed over")
        return STAY
    if problem:
        logger.critical("{} open orders, nobody is known to cancel them: {}", len(orders), problem)
        return STAY
    logger.critical("{} open orders handed to the watchdog, which cancels them", len(orders))
    return CANCELED
