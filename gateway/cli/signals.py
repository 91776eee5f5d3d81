"""Signals, for a main thread that waits for them."""

import signal
from queue import Empty, SimpleQueue

KILL_SWITCH = signal.SIGUSR1
"""To `fixgw run`: halt the firm and cancel all that is open."""

RELOAD_KEYS = signal.SIGUSR2
"""To `fixgw run`: have the engine read the venue keys again, and the front TLS files and public keys."""


class Signals:
    """Takes signals from now on, one after the other. To be made on the main thread.

    A handler runs between any two steps of the main thread, so it may take no lock that this thread can be holding.
    threading.Event does: set() in a handler can wait for ever for the wait() that it interrupted. SimpleQueue.put()
    is made for it.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._arrived: SimpleQueue[int] = SimpleQueue()
        for number in numbers:
            signal.signal(number, lambda arrived, _: self._arrived.put(arrived))

    def wait(self, timeout: float | None = None) -> int | None:
        """The next signal's number; None when there was none within so many seconds."""
        try:
            return self._arrived.get(timeout=timeout)
        except Empty:
            return None
