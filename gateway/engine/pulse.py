"""The engine's pulse: word to the watchdog that it gets on, for as long as every thread does that an order needs.

A beat is sent when the loop has committed and released, and the venues' process has turned, since the one before. So a
loop that waits for a lock, a commit that never returns, and a process that was stopped are all silent.

Words are lines: `hello N` (N: the fencing number, 0 without a lease) on connecting, `beat`, and `bye` before an orderly
end. The connection's end without that is a death.
"""

import signal
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from loguru import logger

from gateway.engine.attendance import TICK_S

HELLO, BEAT, BYE = "hello", "beat", "bye"

GIVEN_UP = signal.SIGUSR1
"""To the watchdog from the supervisor: the engine cannot work, and is not started again."""

_SEND_S = 1.0
_FIRST_S = 0.02  # from its first beat on an engine is missed


def pulse_socket(directory: Path) -> Path:
    """Where the watchdog listens for it, in the engine's directory."""
    return directory / "pulse.sock"


Ask = Callable[[], threading.Event]
"""Asks a thread for a sign of life: the event is set when it has come by."""


class Pulse:
    """Runs on a thread of its own."""

    def __init__(self, path: Path, fencing_number: int) -> None:
        self._path = path
        self._hello = f"{HELLO} {fencing_number}"
        self._socket: socket.socket | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def connect(self) -> bool:
        """Be known to the watchdog, which kills us if it acts from now on. Returns whether we are."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_SEND_S)
        try:
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            return False
        self._socket = connection
        return self._say(self._hello)

    def start(self, asks: Sequence[Ask], on_beat: Callable[[], None]) -> None:
        """Begin to beat. on_beat: called with each."""
        self._thread = threading.Thread(target=self._run, args=(asks, on_beat), name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say that the end is an orderly one."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(2 * _SEND_S)
        self._say(BYE)

    def _run(self, asks: Sequence[Ask], on_beat: Callable[[], None]) -> None:
        signs, pause = [ask() for ask in asks], _FIRST_S
        while not self._ended.wait(pause):
            if all(sign.is_set() for sign in signs):
                pause = TICK_S / 2
                on_beat()
                if self._socket is not None or self.connect():
                    self._say(BEAT)
                signs = [ask() for ask in asks]

    def _say(self, word: str) -> bool:
        if self._socket is None:
            return False
        try:
            self._socket.sendall(f"{word}\n".encode())
        except OSError as error:
            logger.warning("the watchdog does not hear us, connecting again: {}", error)
            self._socket.close()
            self._socket = None
            return False
        return True
