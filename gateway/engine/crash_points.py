"""Named places where a test has the process die, as by SIGKILL, to see that nothing is lost or doubled.

`FIXGW_CRASH_AT=name:n:file` kills the process when it passes `name` for the n-th time, once: the file is made first,
and a process that finds it lives. `FIXGW_PAUSE_AT=name:file` has it stop there, as by SIGSTOP, once the file exists;
the file is removed first. Without the variables a point is an empty function.

The points, in the order in which an order passes them:

    received              a message of a client was copied out of its callback
    drained               the batch was taken from the inbox
    decided               events and effects are known, nothing is written
    committed             SQL has them, nothing is released
    venue_released        requests were handed to the venues' process, reports not yet to FIX
    venue_writing         a request is about to be written to the venue (this one and the next two: the venues' process)
    venue_written         a request was given to the socket
    venue_answered        an answer or an event came, the engine does not know yet
    sending               a report is about to be given to QuickFIX
    leaving               QuickFIX gave it a number and is about to write it
    sent                  the report was written, SQL does not know yet
    released              all effects of the batch are out
    logon_received        a Logon came in, nothing of it is recorded
    epoch_committed       a reset is in SQL, its Logon is not answered
"""

import itertools
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

VARIABLE = "FIXGW_CRASH_AT"
PAUSE_VARIABLE = "FIXGW_PAUSE_AT"
POINTS = frozenset(
    line.split()[0] for line in (__doc__ or "").split("order in which an order passes them:")[-1].splitlines() if line
)


def _unarmed(name: str) -> None:
    """Pass."""


def _armed(wanted: str, nth: int, marker: Path) -> Callable[[str], None]:
    passes = itertools.count(1)  # its next() is atomic: points are passed on several threads

    def crash_point(name: str) -> None:
        if name == wanted and next(passes) == nth:
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    return crash_point


def _pausing(wanted: str, trigger: Path) -> Callable[[str], None]:
    def crash_point(name: str) -> None:
        if name == wanted and trigger.exists():
            trigger.unlink()
            # To this thread: were another one to take the signal, this one would run on for a while.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    return crash_point


def _from_environment() -> Callable[[str], None]:
    if pause := os.environ.get(PAUSE_VARIABLE):
        name, trigger = pause.split(":", 1)
        return _pausing(name, Path(trigger))
    text = os.environ.get(VARIABLE)
    if not text:
        return _unarmed
    name, nth, marker = text.split(":", 2)
    if name not in POINTS:
        raise ValueError(f"{VARIABLE}: there is no point {name!r}; there are {sorted(POINTS)}")
    return _unarmed if Path(marker).exists() else _armed(name, int(nth), Path(marker))


crash_point: Callable[[str], None] = _from_environment()
