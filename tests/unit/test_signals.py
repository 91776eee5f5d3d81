"""Signals that arrive at any moment, also while the main thread is taking or leaving a lock."""

import subprocess
import sys

STORM = """
import signal
from gateway.cli.signals import Signals

signals = Signals(signal.SIGALRM)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
arrived = sum(signals.wait(0.0003) is not None for _ in range(20_000))
signal.setitimer(signal.ITIMER_REAL, 0)
assert arrived > 0
"""


def test_a_signal_never_blocks_the_thread_that_waits_for_it() -> None:
    subprocess.run([sys.executable, "-c", STORM], timeout=60, check=True)
