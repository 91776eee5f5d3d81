"""The engine's end when it cannot go on: nothing is decided or committed any more, and clients are told."""

import threading
from collections.abc import Callable

from gateway.errors import JournalHalted, LeaseLost

FAREWELL_LIMIT_S = 10.0
"""However the farewell fares, the process ends after this: more than the loop's turn, the watchdog and the clients may
take together.
"""

TURN_LIMIT_S = 2.0
"""How long the engine's loop may take to end its turn before the farewell begins without that."""

DATABASE_LOST = "DATABASE_LOST orders cannot be recorded; log on again"
ENGINE_HALTED = "ENGINE_HALTED the gateway starts afresh; log on again"


class Halt:
    """Ends the process, from whichever thread finds out first that it has to. Does not return."""

    def __init__(self, end_process: Callable[[BaseException], None]) -> None:
        self._end_process = end_process
        self._lock = threading.Lock()
        self.working = threading.RLock()
        """Held by the engine's loop while it decides, commits and releases. Whoever halts the process takes it and
        keeps it, so that no order is placed beside the farewell: it would be none of those that are handed over.
        """
        self.farewell: Callable[[str], None] | None = None
        """Logs clients out with this Text(58), and waits a little for it."""
        self.hand_over: Callable[[str], str] | None = None
        """Sees to the open orders when SQL is lost for this reason. Returns what clients are told about them."""

    def __call__(self, error: BaseException) -> None:
        """An engine that has lost its lease may not even say goodbye."""
        if isinstance(error, LeaseLost):
            self._end_process(error)
        with self._lock:  # whoever comes second waits here for the end
            timer = threading.Timer(FAREWELL_LIMIT_S, self._end_process, [error])
            timer.daemon = True
            timer.start()
            try:
                self.working.acquire(timeout=TURN_LIMIT_S)
                text = ENGINE_HALTED
                if isinstance(error, JournalHalted):
                    text = DATABASE_LOST
                    if self.hand_over is not None:
                        text += f"; {self.hand_over(str(error))}"
                if self.farewell is not None:
                    self.farewell(text)
            finally:
                timer.cancel()
                self._end_process(error)
