"""A child process that must not outlive its parent, which would leave one that trades and that nobody watches."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def stop_with_parent(parent: int | None, by: signal.Signals = signal.SIGTERM) -> None:
    """Have this signal sent to this process when its parent, which has this id, ends. None: it stands alone.

    Linux alone can do it; elsewhere this does nothing.
    """
    if parent is None or sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), by)
