"""How far the host's clock is from UTC, as the kernel's time keeping knows it (adjtimex(2), Linux)."""

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from loguru import logger

from gateway.engine.inbox import ClockRead

_NS_PER_US = 1_000
_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000
_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    """struct timex of <sys/timex.h>."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("_rest", ctypes.c_byte * 256),  # more than there is of it
    ]


class HostClock(NamedTuple):
    """offset_ns: what the time service is still correcting, UTC less the host's clock. error_ns: it is right to plus or
    minus this. problem: why that cannot be relied on.
    """

    offset_ns: int
    error_ns: int
    problem: str


def read_host_clock() -> HostClock | None:
    """None where the host does not tell. Changes nothing, and needs no privileges."""
    if sys.platform != "linux":
        return None
    found = _Timex(modes=0)
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(found))
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    offset = found.offset if found.status & _STA_NANO else found.offset * _NS_PER_US
    unsynchronized = state == _TIME_ERROR or bool(found.status & _STA_UNSYNC)
    problem = "the host's clock is not synchronized" if unsynchronized else ""
    return HostClock(offset, found.maxerror * _NS_PER_US, problem)


class HostClockWatch:
    """Reads the host's clock now and then, on a thread of its own, into the engine's inbox."""

    def __init__(self, put: Callable[[ClockRead], None], every_seconds: int) -> None:
        self._put = put
        self._every = every_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="host clock", daemon=True)

    def start(self) -> None:
        """The first reading is taken at once."""
        self._thread.start()

    def stop(self) -> None:
        """No reading comes after this."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            reading = read_host_clock()
            if reading is None:
                logger.info("the host does not say how far its clock is from UTC")
                return
            self._put(ClockRead("utc", "", *reading, time.time_ns()))
            self._stopped.wait(self._every)
